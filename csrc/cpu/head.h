// head.h: global average pooling, the linear classifier and the softmax cross-entropy.
#ifndef SK_HEAD_H
#define SK_HEAD_H
#include "sk.h"

typedef struct {
  const sk_view *x;
  int c, classes;
  int64_t woff, boff;      // W [classes][c] and bias [classes] in the flat parameters
  const sk_tensor *dx;     // gradient of x goes to its blocks dxcb0 ..; NULL: none
  int dxcb0, relu, accumulate;
  int nsums;
  const sk_sums *sums;
  float *mean, *dmean;     // [max n][cb*16]: pooled x, and its gradient divided by the positions
  float *logits, *dlogits; // [max n][classes]
  float *loss;             // [max n]
  uint8_t *wrong;          // [max n]
} sk_head;

// Logits, loss and wrong of every image.
void sk_head_eval(sk_pool *, const sk_head *, const sk_batch *, const float *params, const uint16_t *labels);
// The same, then the gradient of the mean loss of the batch: dx, sums, and dW and dbias, which overwrite grads.
void sk_head_train(sk_pool *, const sk_head *, const sk_batch *, const float *params, float *grads, const uint16_t *labels);
#endif
