// conv_pack.h: weights from the flat parameters to the plans, and their gradients back. It goes
// block by block, so that everything that 16x16 weights touch on both sides stays in cache.
#ifndef SK_CONV_PACK_H
#define SK_CONV_PACK_H
#include "conv_plan.h"

// Weights of one lane of an output block: those that meet lanes lane0 .. lane_end-1 of an input
// block at one tap.
typedef struct {
  int tap;
  int out_lane, lane0, lane_end;
  int64_t at; // float of the flat parameters at which lane0's stands
  int pitch;  // floats from one lane's weight to the next
} sk_conv_row;

// Goes through the rows between output block kb and input block ib. Start from {conv, kb, ib}.
typedef struct {
  const sk_conv *conv;
  int kb, ib;
  int part, element, k; // position: part, row and column of its kernel, output channel
  int tap;              // of the element
} sk_conv_rows;

// The next row; 0 behind the last.
int sk_conv_next_row(sk_conv_rows *, sk_conv_row *);

// Packs the weights of output block kb for both directions.
void sk_conv_pack_block(sk_conv *, int kb, const float *params);
// Takes the gradients of output block kb's weights from accumulators that are laid out as the
// forward weights: acc of the direct plan, transformed of the transform's.
void sk_conv_unpack_block(const sk_conv *, int kb, const float *acc, const float *transformed,
                          float *grads);
#endif
