// widen.c: copies of channels over a batch, a task a block of y of an image.
#include "widen.h"
#include <string.h>

static void task(void *arg, int task, int worker) {
  (void)worker;
  const sk_widen *o = arg;
  const sk_tensor *x = o->x, *y = o->y;
  const int begin = o->y_channel0 / SK_LANES, blocks = o->end_block - begin;
  const int n = task / blocks, b = begin + task % blocks, positions = y->h * y->w;
  const int64_t plane = (int64_t)positions * SK_LANES;
  float *out = y->data + n * y->image_pitch + b * plane;
  const float *in = x->data + n * x->image_pitch;
  // Lanes before `first` keep their values.
  const int first = (int)sk_max(o->y_channel0 - b * SK_LANES, 0);
  const int last = (int)sk_min(o->y_channel0 + o->c - b * SK_LANES, SK_LANES);
  if (first == 0)
    memset(out, 0, (size_t)plane * sizeof *out);
  else
    for (int p = 0; p < positions; p++)
      for (int l = first; l < SK_LANES; l++) out[p * SK_LANES + l] = 0;
  for (int l = first; l < last; l++) {
    const int c = o->x_channel0 + b * SK_LANES + l - o->y_channel0;
    const float *from = in + c / SK_LANES * plane + c % SK_LANES;
    for (int p = 0; p < positions; p++) out[p * SK_LANES + l] = from[p * SK_LANES];
  }
}

void sk_widen_run(sk_pool *p, const sk_widen *o, const sk_batch *b) {
  sk_parallel(p, b->n * (o->end_block - o->y_channel0 / SK_LANES), task, (void *)o);
}
