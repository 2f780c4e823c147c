// gradsum.h: a stored sum of gradients.
#ifndef SK_GRADSUM_H
#define SK_GRADSUM_H
#include "norm_sums.h"

// dst = (accumulate ? dst : 0) + (relu_of ? [v(relu_of) > 0] : 1) * sum of the terms, for `blocks`
// blocks from block0 on; then the sums. v(relu_of) leaves the view's own ReLU out. A term may read
// dst itself at the same place.
typedef struct {
  const sk_tensor *dst;
  int block0, blocks;
  int accumulate;
  const sk_view *relu_of;  // NULL: no mask
  int terms;
  const sk_grad *term;  // [terms]
  sk_sums_list sums;
} sk_gradsum;

void sk_gradsum_run(sk_pool *, const sk_gradsum *, const sk_batch *);
#endif
