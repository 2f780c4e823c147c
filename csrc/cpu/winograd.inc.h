// winograd.inc.h: the transforms of Winograd's algorithms for 3x3 kernels with pad 1, by the maps of winograd_maps.inc.h. Each is written once and compiled
// for stride 1 and for stride 2.

enum { WM = 4 }; // a tile's outputs, each way
#define WINO_INPUTS(stride) ((stride) == 1 ? 6 : 9)

// Product i, j of a tile among all, and weight i, j of a kernel. With stride 2 the middle tap's products (5 .. 8 each way) stand side by side, as they
// share weights.
SK_INLINE int wino_place(const int stride, const int i, const int j) {
  if (stride == 1) return i * 6 + j;
  return i < 5 ? 9 * i + j : j < 5 ? 45 + 4 * j + i - 5 : 65 + 4 * (i - 5) + j - 5;
}

// A tile of in x in to one of out x out, one strip, by MAP, which has a stride: LOAD(i, j) gives an input, STORE(i, j, v) takes an output.
#define WINO_PLANE(in, out, MAP, LOAD, STORE)                       \
  do {                                                              \
    vf t_[9][9];                                                    \
    UNROLL for (int j_ = 0; j_ < in; j_++) {                        \
      vf d_[9], r_[9];                                              \
      UNROLL for (int i_ = 0; i_ < in; i_++) d_[i_] = LOAD(i_, j_); \
      MAP(stride, d_, r_);                                          \
      UNROLL for (int i_ = 0; i_ < out; i_++) t_[i_][j_] = r_[i_];  \
    }                                                               \
    UNROLL for (int i_ = 0; i_ < out; i_++) {                       \
      vf r_[9];                                                     \
      MAP(stride, t_[i_], r_);                                      \
      UNROLL for (int j_ = 0; j_ < out; j_++) STORE(i_, j_, r_[j_]); \
    }                                                               \
  } while (0)

// The view's row r of a block, zeros around the image: column q at place q+1.
SK_INLINE void wino_view_row(const sk_conv *c, const view_strip v[STRIPS], int r, float *row) {
  const int w = c->s.w;
  if (r < 0 || r >= c->s.h) {
    zero(row + SK_B, (int64_t)w * SK_B);
    return;
  }
  for (int s = 0; s < STRIPS; s++) stage_view_row(row + SK_B + s * SK_W, &v[s], r * w, 1, w);
}

// The rows of the view that a tile reads are made in a ring that stays in the first-level cache; the next tiles below want as many new ones as they move.
SK_INLINE void wino_input(const int stride, const sk_conv_job *job, const sk_tiles *k, float *v) {
  const sk_conv *c = job->c;
  const sk_fast *w = &c->fast;
  const int in = WINO_INPUTS(stride), step = WM * stride;
  const int64_t pitch = w->rawrow, next = w->pitch;
  zero(k->rows, w->rows);
  for (int b = k->island->x0; b < k->island->x1; b++) {
    if (w->xat[b] < 0) continue;
    view_strip of[STRIPS] = {{0}};
    float *dst = v + w->xat[b] * w->block;
    int image = -1, done = 0; // rows of the image that the ring has seen
    tile at = tile_first(w, k->t0);
    for (int t = 0, m; t < k->tiles; t += m, dst += m * SK_B) {
      m = tile_row(w, &at, k->tiles - t);
      if (at.image != image) tile_view(job, k->n0 + at.image, b, of);
      if (at.image != image || done < step * at.i) done = step * at.i - 1;
      image = at.image;
      const float *row[9];
      for (int i = 0; i < in; i++) row[i] = k->rows + (step * at.i + i) % in * pitch + step * at.j * SK_B;
      for (; done < step * at.i + in - 1; done++) wino_view_row(c, of, done, k->rows + (done + 1) % in * pitch);
      for (int s = 0; s < STRIPS; s++)
        for (int j = 0; j < m; j++) {
          const int64_t x = step * j * SK_B + s * SK_W;
          float *out = dst + j * SK_B + s * SK_W;
#define LOAD(i, j) vf_load(row[i] + x + (j) * SK_B)
#define STORE(i, j, r) vf_store(out + wino_place(stride, i, j) * next, r)
          WINO_PLANE(in, in, map_bt, LOAD, STORE);
#undef LOAD
#undef STORE
        }
      tile_skip(w, &at, m);
    }
  }
}

