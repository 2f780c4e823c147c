// winograd.inc.h: the transforms of Winograd's F(4x4, 3x3). Every one is a linear map of whole vectors, as channels lie side by side: no
// shuffles. In the plane both directions are transformed, columns first.
//
//   y = A'[(G g G') * (B' d B)]A    d: 6x6 of x, g: 3x3, y: 4x4
//
// The gradients are the adjoint maps, so they share A dy A': dd = B[(G g G') * (A dy A')]B', dg = G'[(B' d B) * (A dy A')]G.
//
// The points are 0, +-a, +-b and infinity. The usual a = 1, b = 2 costs as much and gives twice the error: the rows of B' and A then differ more in
// size. 5/8 and 3/2 are near the best pair, and everything but G is exact in float32.
#define WA 0.625f
#define WB 1.5f
#define WA2 (WA * WA)
#define WB2 (WB * WB)
#define WG0 (1 / (WA2 * WB2)) // rows of G: the divisors of the interpolation
#define WGA (1 / (2 * WA2 * (WA2 - WB2)))
#define WGB (1 / (2 * WB2 * (WB2 - WA2)))

enum { WM = 4, WT = SK_WT }; // a tile's outputs, its inputs, each way

// r = B' d
SK_INLINE void wino_bt(const vf d[6], vf r[6]) {
  vf ae = d[4] - WB2 * d[2], ao = d[3] - WB2 * d[1], be = d[4] - WA2 * d[2], bo = d[3] - WA2 * d[1];
  r[0] = WA2 * WB2 * d[0] + (d[4] - (WA2 + WB2) * d[2]);
  r[1] = ae + WA * ao;
  r[2] = ae - WA * ao;
  r[3] = be + WB * bo;
  r[4] = be - WB * bo;
  r[5] = WA2 * WB2 * d[1] + (d[5] - (WA2 + WB2) * d[3]);
}

// r = B m
SK_INLINE void wino_b(const vf m[6], vf r[6]) {
  vf ae = m[1] + m[2], ao = m[1] - m[2], be = m[3] + m[4], bo = m[3] - m[4];
  r[0] = WA2 * WB2 * m[0];
  r[1] = WA2 * WB2 * m[5] - WA * WB2 * ao - WA2 * WB * bo;
  r[2] = -(WA2 + WB2) * m[0] - WB2 * ae - WA2 * be;
  r[3] = WA * ao + WB * bo - (WA2 + WB2) * m[5];
  r[4] = m[0] + ae + be;
  r[5] = m[5];
}

// r = A' m
SK_INLINE void wino_at(const vf m[6], vf r[4]) {
  vf ae = m[1] + m[2], ao = m[1] - m[2], be = m[3] + m[4], bo = m[3] - m[4];
  r[0] = m[0] + ae + be;
  r[1] = WA * ao + WB * bo;
  r[2] = WA2 * ae + WB2 * be;
  r[3] = WA * WA2 * ao + (WB * WB2 * bo + m[5]);
}

// r = A d
SK_INLINE void wino_a(const vf d[4], vf r[6]) {
  vf ae = d[0] + WA2 * d[2], ao = WA * d[1] + WA * WA2 * d[3], be = d[0] + WB2 * d[2], bo = WB * d[1] + WB * WB2 * d[3];
  r[0] = d[0];
  r[1] = ae + ao;
  r[2] = ae - ao;
  r[3] = be + bo;
  r[4] = be - bo;
  r[5] = d[3];
}

// r = G g
SK_INLINE void wino_g(const vf g[3], vf r[6]) {
  vf ae = g[0] + WA2 * g[2], be = g[0] + WB2 * g[2];
  r[0] = WG0 * g[0];
  r[1] = WGA * (ae + WA * g[1]);
  r[2] = WGA * (ae - WA * g[1]);
  r[3] = WGB * (be + WB * g[1]);
  r[4] = WGB * (be - WB * g[1]);
  r[5] = g[2];
}

// r = G' m
SK_INLINE void wino_gt(const vf m[6], vf r[3]) {
  vf ae = WGA * (m[1] + m[2]), ao = WGA * (m[1] - m[2]), be = WGB * (m[3] + m[4]), bo = WGB * (m[3] - m[4]);
  r[0] = WG0 * m[0] + (ae + be);
  r[1] = WA * ao + WB * bo;
  r[2] = WA2 * ae + WB2 * be + m[5];
}

