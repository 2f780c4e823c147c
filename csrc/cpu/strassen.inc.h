// strassen.inc.h: the transforms of Strassen's product (Numer. Math. 13, 1969), y = w x by quarters with 7 products instead of 8.
//
// Quarter 2i + j of w is half i of the outputs by half j of the inputs; of x, half i of the channels by half j of the rows; of y the same. A tile is the four
// elements that stand at the same place of the quarters of x, or of y.

// V = B' x
SK_INLINE void strassen_bt(const vf x[4], vf v[7]) {
  v[0] = x[0] + x[3];
  v[1] = x[0];
  v[2] = x[1] - x[3];
  v[3] = x[2] - x[0];
  v[4] = x[3];
  v[5] = x[0] + x[1];
  v[6] = x[2] + x[3];
}

// dx = B M
SK_INLINE void strassen_b(const vf m[7], vf x[4]) {
  x[0] = (m[0] + m[1]) + (m[5] - m[3]);
  x[1] = m[2] + m[5];
  x[2] = m[3] + m[6];
  x[3] = (m[0] - m[2]) + (m[4] + m[6]);
}

// y = A' M
SK_INLINE void strassen_at(const vf m[7], vf y[4]) {
  y[0] = (m[0] + m[3]) + (m[6] - m[4]);
  y[1] = m[2] + m[4];
  y[2] = m[1] + m[3];
  y[3] = (m[0] - m[1]) + (m[2] + m[5]);
}

// E = A dy
SK_INLINE void strassen_a(const vf y[4], vf e[7]) {
  e[0] = y[0] + y[3];
  e[1] = y[2] - y[3];
  e[2] = y[1] + y[3];
  e[3] = y[0] + y[2];
  e[4] = y[1] - y[0];
  e[5] = y[3];
  e[6] = y[0];
}

// U = G w
SK_INLINE void strassen_g(const vf w[4], vf u[7]) {
  u[0] = w[0] + w[3];
  u[1] = w[2] + w[3];
  u[2] = w[0];
  u[3] = w[3];
  u[4] = w[0] + w[1];
  u[5] = w[2] - w[0];
  u[6] = w[1] - w[3];
}

// dw = G' dU
SK_INLINE void strassen_gt(const vf u[7], vf w[4]) {
  w[0] = (u[0] + u[2]) + (u[4] - u[5]);
  w[1] = u[4] + u[6];
  w[2] = u[1] + u[5];
  w[3] = (u[0] + u[1]) + (u[3] - u[6]);
}

// Tiles of a row are read into four rows of scratch, quarter by quarter, and mapped from there.
static void strassen_input(const sk_conv_job *job, const sk_tiles *k, float *v) {
  const sk_conv *c = job->c;
  const sk_fast *a = &c->fast;
  const sk_island *island = k->island;
  const int64_t pitch = a->tw * SK_B, next = a->pitch;
  for (int b = 0; b < island->xn; b++) {
    view_strip of[2][STRIPS] = {0};
    float *dst = v + b * a->block;
    tile at = tile_first(a, k->t0);
    for (int t = 0, m, image = -1; t < k->tiles; t += m, dst += m * SK_B, tile_skip(a, &at, m)) {
      m = tile_row(a, &at, k->tiles - t);
      for (int h = 0; h < 2 && at.image != image; h++) tile_view(job, k->n0 + at.image, island->x0 + b + h * island->xn, of[h]);
      image = at.image;
      for (int quarter = 0; quarter < 4; quarter++) {
        const int p = ((at.i + quarter % 2 * a->th) * c->s.w + at.j) * c->s.stride;
        for (int s = 0; s < STRIPS; s++) stage_view_row(k->rows + quarter * pitch + s * SK_W, &of[quarter / 2][s], p, c->s.stride, m);
      }
      for (int i = 0; i < m * SK_B; i += SK_W) {
        vf x[4], r[7];
        for (int quarter = 0; quarter < 4; quarter++) x[quarter] = vf_load(k->rows + quarter * pitch + i);
        strassen_bt(x, r);
        for (int f = 0; f < 7; f++) vf_store(dst + f * next + i, r[f]);
      }
    }
  }
}

