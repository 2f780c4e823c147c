// elementwise.inc.h: joins, statistics, sums and gradients of one image, and a step of SGD. All are bound by memory: bytes a value are 4 for each
// tensor read or written (a join of two branches and a skip 16, its two norms' sums 12), FLOPs 2 to 8.

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

SK_INLINE void sums_case(const grad_strip *g, vf mean, int hw, int mask, int relu, vf *s1, vf *s2) {
  for (int p = 0; p < hw; p += RUN) {
    vf a1 = {}, a2 = {}, b1 = {}, b2 = {};
    int i = p, end = p + RUN < hw ? p + RUN : hw;
    for (; i + 1 < end; i += 2) {
      const vf d = grad_masked(g, i, mask, relu), e = grad_masked(g, i + 1, mask, relu);
      a1 += d, a2 += d * (vf_load(g->y + (int64_t)i * SK_B) - mean);
      b1 += e, b2 += e * (vf_load(g->y + (int64_t)(i + 1) * SK_B) - mean);
    }
    if (i < end) {
      const vf d = grad_masked(g, i, mask, relu);
      a1 += d, a2 += d * (vf_load(g->y + (int64_t)i * SK_B) - mean);
    }
    *s1 += a1 + b1, *s2 += a2 + b2;
  }
}

// S1 = sum g', S2 = sum g' * (y - mean)*invstd: the coefficient and invstd are taken out of the sums. Of blocks lo .. hi-1 of g.
static void image_sums(const sk_sums *s, const sk_batch *b, int n, int lo, int hi) {
  const sk_norm *m = s->norm;
  lo = lo > s->of.gcb0 ? lo - s->of.gcb0 : 0, hi = hi - s->of.gcb0 < s->of.cb ? hi - s->of.gcb0 : s->of.cb;
  const int hw = s->of.y->h * s->of.y->w;
  float *part = m->part + ((int64_t)n * 2 * m->cb + s->of.ncb0) * SK_B;
  for (int k = lo * STRIPS; k < hi * STRIPS; k++) {
    const grad_strip g = grad_at(&s->of, b, n, k);
    const int64_t i = ((int64_t)b->replica[n] * m->cb + s->of.ncb0) * SK_B + k * SK_W;
    const vf mean = vf_load(m->mean + i);
    vf s1 = {}, s2 = {};
    switch ((g.mask != NULL) * 2 + g.relu) {
    case 0: sums_case(&g, mean, hw, 0, 0, &s1, &s2); break;
    case 1: sums_case(&g, mean, hw, 0, 1, &s1, &s2); break;
    case 2: sums_case(&g, mean, hw, 1, 0, &s1, &s2); break;
    default: sums_case(&g, mean, hw, 1, 1, &s1, &s2); break;
    }
    vf_store(part + k * SK_W, g.coef * s1);
    vf_store(part + m->cb * SK_B + k * SK_W, g.coef * s2 * vf_load(m->invstd + i));
  }
}

// The usual join: two branches and a skip, none with a ReLU of its own, is one affine function of three values.
SK_INLINE void join_two(float *y, const view_strip *x0, vf a0, const view_strip *x1, vf a1, const view_strip *skip, int hw, int relu) {
  const vf s0 = a0 * x0->scale, s1 = a1 * x1->scale, ss = skip->scale, shift = skip->shift + (a0 * x0->shift + a1 * x1->shift);
  for (int p = 0; p < hw; p++) {
    const int64_t i = (int64_t)p * SK_B;
    const vf v = ss * vf_load(skip->t + i) + (s0 * vf_load(x0->t + i) + (s1 * vf_load(x1->t + i) + shift));
    vf_store(y + i, relu ? vf_relu(v) : v);
  }
}

static void join_image(const sk_join *j, const sk_batch *b, int n) {
  const sk_tensor *t = j->y;
  const int hw = t->h * t->w;
  const int two = j->branches == 2 && j->skip && !j->skip->relu && !j->branch[0].relu && !j->branch[1].relu;
  for (int s = 0; s < t->cb * STRIPS; s++) {
    float *y = strip_of(t, n, 0, s);
    if (two) {
      const view_strip x0 = view_at(&j->branch[0], b, n, s), x1 = view_at(&j->branch[1], b, n, s), skip = view_at(j->skip, b, n, s);
      if (j->relu)
        join_two(y, &x0, vf_set(j->coef[0][n]), &x1, vf_set(j->coef[1][n]), &skip, hw, 1);
      else
        join_two(y, &x0, vf_set(j->coef[0][n]), &x1, vf_set(j->coef[1][n]), &skip, hw, 0);
      continue;
    }
    for (int p = 0; p < hw; p += RUN) {
      const int m = p + RUN < hw ? RUN : hw - p;
      vf sum[RUN];
      for (int i = 0; i < m; i++) sum[i] = vf_set(0);
      if (j->skip) {
        const view_strip x = view_at(j->skip, b, n, s);
        view_add(sum, vf_set(1), &x, p, m);
      }
      for (int k = 0; k < j->branches; k++) {
        const view_strip x = view_at(&j->branch[k], b, n, s);
        view_add(sum, vf_set(j->coef[k][n]), &x, p, m);
      }
      for (int i = 0; i < m; i++) vf_store(y + (int64_t)(p + i) * SK_B, j->relu ? vf_relu(sum[i]) : sum[i]);
    }
  }
  for (int i = 0; i < j->nstats; i++) image_stats(&j->stats[i], t, n, 0, t->cb);
}

