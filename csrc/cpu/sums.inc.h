// sums.inc.h: what batch norm needs of an image: statistics of a tensor, and sums of a gradient.

// sum and sum of squares about the image's own mean, in two passes over a block that the first one left in cache. Runs are summed first, so that
// rounding grows with RUN and not with the size of the map. Of blocks lo .. hi-1 of the tensor.
static void image_stats(const sk_stats *s, const sk_tensor *t, int n, int lo, int hi) {
  const sk_norm *m = s->norm;
  lo = lo > s->cb0 ? lo - s->cb0 : 0, hi = hi - s->cb0 < m->cb ? hi - s->cb0 : m->cb;
  const int hw = t->h * t->w;
  float *part = m->part + (int64_t)n * 2 * m->cb * SK_B;
  for (int k = lo * STRIPS; k < hi * STRIPS; k++) {
    const float *x = strip_of(t, n, s->cb0, k);
    vf sum = {}, square = {};
    for (int p = 0; p < hw; p += RUN) {
      vf a = {}, b = {};
      int i = p, end = p + RUN < hw ? p + RUN : hw;
      for (; i + 1 < end; i += 2) a += vf_load(x + (int64_t)i * SK_B), b += vf_load(x + (int64_t)(i + 1) * SK_B);
      if (i < end) a += vf_load(x + (int64_t)i * SK_B);
      sum += a + b;
    }
    const vf mean = sum / vf_set((float)hw);
    for (int p = 0; p < hw; p += RUN) {
      vf a = {}, b = {};
      int i = p, end = p + RUN < hw ? p + RUN : hw;
      for (; i + 1 < end; i += 2) {
        const vf d = vf_load(x + (int64_t)i * SK_B) - mean, e = vf_load(x + (int64_t)(i + 1) * SK_B) - mean;
        a += d * d, b += e * e;
      }
      if (i < end) {
        const vf d = vf_load(x + (int64_t)i * SK_B) - mean;
        a += d * d;
      }
      square += a + b;
    }
    vf_store(part + k * SK_W, sum);
    vf_store(part + m->cb * SK_B + k * SK_W, square);
  }
}

SK_INLINE void sums_case(const grad_strip *g, vf mean, int p, int end, int mask, int relu, vf *s1, vf *s2) {
  vf a1 = {}, a2 = {}, b1 = {}, b2 = {};
  for (; p + 1 < end; p += 2) {
    const vf d = grad_masked(g, p, mask, relu), e = grad_masked(g, p + 1, mask, relu);
    a1 += d, a2 += d * (vf_load(g->y + (int64_t)p * SK_B) - mean);
    b1 += e, b2 += e * (vf_load(g->y + (int64_t)(p + 1) * SK_B) - mean);
  }
  if (p < end) {
    const vf d = grad_masked(g, p, mask, relu);
    a1 += d, a2 += d * (vf_load(g->y + (int64_t)p * SK_B) - mean);
  }
  *s1 += a1 + b1, *s2 += a2 + b2;
}

// S1 = sum g', S2 = sum g' * (y - mean)*invstd of one strip: the coefficient and invstd are taken out of the sums.
typedef struct {
  grad_strip g;
  vf mean, invstd, s1, s2;
  float *part; // S1, and S2 m->cb blocks behind it
  int64_t pitch;
} strip_sums;

// Of strip k of the gradient.
static strip_sums sums_at(const sk_sums *s, const sk_batch *b, int n, int k) {
  const sk_norm *m = s->norm;
  const int64_t i = ((int64_t)b->replica[n] * m->cb + s->of.ncb0) * SK_B + k * SK_W;
  return (strip_sums){.g = grad_at(&s->of, b, n, k), .mean = vf_load(m->mean + i), .invstd = vf_load(m->invstd + i), .s1 = {}, .s2 = {},
                      .part = m->part + ((int64_t)n * 2 * m->cb + s->of.ncb0) * SK_B + k * SK_W, .pitch = (int64_t)m->cb * SK_B};
}

// A run of positions.
static void sums_add(strip_sums *s, int p, int end) {
  switch ((s->g.mask != NULL) * 2 + s->g.relu) {
  case 0: sums_case(&s->g, s->mean, p, end, 0, 0, &s->s1, &s->s2); break;
  case 1: sums_case(&s->g, s->mean, p, end, 0, 1, &s->s1, &s->s2); break;
  case 2: sums_case(&s->g, s->mean, p, end, 1, 0, &s->s1, &s->s2); break;
  default: sums_case(&s->g, s->mean, p, end, 1, 1, &s->s1, &s->s2); break;
  }
}

static void sums_put(const strip_sums *s) {
  vf_store(s->part, s->g.coef * s->s1);
  vf_store(s->part + s->pitch, s->g.coef * s->s2 * s->invstd);
}

static void image_sums(const sk_sums *s, const sk_batch *b, int n) {
  const int hw = s->of.y->h * s->of.y->w;
  for (int k = 0; k < s->of.cb * STRIPS; k++) {
    strip_sums of = sums_at(s, b, n, k);
    for (int p = 0; p < hw; p += RUN) sums_add(&of, p, p + RUN < hw ? p + RUN : hw);
    sums_put(&of);
  }
}
