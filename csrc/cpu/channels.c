// channels.c: copies of channels over a batch, a task a block of an image.
#include "channels.h"
#include <string.h>

static void task(void *arg, int task, int worker) {
  (void)worker;
  const sk_channels *o = arg;
  const sk_tensor *x = o->x, *y = o->y;
  const int n = task / y->blocks, b = task % y->blocks, positions = y->h * y->w;
  const int64_t plane = (int64_t)positions * SK_LANES;
  float *out = y->data + n * y->image_pitch + b * plane;
  const float *in = x->data + n * x->image_pitch;
  memset(out, 0, (size_t)plane * sizeof *out);
  const int lanes = (int)sk_min(SK_LANES, o->c - b * SK_LANES);
  for (int l = 0; l < lanes; l++) {
    const int c = o->x_channel0 + b * SK_LANES + l;
    const float *from = in + c / SK_LANES * plane + c % SK_LANES;
    for (int p = 0; p < positions; p++) out[p * SK_LANES + l] = from[p * SK_LANES];
  }
}

void sk_channels_run(sk_pool *p, const sk_channels *o, const sk_batch *b) {
  sk_parallel(p, b->n * o->y->blocks, task, (void *)o);
}
