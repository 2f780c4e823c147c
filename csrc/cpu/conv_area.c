// conv_area.c: the areas between two blocks, one after the other.
#include "conv_area.h"

int sk_conv_next_area(sk_conv_areas *at, sk_conv_area *a) {
  const sk_conv *c = at->conv;
  const int block = at->ib * SK_LANES;
  for (; at->part < c->shape.parts; at->part++, at->kernel_at = 0) {
    const sk_conv_part *p = &c->part[at->part];
    const int begin = sk_max(0, at->kb * SK_LANES - p->y_channel0);
    const int end = sk_min(p->k, (at->kb + 1) * SK_LANES - p->y_channel0);
    if (p->x_channel0 >= block + SK_LANES || p->x_channel0 + p->c <= block) continue;
    if (at->kernel_at == p->r * p->s || begin >= end) continue;
    const int r = at->kernel_at / p->s, s = at->kernel_at % p->s;
    *a = (sk_conv_area){p, at->kernel_at++, sk_conv_plan_tap(c, r - p->pad_h, s - p->pad_w), begin,
                        end};
    return 1;
  }
  return 0;
}