// dst (+)= where(of > 0, sum) for one run
static void put_gradient(float *dst, const vf *sum, const view_strip *of, int p, int m, int accumulate) {
  for (int i = 0; i < m; i++) {
    float *d = dst + (int64_t)(p + i) * SK_B;
    vf v = sum[i];
    if (of->t) v = vf_where_pos(view_value(of, p + i, 1, 0), v);
    if (accumulate) v += vf_load(d);
    vf_store(d, v);
  }
}

static void grad_apply_image(const sk_grad_apply *a, const sk_batch *b, int n) {
  const sk_tensor *t = a->dst;
  const int hw = t->h * t->w;
  for (int s = 0; s < a->cb * STRIPS; s++) {
    float *dst = strip_of(t, n, a->cb0, s);
    const view_strip of = a->of ? view_at(a->of, b, n, s) : (view_strip){0};
    for (int p = 0; p < hw; p += RUN) {
      const int m = p + RUN < hw ? RUN : hw - p;
      vf sum[RUN];
      for (int i = 0; i < m; i++) sum[i] = vf_set(0);
      for (int k = 0; k < a->nterms; k++) {
        const grad_strip g = grad_at(&a->terms[k], b, n, s);
        grad_add(sum, &g, p, m);
      }
      put_gradient(dst, sum, &of, p, m, a->accumulate);
    }
  }
  for (int i = 0; i < a->nsums; i++) image_sums(&a->sums[i], b, n, 0, a->sums[i].of.g->cb);
}

static void image_mean(const sk_view *x, const sk_batch *b, int n, float *mean) {
  const int hw = x->t->h * x->t->w;
  for (int s = 0; s < x->cb * STRIPS; s++) {
    const view_strip v = view_at(x, b, n, s);
    vf sum = {};
    for (int p = 0; p < hw; p += RUN) {
      vf a = {};
      for (int i = p; i < hw && i < p + RUN; i++) a += view_value(&v, i, 1, v.relu);
      sum += a;
    }
    vf_store(mean + s * SK_W, sum / vf_set((float)hw));
  }
}

static void image_spread(const float *d, const sk_view *x, const sk_tensor *t, int cb0, int relu, int accumulate, const sk_batch *b, int n) {
  const int hw = t->h * t->w;
  for (int s = 0; s < x->cb * STRIPS; s++) {
    const view_strip of = relu ? view_at(x, b, n, s) : (view_strip){0};
    float *dst = strip_of(t, n, cb0, s);
    vf g[RUN];
    for (int i = 0; i < RUN; i++) g[i] = vf_load(d + s * SK_W);
    for (int p = 0; p < hw; p += RUN) put_gradient(dst, g, &of, p, p + RUN < hw ? RUN : hw - p, accumulate);
  }
}

SK_INLINE void sgd_case(const sk_sgd *s, float *w, float *v, const float *g, int64_t n, int nesterov, int first) {
  const float lr = s->lr, momentum = s->momentum, decay = s->decay;
  int64_t i = 0;
  for (; i + SK_W <= n; i += SK_W) {
    const vf x = *(const vfu *)(w + i), d = *(const vfu *)(g + i) + decay * x;
    vf m = d;
    if (!first) m += momentum * *(const vfu *)(v + i);
    vf step = m;
    if (nesterov) step = d + momentum * m;
    *(vfu *)(v + i) = m;
    *(vfu *)(w + i) = x - lr * step;
  }
  for (; i < n; i++) {
    const float d = g[i] + decay * w[i];
    v[i] = first ? d : momentum * v[i] + d;
    w[i] -= lr * (nesterov ? d + momentum * v[i] : v[i]);
  }
}

static void sgd(const sk_sgd *s, float *w, float *v, const float *g, int64_t n) {
  switch (s->nesterov * 2 + s->first) {
  case 0: sgd_case(s, w, v, g, n, 0, 0); break;
  case 1: sgd_case(s, w, v, g, n, 0, 1); break;
  case 2: sgd_case(s, w, v, g, n, 1, 0); break;
  default: sgd_case(s, w, v, g, n, 1, 1); break;
  }
}

static const sk_elementwise_kernels SK_(elementwise) = {.stats = image_stats, .sums = image_sums, .join = join_image,
                                                         .grad_apply = grad_apply_image, .sgd = sgd, .mean = image_mean,
                                                         .spread = image_spread};
