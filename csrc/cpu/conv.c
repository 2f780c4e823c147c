#include "conv.h"
#include <stddef.h>
sk_conv *sk_conv_new(sk_pool *p, const sk_conv_shape *s, const sk_part *q) { (void)p, (void)s, (void)q; return NULL; }
void sk_conv_free(sk_conv *c) { (void)c; }
void sk_conv_pack(sk_conv *c, const float *params) { (void)c, (void)params; }
void sk_conv_forward(sk_conv *c, const sk_view *x, const sk_tensor *y, int nstats, const sk_stats *stats, const sk_batch *b) {
  (void)c, (void)x, (void)y, (void)nstats, (void)stats, (void)b;
}
void sk_conv_backward(sk_conv *c, const sk_view *x, int ndy, const sk_grad *dy, const sk_conv_dx *dx, int nsums, const sk_sums *sums,
                      const sk_batch *b, float *grads) {
  (void)c, (void)x, (void)ndy, (void)dy, (void)dx, (void)nsums, (void)sums, (void)b, (void)grads;
}
