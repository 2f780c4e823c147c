// conv_pack.c: the weights of direct blocks.
#include "conv_pack.h"
#include "conv_area.h"

// Whether the transform has output block kb.
static int transformed(const sk_conv *c, int kb) { return c->transform.y_place[kb] >= 0; }

void sk_conv_pack_block(sk_conv *c, int kb, const float *params) {
  if (transformed(c, kb)) {
    sk_conv_transform_pack(c, kb, params);
    return;
  }
  const int forward_pitch = c->forward.panel_blocks[kb] * SK_LANES;
  for (int ib = 0; ib < c->x_blocks; ib++) {
    const int backward_pitch = c->backward.panel_blocks[ib] * SK_LANES;
    const int64_t *forward = &c->forward.weight_at[((int64_t)kb * c->x_blocks + ib) * c->taps];
    const int64_t *backward = &c->backward.weight_at[((int64_t)ib * c->y_blocks + kb) * c->taps];
    sk_conv_area a;
    for (sk_conv_areas at = {.conv = c, .kb = kb, .ib = ib}; sk_conv_next_area(&at, &a);)
      for (int k = a.begin; k < a.end; k++) {
        const sk_conv_row r = sk_conv_row_at(&a, ib, k);
        float *f = c->forward.weights + forward[a.tap] + r.out_lane;
        float *d = c->backward.weights + backward[a.tap] + r.out_lane * backward_pitch;
        for (int lane = r.lane0; lane < r.lane_end; lane++)
          f[lane * forward_pitch] = d[lane] = params[r.at + (lane - r.lane0) * r.pitch];
      }
  }
}

void sk_conv_unpack_block(const sk_conv *c, int kb, const float *acc, const float *transformed_acc,
                          float *grads) {
  if (transformed(c, kb)) {
    sk_conv_transform_unpack(c, kb, transformed_acc, grads);
    return;
  }
  const int pitch = c->forward.panel_blocks[kb] * SK_LANES;
  for (int ib = 0; ib < c->x_blocks; ib++) {
    const int64_t *forward = &c->forward.weight_at[((int64_t)kb * c->x_blocks + ib) * c->taps];
    sk_conv_area a;
    for (sk_conv_areas at = {.conv = c, .kb = kb, .ib = ib}; sk_conv_next_area(&at, &a);)
      for (int k = a.begin; k < a.end; k++) {
        const sk_conv_row r = sk_conv_row_at(&a, ib, k);
        const float *f = acc + forward[a.tap] + r.out_lane;
        for (int lane = r.lane0; lane < r.lane_end; lane++)
          grads[r.at + (lane - r.lane0) * r.pitch] = f[lane * pitch];
      }
  }
}
