// sgd_kernel.h: a step of SGD. Memory bounds it: 20 bytes a parameter, 12 read and 8 written.
#ifndef SK_SGD_KERNEL_H
#define SK_SGD_KERNEL_H
#include "sgd.h"
#include "vec_kernel.h"

SK_INLINE void sgd_case(const sk_sgd *s, float *w, float *v, const float *g, int64_t n,
                        int nesterov, int first) {
  const float lr = s->lr, momentum = s->momentum, decay = s->decay;
  int64_t i = 0;
  for (; i + SK_W <= n; i += SK_W) {
    const vf x = *(const vf_unaligned *)(w + i);
    const vf d = *(const vf_unaligned *)(g + i) + decay * x;
    vf m = d;
    if (!first) m += momentum * *(const vf_unaligned *)(v + i);
    vf update = m;
    if (nesterov) update = d + momentum * m;
    *(vf_unaligned *)(v + i) = m;
    *(vf_unaligned *)(w + i) = x - lr * update;
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
#endif
