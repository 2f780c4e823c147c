// elementwise.inc.h: joins, statistics, sums and gradients of one image, and a step of SGD. All are bound by memory: bytes a value are 4 for each
// tensor read or written (a join of two branches and a skip 16, its two norms' sums 12), FLOPs 2 to 8.

// sum and sum of squares about the image's own mean, in two passes over a block that the first one left in cache. Runs are summed first, so that
// rounding grows with RUN and not with the size of the map.
static void image_stats(const sk_stats *s, const sk_tensor *t, int n) {
  const sk_norm *m = s->norm;
  const int hw = t->h * t->w;
  float *part = m->part + (int64_t)n * 2 * m->cb * SK_B;
  for (int cb = 0; cb < m->cb; cb++) {
    const float *x = block_of(t, n, s->cb0 + cb);
    v16 sum = {}, square = {};
    for (int p = 0; p < hw; p += RUN) {
      v16 a = {}, b = {};
      int i = p, end = p + RUN < hw ? p + RUN : hw;
      for (; i + 1 < end; i += 2) a += vload(x + (int64_t)i * SK_B), b += vload(x + (int64_t)(i + 1) * SK_B);
      if (i < end) a += vload(x + (int64_t)i * SK_B);
      sum += a + b;
    }
    const v16 mean = sum / vset((float)hw);
    for (int p = 0; p < hw; p += RUN) {
      v16 a = {}, b = {};
      int i = p, end = p + RUN < hw ? p + RUN : hw;
      for (; i + 1 < end; i += 2) {
        const v16 d = vload(x + (int64_t)i * SK_B) - mean, e = vload(x + (int64_t)(i + 1) * SK_B) - mean;
        a += d * d, b += e * e;
      }
      if (i < end) {
        const v16 d = vload(x + (int64_t)i * SK_B) - mean;
        a += d * d;
      }
      square += a + b;
    }
    vstore(part + cb * SK_B, sum);
    vstore(part + (m->cb + cb) * SK_B, square);
  }
}

SK_INLINE void sums_case(const grad_block *g, v16 mean, int hw, int mask, int relu, v16 *s1, v16 *s2) {
  for (int p = 0; p < hw; p += RUN) {
    v16 a1 = {}, a2 = {}, b1 = {}, b2 = {};
    int i = p, end = p + RUN < hw ? p + RUN : hw;
    for (; i + 1 < end; i += 2) {
      const v16 d = grad_masked(g, i, mask, relu), e = grad_masked(g, i + 1, mask, relu);
      a1 += d, a2 += d * (vload(g->y + (int64_t)i * SK_B) - mean);
      b1 += e, b2 += e * (vload(g->y + (int64_t)(i + 1) * SK_B) - mean);
    }
    if (i < end) {
      const v16 d = grad_masked(g, i, mask, relu);
      a1 += d, a2 += d * (vload(g->y + (int64_t)i * SK_B) - mean);
    }
    *s1 += a1 + b1, *s2 += a2 + b2;
  }
}

// S1 = sum g', S2 = sum g' * (y - mean)*invstd: the coefficient and invstd are taken out of the sums.
static void image_sums(const sk_sums *s, const sk_batch *b, int n) {
  const sk_norm *m = s->norm;
  const int hw = s->of.y->h * s->of.y->w;
  float *part = m->part + ((int64_t)n * 2 * m->cb + s->of.ncb0) * SK_B;
  for (int cb = 0; cb < s->of.cb; cb++) {
    const grad_block g = grad_at(&s->of, b, n, cb);
    const int64_t i = ((int64_t)b->replica[n] * m->cb + s->of.ncb0 + cb) * SK_B;
    const v16 mean = vload(m->mean + i);
    v16 s1 = {}, s2 = {};
    switch ((g.mask != NULL) * 2 + g.relu) {
    case 0: sums_case(&g, mean, hw, 0, 0, &s1, &s2); break;
    case 1: sums_case(&g, mean, hw, 0, 1, &s1, &s2); break;
    case 2: sums_case(&g, mean, hw, 1, 0, &s1, &s2); break;
    default: sums_case(&g, mean, hw, 1, 1, &s1, &s2); break;
    }
    vstore(part + cb * SK_B, g.coef * s1);
    vstore(part + (m->cb + cb) * SK_B, g.coef * s2 * vload(m->invstd + i));
  }
}

// The usual join: two branches and a skip, none with a ReLU of its own, is one affine function of three values.
SK_INLINE void join_two(float *y, const view_block *x0, v16 a0, const view_block *x1, v16 a1, const view_block *skip, int hw, int relu) {
  const v16 s0 = a0 * x0->scale, s1 = a1 * x1->scale, ss = skip->scale, shift = skip->shift + (a0 * x0->shift + a1 * x1->shift);
  for (int p = 0; p < hw; p++) {
    const int64_t i = (int64_t)p * SK_B;
    const v16 v = ss * vload(skip->t + i) + (s0 * vload(x0->t + i) + (s1 * vload(x1->t + i) + shift));
    vstore(y + i, relu ? vrelu(v) : v);
  }
}