// An IN x IN tile to an OUT x OUT one, one strip: LOAD(i, j) gives an input, STORE(i, j, v) takes an output.
#define WINO_PLANE(IN, OUT, MAP, LOAD, STORE)                   \
  do {                                                          \
    vf t_[OUT][IN];                                             \
    UNROLL for (int j_ = 0; j_ < IN; j_++) {                    \
      vf d_[IN], r_[OUT];                                       \
      UNROLL for (int i_ = 0; i_ < IN; i_++) d_[i_] = LOAD(i_, j_); \
      MAP(d_, r_);                                              \
      UNROLL for (int i_ = 0; i_ < OUT; i_++) t_[i_][j_] = r_[i_]; \
    }                                                           \
    UNROLL for (int i_ = 0; i_ < OUT; i_++) {                   \
      vf r_[OUT];                                               \
      MAP(t_[i_], r_);                                          \
      UNROLL for (int j_ = 0; j_ < OUT; j_++) STORE(i_, j_, r_[j_]); \
    }                                                           \
  } while (0)

// Where a tile stands.
typedef struct {
  int image, i, j;
} wino_tile;

SK_INLINE wino_tile wino_first(const sk_winograd *w, int t) {
  return (wino_tile){t / (w->th * w->tw), t / w->tw % w->th, t % w->tw};
}

SK_INLINE void wino_next(const sk_winograd *w, wino_tile *t) {
  if (++t->j < w->tw) return;
  t->j = 0;
  if (++t->i < w->th) return;
  t->i = 0;
  t->image++;
}

// Tiles of one image that stand side by side: the first of them, and how many of t there are.
SK_INLINE int wino_row(const sk_winograd *w, const wino_tile *at, int t) { return t < w->tw - at->j ? t : w->tw - at->j; }

// The view's row r of a block, zeros around the image: column q at place q+1.
SK_INLINE void wino_view_row(const sk_conv *c, const view_strip v[STRIPS], int r, float *row) {
  const int w = c->s.w;
  if (r < 0 || r >= c->s.h) {
    zero(row + SK_B, (int64_t)w * SK_B);
    return;
  }
  for (int s = 0; s < STRIPS; s++) stage_view_row(row + SK_B + s * SK_W, &v[s], r * w, 1, w);
}

// Six rows of the view at a time are made in a ring that stays in the first-level cache; the next tiles below want four new ones.
static void wino_input(const sk_conv_job *job, const sk_tiles *k, float *v) {
  const sk_conv *c = job->c;
  const sk_winograd *w = &c->wino;
  const int64_t pitch = (WM * w->tw + 2) * SK_B, freq = w->xfreq;
  zero(k->rows, WT * pitch);
  for (int b = k->island->x0; b < k->island->x1; b++) {
    if (w->xat[b] < 0) continue;
    view_strip of[STRIPS] = {{0}};
    float *dst = v + w->xat[b] * w->block;
    int image = -1, done = 0; // rows of the image that the ring has seen
    wino_tile at = wino_first(w, k->t0);
    for (int t = 0, m; t < k->tiles; t += m, dst += m * SK_B) {
      m = wino_row(w, &at, k->tiles - t);
      if (at.image != image)
        for (int s = 0; s < STRIPS; s++) of[s] = view_at(job->x, job->batch, k->n0 + at.image, b * STRIPS + s);
      if (at.image != image || done < WM * at.i) done = WM * at.i - 1;
      image = at.image;
      const float *row[WT];
      for (int i = 0; i < WT; i++) row[i] = k->rows + (WM * at.i + i) % WT * pitch + WM * at.j * SK_B;
      for (; done < WM * at.i + WT - 1; done++) wino_view_row(c, of, done, k->rows + (done + 1) % WT * pitch);
      for (int s = 0; s < STRIPS; s++)
        for (int j = 0; j < m; j++) {
          const int64_t x = WM * j * SK_B + s * SK_W;
          float *out = dst + j * SK_B + s * SK_W;
#define LOAD(i, j) vf_load(row[i] + x + (j) * SK_B)
#define STORE(i, j, r) vf_store(out + ((i) * WT + (j)) * freq, r)
          WINO_PLANE(6, 6, wino_bt, LOAD, STORE);
#undef LOAD
#undef STORE
        }
      at.j += m - 1;
      wino_next(w, &at);
    }
  }
}

