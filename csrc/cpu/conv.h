// conv.h: the convolution operation as its callers see it. README.md has pictures of its insides.
#ifndef SK_CONV_H
#define SK_CONV_H
#include "conv_spec.h"
#include "norm_sums.h"

// The destination of the data gradient, blocks block0 .. of g:
//   g = (accumulate ? g : 0) + (relu ? [x > 0] : 1) * dx + (residual ? its gradient : 0)
typedef struct {
  const sk_tensor *g;
  int block0;
  int relu;
  int accumulate;
  const sk_grad *residual;  // NULL: none
} sk_conv_dx;

// The forward pass reads x and writes y and its statistics. The backward pass reads x and dy, which
// cover the channels of y in order, and writes dx, where it is not NULL, and the sums of dx.
typedef struct {
  const sk_view *x;
  const sk_tensor *y;
  sk_stats_list stats;
  int dy_count;
  const sk_grad *dy;  // [dy_count]
  const sk_conv_dx *dx;
  sk_sums_list sums;
} sk_conv_operands;

typedef struct sk_conv sk_conv;

// Lays the operation out and reserves the pool's scratch, so that running allocates nothing.
sk_conv *sk_conv_new(sk_pool *, const sk_conv_shape *, const sk_conv_part *);
void sk_conv_free(sk_conv *);
// Whether some of it goes through a transform.
int sk_conv_transformed(const sk_conv *);
// The bytes of its packed weights, of both passes.
int64_t sk_conv_packed_bytes(const sk_conv *);
// Lays the weights out for the passes: after every change of them.
void sk_conv_pack(sk_conv *, const float *params);
void sk_conv_forward(sk_conv *, const sk_conv_operands *, const sk_batch *);
// Overwrites the gradient of every part's weights in grads, which is flat as the parameters are.
void sk_conv_backward(sk_conv *, const sk_conv_operands *, const sk_batch *, float *grads);
#endif
