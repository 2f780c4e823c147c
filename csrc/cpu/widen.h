// widen.h: channels copied to others, with zeros behind them. A concatenation and the gradient of a
// widening are copies too.
#ifndef SK_WIDEN_H
#define SK_WIDEN_H
#include "tensor.h"
#include "threads.h"

// Channels y_channel0 .. of y become the c channels x_channel0 .. of x. The channels behind them,
// as far as block end_block-1 reaches, become zero. Neither need be whole blocks.
typedef struct {
  const sk_tensor *x, *y;
  int x_channel0, c;
  int y_channel0, end_block;
} sk_widen;

void sk_widen_run(sk_pool *, const sk_widen *, const sk_batch *);
#endif