static void strassen_dy(const sk_conv_job *job, const sk_tiles *k, float *e) {
  const sk_conv *c = job->c;
  const sk_fast *a = &c->fast;
  const sk_island *island = k->island;
  const int64_t pitch = a->tw * SK_B, next = a->pitch;
  for (int b = 0; b < island->yn; b++) {
    grad_strip of[2][STRIPS] = {0};
    float *dst = e + b * a->block;
    tile at = tile_first(a, k->t0);
    for (int t = 0, m, image = -1; t < k->tiles; t += m, dst += m * SK_B, tile_skip(a, &at, m)) {
      m = tile_row(a, &at, k->tiles - t);
      for (int h = 0; h < 2 && at.image != image; h++) tile_grad(job, k->n0 + at.image, island->y0 + b + h * island->yn, of[h]);
      image = at.image;
      for (int quarter = 0; quarter < 4; quarter++) {
        const int p = (at.i + quarter % 2 * a->th) * c->s.q + at.j;
        for (int s = 0; s < STRIPS; s++) stage_grad_row(k->rows + quarter * pitch + s * SK_W, &of[quarter / 2][s], p, m);
      }
      for (int i = 0; i < m * SK_B; i += SK_W) {
        vf y[4], r[7];
        for (int quarter = 0; quarter < 4; quarter++) y[quarter] = vf_load(k->rows + quarter * pitch + i);
        strassen_a(y, r);
        for (int f = 0; f < 7; f++) vf_store(dst + f * next + i, r[f]);
      }
    }
  }
}

static void strassen_output(const sk_conv *c, const sk_tiles *k, const float *m, const sk_tensor *y) {
  const sk_fast *a = &c->fast;
  const sk_island *island = k->island;
  const int64_t next = a->pitch, plane = (int64_t)c->s.p * c->s.q * SK_B;
  for (int b = 0; b < island->yn; b++) {
    const float *src = m + b * a->block;
    tile at = tile_first(a, k->t0);
    for (int t = 0, n; t < k->tiles; t += n, src += n * SK_B, tile_skip(a, &at, n)) {
      n = tile_row(a, &at, k->tiles - t);
      float *first = y->p + (k->n0 + at.image) * y->image + (island->y0 + b) * plane + ((int64_t)at.i * a->tw + at.j) * SK_B;
      for (int i = 0; i < n * SK_B; i += SK_W) {
        vf v[7], r[4];
        for (int f = 0; f < 7; f++) v[f] = vf_load(src + f * next + i);
        strassen_at(v, r);
        for (int quarter = 0; quarter < 4; quarter++)
          vf_store(first + quarter / 2 * island->yn * plane + quarter % 2 * (plane / 2) + i, r[quarter]);
      }
    }
  }
}

static void strassen_dx(const sk_conv *c, const sk_tiles *k, int lo, int hi, const float *m, float *raw) {
  const sk_fast *a = &c->fast;
  const sk_island *island = k->island;
  const int stride = c->s.stride;
  const int64_t next = a->pitch;
  for (const sk_run *run = a->d.run + lo; run < a->d.run + hi; run++)
    for (int b = run->b0; b < run->b0 + run->nb; b++) {
      const float *src = m + a->xat[b] * a->block;
      tile at = tile_first(a, k->t0);
      for (int t = 0, n; t < k->tiles; t += n, src += n * SK_B, tile_skip(a, &at, n)) {
        n = tile_row(a, &at, k->tiles - t);
        float *first = raw + at.image * a->rawimage + (b - island->x0) * a->rawblock + at.i * stride * a->rawrow + (int64_t)at.j * stride * SK_B;
        for (int i = 0; i < n * SK_B; i += SK_W) {
          vf v[7], r[4];
          for (int f = 0; f < 7; f++) v[f] = vf_load(src + f * next + i);
          strassen_b(v, r);
          float *dst = first + i / SK_B * stride * SK_B + i % SK_B;
          for (int quarter = 0; quarter < 4; quarter++)
            vf_store(dst + quarter / 2 * island->xn * a->rawblock + quarter % 2 * a->th * stride * a->rawrow, r[quarter]);
        }
      }
    }
}

static void strassen_pack(const float *g, float *u, int64_t pitch, int64_t freq) {
  float near[7 * SK_B * SK_B] __attribute__((aligned(64)));
  for (int r = 0; r < SK_B; r++)
    for (int s = 0; s < SK_B; s += SK_W) {
      vf w[4], v[7];
      for (int quarter = 0; quarter < 4; quarter++) w[quarter] = vf_load(g + (quarter * SK_B + r) * SK_B + s);
      strassen_g(w, v);
      for (int f = 0; f < 7; f++) vf_store(near + (f * SK_B + r) * SK_B + s, v[f]);
    }
  put_kernel(near, 7, u, pitch, freq);
}

static void strassen_unpack(const float *u, int64_t pitch, int64_t freq, float *g) {
  for (int r = 0; r < SK_B; r++)
    for (int s = 0; s < SK_B; s += SK_W) {
      vf v[7], w[4];
      for (int f = 0; f < 7; f++) v[f] = vf_load(u + f * freq + r * pitch + s);
      strassen_gt(v, w);
      for (int quarter = 0; quarter < 4; quarter++) vf_store(g + (quarter * SK_B + r) * SK_B + s, w[quarter]);
    }
}

#define STRASSEN_TRANSFORMS                                                                                                   \
  {.input = strassen_input, .dy = strassen_dy, .output = strassen_output, .dx = strassen_dx, .pack = strassen_pack, .unpack = strassen_unpack}
