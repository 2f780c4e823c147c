// head.h: global average pooling, the linear classifier and the softmax cross-entropy.
#ifndef SK_HEAD_H
#define SK_HEAD_H
#include "norm_sums.h"

// Where the gradient of the pooled tensor x goes: blocks block0 .. of g.
//   g = (accumulate ? g : 0) + (relu ? [x's value before its own ReLU > 0] : 1) * d
typedef struct {
  const sk_tensor *g;  // NULL: nowhere
  int block0;
  int relu, accumulate;
} sk_head_dx;

// The targets of training: onehot(label), or with others a mean of two.
typedef struct {
  const uint16_t *labels, *others;  // [n]; others NULL: none
  double weight;                    // of labels, where there are others
} sk_targets;

typedef struct {
  const sk_view *x;
  int channels, classes;
  int64_t weight_at, bias_at;  // W [classes][channels], bias [classes] in the flat parameters
  sk_head_dx dx;
  sk_sums_list sums;
  double smoothing;         // of the labels in training
  float *mean, *dmean;      // [most n][blocks*16] pooled x; its gradient divided by the positions
  float *logits, *dlogits;  // [most n][classes]
  float *loss;              // [most n]
  uint8_t *wrong;           // [most n]
} sk_head;

// Logits, loss and wrong of every image.
void sk_head_eval(sk_pool *, const sk_head *, const sk_batch *, const float *params,
                  const uint16_t *labels);
// The same, then the gradient of the batch's mean loss: dx, sums, and dW and dbias in grads.
void sk_head_train(sk_pool *, const sk_head *, const sk_batch *, const float *params, float *grads,
                   const sk_targets *);
#endif
