// stage.inc.h: images on their way into and out of a convolution: read through a view or a gradient into bordered scratch, and written back.

static void zero(float *p, int64_t floats) { memset(p, 0, floats * sizeof *p); }

// m positions, every step-th, on their way to the second-level cache.
SK_INLINE void fetch(const float *p, int step, int m) {
  for (int i = 0; i < m; i++) __builtin_prefetch(p + (int64_t)i * step * SK_B, 0, 2);
}

SK_INLINE void stage_view_case(float *dst, const view_strip *v, int p, int step, int m, int norm, int relu) {
  for (int i = 0; i < m; i++) vf_store(dst + i * SK_B, view_value(v, p + i * step, norm, relu));
}

// dst[i] = v[p + i*step], i < m, one strip
static void stage_view_row(float *dst, const view_strip *v, int p, int step, int m) {
  if (v->ahead) fetch(v->t + v->ahead + (int64_t)p * SK_B, step, m);
  switch (v->norm * 2 + v->relu) {
  case 0: stage_view_case(dst, v, p, step, m, 0, 0); break;
  case 1: stage_view_case(dst, v, p, step, m, 0, 1); break;
  case 2: stage_view_case(dst, v, p, step, m, 1, 0); break;
  default: stage_view_case(dst, v, p, step, m, 1, 1); break;
  }
}

// One block of an image, with its borders.
static void stage_view_block(const sk_conv *c, const view_strip v[STRIPS], float *xs) {
  int w = c->s.w, stride = c->s.stride;
  for (int r = 0; r < c->xrows; r++) {
    int i = r - c->top;
    float *row = xs + r * c->xrow;
    if (i < 0 || i >= c->s.h) {
      zero(row, c->xrow);
      continue;
    }
    for (int f = 0; f < stride; f++, row += c->xcols * SK_B) {
      // Columns f, f+stride, ... of the bordered row; u0 .. u1-1 of them lie inside the image.
      int u0 = c->left > f ? (c->left - f + stride - 1) / stride : 0, u1 = w + c->left > f ? (w - 1 + c->left - f) / stride + 1 : 0;
      if (u1 > c->xcols) u1 = c->xcols;
      if (u0 > u1) u0 = u1;
      zero(row, u0 * SK_B);
      for (int s = 0; s < STRIPS; s++)
        stage_view_row(row + u0 * SK_B + s * SK_W, &v[s], i * w + u0 * stride + f - c->left, stride, u1 - u0);
      zero(row + u1 * SK_B, (c->xcols - u1) * SK_B);
    }
  }
}

static void stage_view(const sk_conv *c, const sk_view *x, const sk_batch *batch, int n, float *xs) {
  for (int b = 0; b < c->xb; b++) {
    view_strip v[STRIPS];
    for (int s = 0; s < STRIPS; s++) v[s] = view_at(x, batch, n, b * STRIPS + s);
    stage_view_block(c, v, xs + b * c->xblock);
  }
}

SK_INLINE void stage_grad_case(float *dst, const grad_strip *g, int p, int m, int mask, int relu, int norm) {
  for (int i = 0; i < m; i++) {
    vf d = g->ca * grad_masked(g, p + i, mask, relu);
    if (norm) d += g->cb * vf_load(g->y + (int64_t)(p + i) * SK_B) + g->cc;
    vf_store(dst + i * SK_B, d);
  }
}

// dst[i] = dy[p + i], i < m, one strip
static void stage_grad_row(float *dst, const grad_strip *g, int p, int m) {
  if (g->ahead) {
    const int64_t at = g->ahead + (int64_t)p * SK_B;
    fetch(g->g + at, 1, m);
    if (g->mask) fetch(g->mask + at, 1, m);
    if (g->norm || g->relu) fetch(g->y + at, 1, m);
  }
  switch ((g->mask != NULL) * 4 + g->relu * 2 + g->norm) {
  case 0: stage_grad_case(dst, g, p, m, 0, 0, 0); break;
  case 1: stage_grad_case(dst, g, p, m, 0, 0, 1); break;
  case 2: stage_grad_case(dst, g, p, m, 0, 1, 0); break;
  case 3: stage_grad_case(dst, g, p, m, 0, 1, 1); break;
  case 4: stage_grad_case(dst, g, p, m, 1, 0, 0); break;
  case 5: stage_grad_case(dst, g, p, m, 1, 0, 1); break;
  case 6: stage_grad_case(dst, g, p, m, 1, 1, 0); break;
  default: stage_grad_case(dst, g, p, m, 1, 1, 1); break;
  }
}

