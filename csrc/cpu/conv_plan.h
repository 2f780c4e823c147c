// conv_plan.h: what connects a convolution's blocks, as conv_plan.c lists it and conv_divert.c hands it over.
#ifndef SK_CONV_PLAN_H
#define SK_CONV_PLAN_H
#include "conv.h"

// One more than the highest connected lane of each side, 0 where nothing connects.
typedef struct {
  unsigned char c, k;
} sk_span;

// Spans [output block][input block][tap]; behind the taps one for the products of a fast algorithm, unused so far.
static inline int sk_span_pitch(const sk_conv *c) { return c->taps + 1; }

// Hands output blocks over to an algorithm with fewer products, where one can be used and pays: their spans move behind the taps.
void sk_plan_divert(sk_conv *, sk_span *used);
#endif
