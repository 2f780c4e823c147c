// sgd.h: stochastic gradient descent with momentum.
#ifndef SK_SGD_H
#define SK_SGD_H
#include "threads.h"

// g' = g + decay*w;  v = first ? g' : momentum*v + g';  w -= lr * (nesterov ? g' + momentum*v : v)
typedef struct {
  float lr, momentum, decay;
  int nesterov, first;
} sk_sgd;

// One step on n floats. w and v are overwritten, g is left as it is.
void sk_sgd_run(sk_pool *, const sk_sgd *, float *w, float *v, const float *g, int64_t n);
#endif