// One block of an image, with its borders.
static void stage_grad_block(const sk_conv *c, const grad_strip g[STRIPS], float *ds) {
  int p = c->s.p, q = c->s.q, right = c->dcols - c->dleft - q;
  zero(ds, c->dtop * c->drow);
  for (int r = 0; r < p; r++) {
    float *row = ds + (c->dtop + r) * c->drow;
    zero(row, c->dleft * SK_B);
    for (int s = 0; s < STRIPS; s++) stage_grad_row(row + c->dleft * SK_B + s * SK_W, &g[s], r * q, q);
    zero(row + (c->dleft + q) * SK_B, right * SK_B);
  }
  zero(ds + (c->dtop + p) * c->drow, (c->drows - c->dtop - p) * c->drow);
}

static void stage_grads(const sk_conv *c, int ndy, const sk_grad *dy, const sk_batch *batch, int n, float *ds) {
  for (const sk_grad *d = dy; d < dy + ndy; d++)
    for (int b = 0; b < d->cb; b++, ds += c->dblock) {
      grad_strip g[STRIPS];
      for (int s = 0; s < STRIPS; s++) g[s] = grad_at(d, batch, n, b * STRIPS + s);
      stage_grad_block(c, g, ds);
    }
}

// The sums that cover strip s of dx, from it.
static int sums_of(const sk_conv_job *j, int nsums, int n, int s, strip_sums *of) {
  int count = 0;
  for (const sk_sums *sums = j->sums; sums < j->sums + nsums; sums++) {
    const int k = s - sums->of.gcb0 * STRIPS;
    if (k >= 0 && k < sums->of.cb * STRIPS) of[count++] = sums_at(sums, j->batch, n, k);
  }
  return count;
}

static void finish(const sk_conv_job *j, const sk_conv_dx *dx, int nsums, int n, int b0, int nb, const float *raw, int64_t row, int64_t block) {
  const sk_conv_shape *c = &j->c->s;
  const sk_view *x = j->x;
  const int hw = c->h * c->w, cols = row == (int64_t)c->w * SK_B ? hw : c->w; // nothing between rows: they are one
  for (int s = 0; s < nb * STRIPS; s++) {
    float *dst = strip_of(dx->g, n, dx->cb0 + b0, s);
    const float *src = raw + s / STRIPS * block + s % STRIPS * SK_W, *mask = strip_of(x->t, n, x->cb0 + b0, s);
    grad_strip residual;
    if (dx->residual) residual = grad_at(dx->residual, j->batch, n, b0 * STRIPS + s);
    strip_sums of[nsums + 1]; // any number of norms may read x
    const int sums = sums_of(j, nsums, n, (dx->cb0 + b0) * STRIPS + s, of);
    for (int p = 0, m; p < hw; p += m) {
      m = hw - p < RUN ? hw - p : RUN;
      vf out[RUN];
      for (int i = 0, end; i < m; i = end) {
        const int r = (p + i) / cols, q = (p + i) % cols;
        end = m - i < cols - q ? m : i + cols - q;
        const float *from = src + r * row + (int64_t)(q - i) * SK_B;
        for (int k = i; k < end; k++) {
          const int64_t at = (int64_t)(p + k) * SK_B;
          out[k] = vf_load(from + (int64_t)k * SK_B);
          if (dx->relu) out[k] = vf_where_pos(vf_load(mask + at), out[k]);
          if (dx->accumulate) out[k] += vf_load(dst + at);
        }
      }
      if (dx->residual) grad_add(out, &residual, p, m);
      for (int i = 0; i < m; i++) vf_store(dst + (int64_t)(p + i) * SK_B, out[i]);
      for (int i = 0; i < sums; i++) sums_add(&of[i], p, p + m);
    }
    for (int i = 0; i < sums; i++) sums_put(&of[i]);
  }
}
