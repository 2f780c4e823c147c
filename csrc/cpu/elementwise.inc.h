// elementwise.inc.h: joins and gradients of one image, and a step of SGD. All are bound by memory: bytes a value are 4 for each
// tensor read or written (a join of two branches and a skip 16, its two norms' sums 12), FLOPs 2 to 8.

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
  for (int i = 0; i < a->nsums; i++) image_sums(&a->sums[i], b, n);
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
