// conv_area.h: where the weights between an output block and an input block stand in the flat
// parameters.
#ifndef SK_CONV_AREA_H
#define SK_CONV_AREA_H
#include "conv_plan.h"

// The weights of one part at one tap for the output channels begin .. end-1 of an output block.
typedef struct {
  const sk_conv_part *part;
  int kernel_at;  // row * part->s + column of the part's kernel
  int tap;
  int begin;
  int end;
} sk_conv_area;

// Goes through the areas between output block kb and input block ib. Start from {conv, kb, ib}.
typedef struct {
  const sk_conv *conv;
  int kb;
  int ib;
  int part;
  int kernel_at;
} sk_conv_areas;

// The next area; 0 behind the last.
int sk_conv_next_area(sk_conv_areas *, sk_conv_area *);

// The weights between one lane of an output block and lanes lane0 .. lane_end-1 of an input block,
// of which there may be none.
typedef struct {
  int out_lane;
  int lane0;
  int lane_end;
  int64_t at;  // float of the flat parameters at which lane0's stands
  int pitch;   // floats from one lane's weight to the next
} sk_conv_row;

// Of output channel k of an area.
static inline sk_conv_row sk_conv_row_at(const sk_conv_area *a, int ib, int k) {
  const sk_conv_part *p = a->part;
  const int channels = p->c / p->groups, kernel = p->r * p->s, block = ib * SK_LANES;
  const int first = p->x_channel0 + k / (p->k / p->groups) * channels;
  const int lane0 = (first > block ? first : block) - block;
  const int end = first + channels - block;
  const int64_t at = (int64_t)k * channels + block + lane0 - first;
  return (sk_conv_row){(p->y_channel0 + k) % SK_LANES, lane0, end < SK_LANES ? end : SK_LANES,
                       p->weight_at + at * kernel + a->kernel_at, kernel};
}
#endif
