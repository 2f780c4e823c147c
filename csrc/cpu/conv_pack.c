// conv_pack.c: the weights of direct blocks, and the rows that both kinds of blocks consist of.
#include "conv_pack.h"

// Fills row from the position and tells whether its output channel reads the input block.
static int row_at(const sk_conv_rows *at, const sk_conv_part *p, sk_conv_row *row) {
  const int channels = p->c / p->groups, kernel = p->r * p->s, block = at->ib * SK_LANES;
  const int first = p->x_channel0 + at->k / (p->k / p->groups) * channels;
  row->tap = at->tap;
  row->out_lane = (p->y_channel0 + at->k) % SK_LANES;
  row->lane0 = sk_max(first, block) - block;
  row->lane_end = sk_min(first + channels, block + SK_LANES) - block;
  row->at = p->weight_at + ((int64_t)at->k * channels + block + row->lane0 - first) * kernel + at->element;
  row->pitch = kernel;
  return row->lane0 < row->lane_end;
}

int sk_conv_next_row(sk_conv_rows *at, sk_conv_row *row) {
  const sk_conv *c = at->conv;
  for (; at->part < c->shape.parts; at->part++, at->element = 0) {
    const sk_conv_part *p = &c->part[at->part];
    const int begin = sk_max(0, at->kb * SK_LANES - p->y_channel0);
    const int end = sk_min(p->k, (at->kb + 1) * SK_LANES - p->y_channel0);
    const int block = at->ib * SK_LANES;
    if (p->x_channel0 >= block + SK_LANES || p->x_channel0 + p->c <= block) continue;
    for (; at->element < p->r * p->s && begin < end; at->element++, at->k = 0) {
      if (at->k <= begin) {
        at->k = begin;
        at->tap = sk_conv_plan_tap(c, at->element / p->s - p->pad_h, at->element % p->s - p->pad_w);
      }
      while (at->k < end) {
        const int reads = row_at(at, p, row);
        at->k++;
        if (reads) return 1;
      }
    }
  }
  return 0;
}

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
    sk_conv_row r;
    for (sk_conv_rows at = {.conv = c, .kb = kb, .ib = ib}; sk_conv_next_row(&at, &r);) {
      float *f = c->forward.weights + forward[r.tap] + r.out_lane;
      float *d = c->backward.weights + backward[r.tap] + r.out_lane * backward_pitch;
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
    sk_conv_row r;
    for (sk_conv_rows at = {.conv = c, .kb = kb, .ib = ib}; sk_conv_next_row(&at, &r);) {
      const float *f = acc + forward[r.tap] + r.out_lane;
      for (int lane = r.lane0; lane < r.lane_end; lane++)
        grads[r.at + (lane - r.lane0) * r.pitch] = f[lane * pitch];
    }
  }
}
