// pooling.h: the maximum or the mean of windows, and its gradient.
#ifndef SK_POOLING_H
#define SK_POOLING_H
#include "tensor.h"
#include "threads.h"

// y(p, q) = max or mean over i < r, j < s of x(p*stride + i - pad, q*stride + j - pad). Positions
// outside x are zeros to a mean and no candidates of a maximum.
typedef struct {
  const sk_tensor *x;  // its blocks from block0 on, as many as y has
  int block0;
  const sk_tensor *y;   // the gradient of y in the backward pass
  const sk_tensor *dx;  // written by the backward pass, whole; NULL: forward
  int max;
  int r, s, stride, pad;  // pad is at most half of r and s
} sk_pooling;

void sk_pooling_forward(sk_pool *, const sk_pooling *, const sk_batch *);
// The gradient of a maximum goes to the first of the largest, by rows.
void sk_pooling_backward(sk_pool *, const sk_pooling *, const sk_batch *);
#endif
