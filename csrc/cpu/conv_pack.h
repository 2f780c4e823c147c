// conv_pack.h: weights from the flat parameters to the plans, and their gradients back. It goes
// block by block, so that everything that 16x16 weights touch on both sides stays in cache.
#ifndef SK_CONV_PACK_H
#define SK_CONV_PACK_H
#include "conv_plan.h"

// Packs the weights of output block kb for both directions.
void sk_conv_pack_block(sk_conv *, int kb, const float *params);
// Takes the gradients of output block kb's weights from accumulators that are laid out as the
// forward weights: acc of the direct plan, transformed of the transform's.
void sk_conv_unpack_block(const sk_conv *, int kb, const float *acc, const float *transformed,
                          float *grads);
#endif
