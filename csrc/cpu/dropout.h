// dropout.h: a map with some of its numbers zero.
#ifndef SK_DROPOUT_H
#define SK_DROPOUT_H
#include "tensor.h"
#include "threads.h"

// y = x * factor, factor being `scale` where the draw of engine.Kept is at least `threshold`, else
// 0.
typedef struct {
  const sk_tensor *x;  // its blocks from block0 on, as many as y has
  int block0;
  const sk_tensor *y;
  float scale;
  uint32_t threshold;  // of a word's upper 24 bits; 0: every number is kept
  uint32_t index;      // of the dropout in the graph
} sk_dropout;

void sk_dropout_run(sk_pool *, const sk_dropout *, const sk_batch *, uint64_t seed,
                    uint32_t iteration);
#endif
