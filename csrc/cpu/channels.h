// channels.h: copies of channels.
#ifndef SK_CHANNELS_H
#define SK_CHANNELS_H
#include "tensor.h"
#include "threads.h"

// Channels 0 .. c-1 of y become channels x_channel0 .. of x, the others zero. Neither need be whole
// blocks.
typedef struct {
  const sk_tensor *x, *y;
  int x_channel0, c;
} sk_channels;

void sk_channels_run(sk_pool *, const sk_channels *, const sk_batch *);
#endif
