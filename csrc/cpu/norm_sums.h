// norm_sums.h: a norm's terms of each image: statistics of a tensor, sums of a gradient.
#ifndef SK_NORM_SUMS_H
#define SK_NORM_SUMS_H
#include "norm.h"
#include "threads.h"

// Forward: sum and M2 of the norm's channels, which start at block0 of a stored tensor, from the
// norm's block `from` on.
typedef struct {
  sk_norm *norm;
  int block0, from;
} sk_stats;

// Backward: S1 = sum g' and S2 = sum g'*xhat, xhat = (y - mean)*invstd. of.norm is norm.
typedef struct {
  sk_norm *norm;
  sk_grad of;
} sk_sums;

typedef struct {
  int count;
  const sk_stats *each;
} sk_stats_list;

typedef struct {
  int count;
  const sk_sums *each;
} sk_sums_list;

// Of image n, taken by the task that has just written the tensor or the gradient.
void sk_image_stats(sk_stats_list, const sk_tensor *, int n);
void sk_image_sums(sk_sums_list, const sk_batch *, int n);
// Of a batch, a task an image.
void sk_stats_run(sk_pool *, sk_stats_list, const sk_tensor *, const sk_batch *);
void sk_sums_run(sk_pool *, sk_sums_list, const sk_batch *);
#endif
