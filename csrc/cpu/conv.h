// conv.h: the convolution operation: see conv.c for the method.
#ifndef SK_CONV_H
#define SK_CONV_H
#include "sk.h"

typedef struct {
  int64_t woff; // of w [k][c/groups][r][s] in the flat parameters
  int xoff, c, yoff, k, groups, r, s, padh, padw;
} sk_part;

typedef struct {
  int n, xc, h, w, yc, p, q, stride, parts; // n: the most images of a call
} sk_conv_shape;

// Where the data gradient goes: dst[off ..] = (accumulate ? dst : 0) + (relu mask of x ? ..) dx + residual
typedef struct {
  const sk_tensor *g;
  int cb0;
  int relu, accumulate;
  const sk_grad *residual; // NULL: none
} sk_conv_dx;

typedef struct {
  int64_t unused;
} sk_conv_kernels;

typedef struct sk_conv sk_conv;
sk_conv *sk_conv_new(sk_pool *, const sk_conv_shape *, const sk_part *);
void sk_conv_free(sk_conv *);
void sk_conv_pack(sk_conv *, const float *params);
void sk_conv_forward(sk_conv *, const sk_view *x, const sk_tensor *y, int nstats, const sk_stats *stats, const sk_batch *);
void sk_conv_backward(sk_conv *, const sk_view *x, int ndy, const sk_grad *dy, const sk_conv_dx *dx, int nsums, const sk_sums *sums,
                      const sk_batch *, float *grads);
#endif
