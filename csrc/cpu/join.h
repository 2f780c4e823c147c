// join.h: the shaken sum of a block's branches and its skip.
#ifndef SK_JOIN_H
#define SK_JOIN_H
#include "norm_sums.h"

// y = relu?(skip + sum over k of alpha[k][n] * branch[k]), then the statistics of y.
typedef struct {
  int branches;
  const sk_view *branch;      // [branches]
  const float *const *alpha;  // [branches][most n]
  const sk_view *skip;        // NULL: none
  const sk_tensor *y;         // written whole
  int relu;
  sk_stats_list stats;
} sk_join;

void sk_join_run(sk_pool *, const sk_join *, const sk_batch *);
#endif
