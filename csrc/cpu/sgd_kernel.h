// sgd_kernel.h: a step of SGD. Memory bounds it: 20 bytes a parameter, 12 read and 8 written, and 8
// more with an average.
#ifndef SK_SGD_KERNEL_H
#define SK_SGD_KERNEL_H
#include "sgd.h"
#include "vec_kernel.h"

SK_INLINE void sgd_case(const sk_sgd *s, const sk_sgd_arrays *of, int64_t n, int nesterov,
                        int averaged) {
  const float lr = s->lr, momentum = s->momentum, decay = s->decay, keep = s->keep, rest = s->rest;
  float *const w = of->w, *const v = of->v, *const average = of->average;
  const float *const g = of->g;
  int64_t i = 0;
  for (; i + SK_W <= n; i += SK_W) {
    const vf x = *(const vf_unaligned *)(w + i);
    const vf d = *(const vf_unaligned *)(g + i) + decay * x;
    const vf m = d + momentum * *(const vf_unaligned *)(v + i);
    vf update = m;
    if (nesterov) update = d + momentum * m;
    const vf y = x - lr * update;
    *(vf_unaligned *)(v + i) = m;
    *(vf_unaligned *)(w + i) = y;
    if (averaged)
      *(vf_unaligned *)(average + i) = keep * *(const vf_unaligned *)(average + i) + rest * y;
  }
  for (; i < n; i++) {
    const float d = g[i] + decay * w[i];
    v[i] = momentum * v[i] + d;
    w[i] -= lr * (nesterov ? d + momentum * v[i] : v[i]);
    if (averaged) average[i] = keep * average[i] + rest * w[i];
  }
}

static void sgd(const sk_sgd *s, const sk_sgd_arrays *of, int64_t n) {
  switch (s->nesterov * 2 + !!of->average) {
  case 0: sgd_case(s, of, n, 0, 0); break;
  case 1: sgd_case(s, of, n, 0, 1); break;
  case 2: sgd_case(s, of, n, 1, 0); break;
  default: sgd_case(s, of, n, 1, 1); break;
  }
}
#endif