static void join_image(const sk_join *j, const sk_batch *b, int n) {
  const sk_tensor *t = j->y;
  const int hw = t->h * t->w;
  const int two = j->branches == 2 && j->skip && !j->skip->relu && !j->branch[0].relu && !j->branch[1].relu;
  for (int cb = 0; cb < t->cb; cb++) {
    float *y = t->p + n * t->image + (int64_t)cb * hw * SK_B;
    if (two) {
      const view_block x0 = view_at(&j->branch[0], b, n, cb), x1 = view_at(&j->branch[1], b, n, cb), skip = view_at(j->skip, b, n, cb);
      if (j->relu)
        join_two(y, &x0, vset(j->coef[0][n]), &x1, vset(j->coef[1][n]), &skip, hw, 1);
      else
        join_two(y, &x0, vset(j->coef[0][n]), &x1, vset(j->coef[1][n]), &skip, hw, 0);
      continue;
    }
    for (int p = 0; p < hw; p += RUN) {
      const int m = p + RUN < hw ? RUN : hw - p;
      v16 sum[RUN];
      for (int i = 0; i < m; i++) sum[i] = vset(0);
      if (j->skip) {
        const view_block x = view_at(j->skip, b, n, cb);
        view_add(sum, vset(1), &x, p, m);
      }
      for (int k = 0; k < j->branches; k++) {
        const view_block x = view_at(&j->branch[k], b, n, cb);
        view_add(sum, vset(j->coef[k][n]), &x, p, m);
      }
      for (int i = 0; i < m; i++) vstore(y + (int64_t)(p + i) * SK_B, j->relu ? vrelu(sum[i]) : sum[i]);
    }
  }
  for (int i = 0; i < j->nstats; i++) image_stats(&j->stats[i], t, n);
}

// dst (+)= where(of > 0, sum) for one run
static void put_gradient(float *dst, const v16 *sum, const view_block *of, int p, int m, int accumulate) {
  for (int i = 0; i < m; i++) {
    float *d = dst + (int64_t)(p + i) * SK_B;
    v16 v = sum[i];
    if (of->t) v = vwhere_pos(view_value(of, p + i, 1, 0), v);
    if (accumulate) v += vload(d);
    vstore(d, v);
  }
}

static void grad_apply_image(const sk_grad_apply *a, const sk_batch *b, int n) {
  const sk_tensor *t = a->dst;
  const int hw = t->h * t->w;
  for (int cb = 0; cb < a->cb; cb++) {
    float *dst = t->p + n * t->image + (int64_t)(a->cb0 + cb) * hw * SK_B;
    const view_block of = a->of ? view_at(a->of, b, n, cb) : (view_block){0};
    for (int p = 0; p < hw; p += RUN) {
      const int m = p + RUN < hw ? RUN : hw - p;
      v16 sum[RUN];
      for (int i = 0; i < m; i++) sum[i] = vset(0);
      for (int k = 0; k < a->nterms; k++) {
        const grad_block g = grad_at(&a->terms[k], b, n, cb);
        grad_add(sum, &g, p, m);
      }
      put_gradient(dst, sum, &of, p, m, a->accumulate);
    }
  }
  for (int i = 0; i < a->nsums; i++) image_sums(&a->sums[i], b, n);
}

static void image_mean(const sk_view *x, const sk_batch *b, int n, float *mean) {
  const int hw = x->t->h * x->t->w;
  for (int cb = 0; cb < x->cb; cb++) {
    const view_block v = view_at(x, b, n, cb);
    v16 sum = {};
    for (int p = 0; p < hw; p += RUN) {
      v16 s = {};
      for (int i = p; i < hw && i < p + RUN; i++) s += view_value(&v, i, 1, v.relu);
      sum += s;
    }
    vstore(mean + cb * SK_B, sum / vset((float)hw));
  }
}

static void image_spread(const float *d, const sk_view *x, const sk_tensor *t, int cb0, int relu, int accumulate, const sk_batch *b, int n) {
  const int hw = t->h * t->w;
  for (int cb = 0; cb < x->cb; cb++) {
    const view_block of = relu ? view_at(x, b, n, cb) : (view_block){0};
    float *dst = t->p + n * t->image + (int64_t)(cb0 + cb) * hw * SK_B;
    v16 g[RUN];
    for (int i = 0; i < RUN; i++) g[i] = vload(d + cb * SK_B);
    for (int p = 0; p < hw; p += RUN) put_gradient(dst, g, &of, p, p + RUN < hw ? RUN : hw - p, accumulate);
  }
}

typedef float v16u __attribute__((vector_size(64), aligned(4), may_alias)); // flat arrays begin anywhere

SK_INLINE void sgd_case(const sk_sgd *s, float *w, float *v, const float *g, int64_t n, int nesterov, int first) {
  const float lr = s->lr, momentum = s->momentum, decay = s->decay;
  int64_t i = 0;
  for (; i + SK_B <= n; i += SK_B) {
    const v16 x = *(const v16u *)(w + i), d = *(const v16u *)(g + i) + decay * x;
    v16 m = d;
    if (!first) m += momentum * *(const v16u *)(v + i);
    v16 step = m;
    if (nesterov) step = d + momentum * m;
    *(v16u *)(v + i) = m;
    *(v16u *)(w + i) = x - lr * step;
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
