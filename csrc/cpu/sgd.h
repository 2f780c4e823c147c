// sgd.h: stochastic gradient descent with momentum, and an average of the weights.
#ifndef SK_SGD_H
#define SK_SGD_H
#include "threads.h"

//   g' = g + decay*w;  v = momentum*v + g';  w -= lr * (nesterov ? g' + momentum*v : v);
//   average = keep*average + rest*w
typedef struct {
  float lr, momentum, decay, keep, rest;
  int nesterov;
} sk_sgd;

// The flat arrays of a step: all of one length.
typedef struct {
  float *w, *v;
  const float *g;
  float *average;  // NULL: none
} sk_sgd_arrays;

// One step on n floats. w, v and average are overwritten, g is left as it is.
void sk_sgd_run(sk_pool *, const sk_sgd *, const sk_sgd_arrays *, int64_t n);
#endif
