// elementwise.h: the operations that read and write every value once: joins, statistics, sums, gradients.
#ifndef SK_ELEMENTWISE_H
#define SK_ELEMENTWISE_H
#include "sk.h"

// y = relu?(skip + sum over k of coef[k][n] * branch[k]), then the statistics of y.
typedef struct {
  int branches;
  const sk_view *branch;
  const float *const *coef; // [branches][max n]
  const sk_view *skip;      // NULL: none
  const sk_tensor *y;       // written whole
  int relu;
  int nstats;
  const sk_stats *stats;
} sk_join;

// dst = (accumulate ? dst : 0) + (of ? [v(of) > 0] : 1) * sum of the terms, for blocks cb0 .. cb0+cb-1; then the sums. v(of) leaves of's own
// ReLU out. Terms may read dst itself at the same place.
typedef struct {
  const sk_tensor *dst;
  int cb0, cb, accumulate;
  const sk_view *of; // NULL: no mask
  int nterms;
  const sk_grad *terms;
  int nsums;
  const sk_sums *sums;
} sk_grad_apply;

void sk_join_run(sk_pool *, const sk_join *, const sk_batch *);
void sk_grad_apply_run(sk_pool *, const sk_grad_apply *, const sk_batch *);
void sk_stats_run(sk_pool *, const sk_tensor *, int nstats, const sk_stats *, const sk_batch *);
void sk_sums_run(sk_pool *, int nsums, const sk_sums *, const sk_batch *);

// One step of stochastic gradient descent on n floats, in place:
//   g += decay*w;  v = first ? g : momentum*v + g;  w -= lr * (nesterov ? g + momentum*v : v)       (g itself is left as it is)
typedef struct {
  float lr, momentum, decay;
  int nesterov, first;
} sk_sgd;
void sk_sgd_run(sk_pool *, const sk_sgd *, float *w, float *v, const float *g, int64_t n);

// The kernels of one instruction set, on image n of a batch.
typedef struct {
  void (*stats)(const sk_stats *, const sk_tensor *, int n, int lo, int hi); // blocks lo .. hi-1 of the tensor
  void (*sums)(const sk_sums *, const sk_batch *, int n);
  void (*join)(const sk_join *, const sk_batch *, int n);
  void (*grad_apply)(const sk_grad_apply *, const sk_batch *, int n);
  void (*sgd)(const sk_sgd *, float *w, float *v, const float *g, int64_t n);
  void (*mean)(const sk_view *, const sk_batch *, int n, float *mean); // over positions: mean[cb*16]
  // dst[cb0+c][p] = (accumulate ? dst : 0) + (relu ? [x's value before its own ReLU > 0] : 1) * d[c]
  void (*spread)(const float *d, const sk_view *x, const sk_tensor *dst, int cb0, int relu, int accumulate, const sk_batch *, int n);
} sk_elementwise_kernels;
#endif