// The gradient that block b of y is covered by; b becomes its block of that.
SK_INLINE const sk_grad *wino_grad(const sk_grad *d, int *b) {
  for (; *b >= d->cb; d++) *b -= d->cb;
  return d;
}

static void wino_dy(const sk_conv_job *job, const sk_tiles *k, float *e) {
  const sk_conv *c = job->c;
  const sk_winograd *w = &c->wino;
  const int64_t pitch = WM * w->tw * SK_B, freq = w->yfreq;
  const int p = c->s.p, q = c->s.q;
  zero(k->rows, WM * pitch);
  for (int b = k->island->y0; b < k->island->y1; b++) {
    if (w->yat[b] < 0) continue;
    int block = b;
    const sk_grad *d = wino_grad(job->dy, &block);
    grad_strip g[STRIPS] = {{0}};
    float *dst = e + w->yat[b] * w->block;
    int image = -1;
    wino_tile at = wino_first(w, k->t0);
    for (int t = 0, m; t < k->tiles; t += m, dst += m * SK_B) {
      m = wino_row(w, &at, k->tiles - t);
      if (at.image != image)
        for (int s = 0; s < STRIPS; s++) g[s] = grad_at(d, job->batch, k->n0 + at.image, block * STRIPS + s);
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
          float *out = dst + j * SK_B + s * SK_W;
#define LOAD(i, j) vf_load(src + (i) * pitch + (j) * SK_B)
#define STORE(i, j, r) vf_store(out + ((i) * WT + (j)) * freq, r)
          WINO_PLANE(4, 6, wino_a, LOAD, STORE);
#undef LOAD
#undef STORE
        }
      at.j += m - 1;
      wino_next(w, &at);
    }
  }
}

// One run at one frequency: out = sum over steps of w * in.
SK_INLINE void wino_product(const sk_plan *p, const sk_run *run, int f, int64_t block, const float *in, int tiles, float *out) {
  const sk_walk walk = {.x = in, .y = out, .yblock = block, .ypx = SK_B, .images = 1, .rows = 1, .cols = tiles};
  gemm(run, p->step + run->step0, p->w + f * p->floats, &walk);
}

// Frequency by frequency, so that its tiles of all input blocks are read from L1 by all runs but the first.
static void wino_forward(const sk_conv *c, const sk_tiles *k, const float *v, float *m) {
  const sk_winograd *w = &c->wino;
  for (int f = 0; f < SK_FREQ; f++)
    for (const sk_run *run = w->f.run + k->island->f0; run < w->f.run + k->island->f1; run++)
      if (run->steps) wino_product(&w->f, run, f, w->block, v + f * w->xfreq, k->tiles, m + f * w->yfreq + w->yat[run->b0] * w->block);
}

static void wino_data(const sk_conv *c, const sk_tiles *k, int lo, int hi, const float *e, float *m) {
  const sk_winograd *w = &c->wino;
  for (int f = 0; f < SK_FREQ; f++)
    for (const sk_run *run = w->d.run + lo; run < w->d.run + hi; run++)
      if (run->steps) wino_product(&w->d, run, f, w->block, e + f * w->yfreq, k->tiles, m + f * w->xfreq + w->xat[run->b0] * w->block);
}

static void wino_output(const sk_conv *c, const sk_tiles *k, const float *m, const sk_tensor *y) {
  const sk_winograd *w = &c->wino;
  const int h = c->s.h, width = c->s.w;
  const int64_t freq = w->yfreq, row = (int64_t)width * SK_B;
  for (int s = k->island->y0 * STRIPS; s < k->island->y1 * STRIPS; s++) {
    const int b = s / STRIPS;
    if (w->yat[b] < 0) continue;
    wino_tile at = wino_first(w, k->t0);
    const float *src = m + w->yat[b] * w->block + s % STRIPS * SK_W;
    float *block = y->p + k->n0 * y->image + b * h * row + s % STRIPS * SK_W;
    for (int t = 0; t < k->tiles; t++, wino_next(w, &at), src += SK_B) {
      float *dst = block + at.image * y->image + WM * (at.i * row + at.j * SK_B);
      int rows = h - WM * at.i, cols = width - WM * at.j;
#define LOAD(i, j) vf_load(src + ((i) * WT + (j)) * freq)
      if (rows >= WM && cols >= WM) {
#define STORE(i, j, r) vf_store(dst + (i) * row + (j) * SK_B, r)
        WINO_PLANE(6, 4, wino_at, LOAD, STORE);
#undef STORE
        continue;
      }
      vf whole[WM][WM];
#define STORE(i, j, r) whole[i][j] = r
      WINO_PLANE(6, 4, wino_at, LOAD, STORE);
#undef STORE
#undef LOAD
      for (int i = 0; i < WM && i < rows; i++)
        for (int j = 0; j < WM && j < cols; j++) vf_store(dst + i * row + j * SK_B, whole[i][j]);
    }
  }
}