SK_INLINE void wino_dy(const int stride, const sk_conv_job *job, const sk_tiles *k, float *e) {
  const sk_conv *c = job->c;
  const sk_fast *w = &c->fast;
  const int out = WINO_INPUTS(stride), p = c->s.p, q = c->s.q;
  const int64_t pitch = WM * w->tw * SK_B, next = w->pitch;
  zero(k->rows, WM * pitch);
  for (int b = k->island->y0; b < k->island->y1; b++) {
    if (w->yat[b] < 0) continue;
    grad_strip g[STRIPS] = {{0}};
    float *dst = e + w->yat[b] * w->block;
    int image = -1;
    tile at = tile_first(w, k->t0);
    for (int t = 0, m; t < k->tiles; t += m, dst += m * SK_B) {
      m = tile_row(w, &at, k->tiles - t);
      if (at.image != image) tile_grad(job, k->n0 + at.image, b, g);
      image = at.image;
      const int q0 = WM * at.j, q1 = q0 + WM * m < q ? q0 + WM * m : q;
      for (int i = 0; i < WM; i++) {
        const int r = WM * at.i + i;
        if (r < p)
          for (int s = 0; s < STRIPS; s++) stage_grad_row(k->rows + i * pitch + q0 * SK_B + s * SK_W, &g[s], r * q + q0, q1 - q0);
        else
          zero(k->rows + i * pitch + q0 * SK_B, (int64_t)(q1 - q0) * SK_B);
      }
      for (int s = 0; s < STRIPS; s++)
        for (int j = 0; j < m; j++) {
          const float *src = k->rows + (q0 + WM * j) * SK_B + s * SK_W;
          float *to = dst + j * SK_B + s * SK_W;
#define LOAD(i, j) vf_load(src + (i) * pitch + (j) * SK_B)
#define STORE(i, j, r) vf_store(to + wino_place(stride, i, j) * next, r)
          WINO_PLANE(WM, out, map_a, LOAD, STORE);
#undef LOAD
#undef STORE
        }
      tile_skip(w, &at, m);
    }
  }
}

SK_INLINE void wino_output(const int stride, const sk_conv *c, const sk_tiles *k, const float *m, const sk_tensor *y) {
  const sk_fast *w = &c->fast;
  const int in = WINO_INPUTS(stride), p = c->s.p, q = c->s.q;
  const int64_t next = w->pitch, row = (int64_t)q * SK_B, ahead = p * row;
  for (int s = k->island->y0 * STRIPS; s < k->island->y1 * STRIPS; s++) {
    const int b = s / STRIPS;
    if (w->yat[b] < 0) continue;
    tile at = tile_first(w, k->t0);
    const float *src = m + w->yat[b] * w->block + s % STRIPS * SK_W;
    float *block = y->p + k->n0 * y->image + b * p * row + s % STRIPS * SK_W;
    for (int t = 0; t < k->tiles; t++, tile_skip(w, &at, 1), src += SK_B) {
      float *dst = block + at.image * y->image + WM * (at.i * row + at.j * SK_B);
      int rows = p - WM * at.i, cols = q - WM * at.j;
#define LOAD(i, j) vf_load(src + wino_place(stride, i, j) * next)
      if (rows >= WM && cols >= WM) {
        for (int i = 0; i < WM && s % STRIPS == 0; i++) // where the next block goes
          UNROLL for (int j = 0; j < WM; j++) __builtin_prefetch(dst + ahead + i * row + j * SK_B, 1, 2);
#define STORE(i, j, r) vf_store(dst + (i) * row + (j) * SK_B, r)
        WINO_PLANE(in, WM, map_at, LOAD, STORE);
#undef STORE
        continue;
      }
      vf whole[WM][WM];
#define STORE(i, j, r) whole[i][j] = r
      WINO_PLANE(in, WM, map_at, LOAD, STORE);
#undef STORE
#undef LOAD
      for (int i = 0; i < WM && i < rows; i++)
        for (int j = 0; j < WM && j < cols; j++) vf_store(dst + i * row + j * SK_B, whole[i][j]);
    }
  }
}

