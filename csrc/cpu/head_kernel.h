// head_kernel.h: pooling of one image and the gradient of its input. Both read or write 4 bytes a
// value for one FLOP.
#ifndef SK_HEAD_KERNEL_H
#define SK_HEAD_KERNEL_H
#include "head.h"
#include "tensor_kernel.h"

// mean[block*16] over positions.
static void head_mean(const sk_view *x, const sk_batch *b, int n, float *mean) {
  const int positions = x->tensor->h * x->tensor->w;
  for (int s = 0; s < x->blocks * STRIPS; s++) {
    const view_strip v = view_at(x, b, n, s);
    vf sum = {};
    for (int p = 0; p < positions; p += STRETCH) {
      vf a = {};
      for (int i = p; i < positions && i < p + STRETCH; i++) a += view_value(&v, i, 1, v.relu);
      sum += a;
    }
    vf_store(mean + s * SK_W, sum / vf_set((float)positions));
  }
}

// dx.g[c][p] (+)= d[c] at every position, masked by x's ReLU.
static void head_spread(const float *d, const sk_view *x, const sk_head_dx *dx, const sk_batch *b,
                        int n) {
  const int positions = dx->g->h * dx->g->w;
  for (int s = 0; s < x->blocks * STRIPS; s++) {
    const view_strip of = dx->relu ? view_at(x, b, n, s) : (view_strip){0};
    float *dst = strip_of(dx->g, n, dx->block0, s);
    vf g[STRETCH];
    for (int i = 0; i < STRETCH; i++) g[i] = vf_load(d + s * SK_W);
    for (int p = 0; p < positions; p += STRETCH)
      grad_put(dst, g, &of, p, sk_min(STRETCH, positions - p), dx->accumulate);
  }
}
#endif
