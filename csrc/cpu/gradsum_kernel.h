// gradsum_kernel.h: the sum of gradients of one image. Memory bounds it: 4 bytes a value for each
// tensor read or written, 2 to 8 FLOPs.
#ifndef SK_GRADSUM_KERNEL_H
#define SK_GRADSUM_KERNEL_H
#include "gradsum.h"
#include "norm_sums_kernel.h"

static void gradsum_image(const sk_gradsum *a, const sk_batch *b, int n) {
  const int positions = a->dst->h * a->dst->w;
  for (int s = 0; s < a->blocks * STRIPS; s++) {
    float *dst = strip_of(a->dst, n, a->block0, s);
    const view_strip of = a->relu_of ? view_at(a->relu_of, b, n, s) : (view_strip){0};
    for (int p = 0; p < positions; p += STRETCH) {
      const int m = sk_min(STRETCH, positions - p);
      vf sum[STRETCH];
      for (int i = 0; i < m; i++) sum[i] = vf_set(0);
      for (int k = 0; k < a->terms; k++) {
        const grad_strip g = grad_at(&a->term[k], b, n, s);
        grad_add(sum, &g, p, m);
      }
      grad_put(dst, sum, &of, p, m, a->accumulate);
    }
  }
  for (int i = 0; i < a->sums.count; i++) image_sums(&a->sums.each[i], b, n);
}
#endif