SK_INLINE void wino_dx(const int stride, const sk_conv *c, const sk_tiles *k, int lo, int hi, const float *m, float *raw) {
  const sk_fast *w = &c->fast;
  const int in = WINO_INPUTS(stride), step = WM * stride;
  const int64_t next = w->pitch, row = w->rawrow;
  for (const sk_run *run = w->d.run + lo; run < w->d.run + hi; run++) {
    if (!run->steps) continue;
    for (int b = run->b0; b < run->b0 + run->nb; b++) {
      tile at = tile_first(w, k->t0);
      for (int t = 0; t < k->tiles; t++, tile_skip(w, &at, 1))
        for (int s = 0; s < STRIPS; s++) {
          const float *src = m + w->xat[b] * w->block + t * SK_B + s * SK_W;
          float *dst = raw + (b - k->island->x0) * w->rawblock + at.image * w->rawimage + step * (at.i * row + at.j * SK_B) + s * SK_W;
#define LOAD(i, j) vf_load(src + wino_place(stride, i, j) * next)
#define STORE(i, j, r) vf_store(dst + (i) * row + (j) * SK_B, vf_load(dst + (i) * row + (j) * SK_B) + r)
          WINO_PLANE(in, in, map_b, LOAD, STORE);
#undef LOAD
#undef STORE
        }
    }
  }
}

SK_INLINE void wino_pack(const int stride, const float *g, float *u, int64_t pitch, int64_t freq) {
  float near[36 * SK_B * SK_B] __attribute__((aligned(64)));
  for (int r = 0; r < SK_B; r++)
    for (int s = 0; s < STRIPS; s++) {
      const float *src = g + r * SK_B + s * SK_W;
      float *dst = near + r * SK_B + s * SK_W;
#define LOAD(i, j) vf_load(src + ((i) * 3 + (j)) * SK_B * SK_B)
#define STORE(i, j, r) vf_store(dst + ((i) * 6 + (j)) * SK_B * SK_B, r)
      WINO_PLANE(3, 6, map_g, LOAD, STORE);
#undef LOAD
#undef STORE
    }
  put_kernel(near, 36, u, pitch, freq);
}

SK_INLINE void wino_unpack(const int stride, const float *u, int64_t pitch, int64_t freq, float *g) {
  for (int r = 0; r < SK_B; r++)
    for (int s = 0; s < STRIPS; s++) {
      const float *src = u + r * pitch + s * SK_W;
      float *dst = g + r * SK_B + s * SK_W;
#define LOAD(i, j) vf_load(src + ((i) * 6 + (j)) * freq)
#define STORE(i, j, r) vf_store(dst + ((i) * 3 + (j)) * SK_B * SK_B, r)
      WINO_PLANE(6, 3, map_gt, LOAD, STORE);
#undef LOAD
#undef STORE
    }
}

#define WINO(stride)                                                                                                                            \
  static void wino_input_##stride(const sk_conv_job *j, const sk_tiles *k, float *v) { wino_input(stride, j, k, v); }                           \
  static void wino_dy_##stride(const sk_conv_job *j, const sk_tiles *k, float *e) { wino_dy(stride, j, k, e); }                                 \
  static void wino_output_##stride(const sk_conv *c, const sk_tiles *k, const float *m, const sk_tensor *y) { wino_output(stride, c, k, m, y); } \
  static void wino_dx_##stride(const sk_conv *c, const sk_tiles *k, int lo, int hi, const float *m, float *raw) {                               \
    wino_dx(stride, c, k, lo, hi, m, raw);                                                                                                      \
  }                                                                                                                                             \
  static void wino_pack_##stride(const float *g, float *u, int64_t pitch, int64_t freq) { wino_pack(stride, g, u, pitch, freq); }               \
  static void wino_unpack_##stride(const float *u, int64_t pitch, int64_t freq, float *g) { wino_unpack(stride, u, pitch, freq, g); }
WINO(1)
WINO(2)
#define WINO_TRANSFORMS(stride)                                                                                                    \
  {.input = wino_input_##stride, .dy = wino_dy_##stride, .output = wino_output_##stride, .dx = wino_dx_##stride, .pack = wino_pack_##stride, \
   .unpack = wino_unpack_##stride}