static void wino_dx(const sk_conv *c, const sk_tiles *k, int lo, int hi, const float *m, float *raw) {
  const sk_winograd *w = &c->wino;
  const int64_t freq = w->xfreq, row = w->rawrow;
  for (const sk_run *run = w->d.run + lo; run < w->d.run + hi; run++) {
    if (!run->steps) continue;
    for (int b = run->b0; b < run->b0 + run->nb; b++) {
      wino_tile at = wino_first(w, k->t0);
      for (int t = 0; t < k->tiles; t++, wino_next(w, &at))
        for (int s = 0; s < STRIPS; s++) {
          const float *src = m + w->xat[b] * w->block + t * SK_B + s * SK_W;
          float *dst = raw + (b - k->island->x0) * w->rawblock + at.image * w->rawimage + WM * (at.i * row + at.j * SK_B) + s * SK_W;
#define LOAD(i, j) vf_load(src + ((i) * WT + (j)) * freq)
#define STORE(i, j, r) vf_store(dst + (i) * row + (j) * SK_B, vf_load(dst + (i) * row + (j) * SK_B) + r)
          WINO_PLANE(6, 6, wino_b, LOAD, STORE);
#undef LOAD
#undef STORE
        }
    }
  }
}

static void wino_sums(const sk_conv *c, const sk_tiles *k, int lo, int hi, const float *v, const float *e, int first, float *acc) {
  const sk_winograd *w = &c->wino;
  const sk_plan *p = &w->f;
  for (int f = 0; f < SK_FREQ; f++)
    for (const sk_run *run = p->run + lo; run < p->run + hi; run++) {
      if (!run->steps) continue;
      const float *d = e + f * w->yfreq + w->yat[run->b0] * w->block;
      for (const sk_step *s = p->step + run->step0, *end = s + run->steps; s < end; s++) {
        float *next = acc + f * p->floats + s->w + s->nc * run->nb * SK_B; // as the gemm's weights, it may come from far
        for (int i = 0; i < s->nc * run->nb; i++) __builtin_prefetch(next + i * SK_B, 1, 2);
        weight_band(run, s, 1, 1, k->tiles, v + f * w->xfreq, 0, d, 0, w->block, acc + f * p->floats, !first);
      }
    }
}

static void wino_pack(const float *g, int rows, float *u, int64_t pitch, int64_t freq) {
  for (int r = 0; r < rows; r++)
    for (int s = 0; s < STRIPS; s++) {
      const float *src = g + r * SK_B + s * SK_W;
      float *dst = u + r * pitch + s * SK_W;
#define LOAD(i, j) vf_load(src + ((i) * 3 + (j)) * SK_B * SK_B)
#define STORE(i, j, r) vf_store(dst + ((i) * WT + (j)) * freq, r)
      WINO_PLANE(3, 6, wino_g, LOAD, STORE);
#undef LOAD
#undef STORE
    }
}

static void wino_unpack(const float *u, int rows, int64_t pitch, int64_t freq, float *g) {
  for (int r = 0; r < rows; r++)
    for (int s = 0; s < STRIPS; s++) {
      const float *src = u + r * pitch + s * SK_W;
      float *dst = g + r * SK_B + s * SK_W;
#define LOAD(i, j) vf_load(src + ((i) * WT + (j)) * freq)
#define STORE(i, j, r) vf_store(dst + ((i) * 3 + (j)) * SK_B * SK_B, r)
      WINO_PLANE(6, 3, wino_gt, LOAD, STORE);
#undef LOAD
#undef STORE
    }
}

static const sk_winograd_kernels SK_(winograd) = {.input = wino_input, .dy = wino_dy, .forward = wino_forward, .data = wino_data, .output = wino_output,
                                                  .dx = wino_dx, .sums = wino_sums, .pack = wino_pack, .unpack = wino_unpack};
