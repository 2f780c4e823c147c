// conv_transform_pack.c: the weights of transformed blocks. Blocks that the algorithm takes
// together make one filter of blocks, [element][16][16]: Winograd's [3][3] taps of one pair of
// blocks, Strassen's [half of y][half of x] of four.
#include "conv_area.h"
#include "dispatch.h"
#include <string.h>

enum { ELEMENT_FLOATS = SK_LANES * SK_LANES, FILTER_FLOATS = 9 * ELEMENT_FLOATS };

static const sk_conv_island *island_of(const sk_conv *c, int kb) {
  const sk_conv_island *i = c->transform.island;
  while (kb >= i->y1) i++;
  return i;
}

static int is_strassen(const sk_conv *c) { return c->transform.algorithm == SK_STRASSEN; }

// The element of the filter that the blocks kb and ib of an island make at a tap.
static int element(const sk_conv *c, const sk_conv_island *in, int kb, int ib, int tap) {
  if (is_strassen(c)) return (kb - in->y0) / in->y_blocks * 2 + (ib - in->x0) / in->x_blocks;
  return (c->tap[tap].dr + 1) * 3 + c->tap[tap].ds + 1;
}

// Goes through the areas of a filter: of all pairs of blocks that kb and ib stand for.
typedef struct {
  const sk_conv_island *in;
  int ib;  // of the first pair
  sk_conv_areas at;
} filter_areas;

static filter_areas areas_of(const sk_conv *c, const sk_conv_island *in, int kb, int ib) {
  return (filter_areas){in, ib, {.conv = c, .kb = kb, .ib = ib}};
}

// The next area and the float of the filter where its element starts; 0 behind the last.
static int next_filter_area(filter_areas *f, sk_conv_area *a, int64_t *at) {
  while (!sk_conv_next_area(&f->at, a)) {
    int kb = f->at.kb, ib = f->at.ib + f->in->x_blocks;
    if (ib >= f->in->x1) ib = f->ib, kb += f->in->y_blocks;
    if (kb >= f->in->y1) return 0;
    f->at = (sk_conv_areas){.conv = f->at.conv, .kb = kb, .ib = ib};
  }
  *at = (int64_t)element(f->at.conv, f->in, f->at.kb, f->at.ib, a->tap) * ELEMENT_FLOATS;
  return 1;
}

// Whether the algorithm takes kb as the second half of another block.
static int second_half(const sk_conv_island *in, int kb) { return kb >= in->y0 + in->y_blocks; }

void sk_conv_transform_pack(sk_conv *c, int kb, const float *params) {
  const sk_conv_plan *forward = &c->transform.forward, *backward = &c->transform.backward;
  const sk_conv_island *in = island_of(c, kb);
  const sk_conv_algorithm *maps = &sk_isa->transform->algorithm[c->transform.algorithm];
  // The filter and its transpose.
  float g[FILTER_FLOATS] __attribute__((aligned(64)));
  float gt[FILTER_FLOATS] __attribute__((aligned(64)));
  const size_t bytes = (is_strassen(c) ? 4 : 9) * ELEMENT_FLOATS * sizeof *g;
  if (second_half(in, kb)) return;
  for (int ib = in->x0; ib < in->x0 + in->x_blocks; ib++) {
    const int64_t to = forward->weight_at[(int64_t)kb * c->x_blocks + ib];
    const int64_t back = backward->weight_at[(int64_t)ib * c->y_blocks + kb];
    if (to < 0) continue;
    memset(g, 0, bytes);
    memset(gt, 0, bytes);
    sk_conv_area a;
    int64_t e;
    for (filter_areas at = areas_of(c, in, kb, ib); next_filter_area(&at, &a, &e);)
      for (int k = a.begin; k < a.end; k++) {
        const sk_conv_row r = sk_conv_row_at(&a, at.at.ib, k);
        for (int lane = r.lane0; lane < r.lane_end; lane++)
          g[e + lane * SK_LANES + r.out_lane] = gt[e + r.out_lane * SK_LANES + lane] =
              params[r.at + (lane - r.lane0) * r.pitch];
      }
    maps->filter(g, forward->weights + to, forward->panel_blocks[kb] * SK_LANES, forward->floats);
    maps->filter(gt, backward->weights + back, backward->panel_blocks[ib] * SK_LANES,
                 backward->floats);
  }
}

void sk_conv_transform_unpack(const sk_conv *c, int kb, const float *acc, float *grads) {
  const sk_conv_plan *forward = &c->transform.forward;
  const sk_conv_island *in = island_of(c, kb);
  const sk_conv_algorithm *maps = &sk_isa->transform->algorithm[c->transform.algorithm];
  float g[FILTER_FLOATS] __attribute__((aligned(64)));
  if (second_half(in, kb)) return;
  for (int ib = in->x0; ib < in->x0 + in->x_blocks; ib++) {
    const int64_t from = forward->weight_at[(int64_t)kb * c->x_blocks + ib];
    if (from < 0) continue;
    maps->filter_gradient(acc + from, forward->panel_blocks[kb] * SK_LANES, forward->floats, g);
    sk_conv_area a;
    int64_t e;
    for (filter_areas at = areas_of(c, in, kb, ib); next_filter_area(&at, &a, &e);)
      for (int k = a.begin; k < a.end; k++) {
        const sk_conv_row r = sk_conv_row_at(&a, at.at.ib, k);
        for (int lane = r.lane0; lane < r.lane_end; lane++)
          grads[r.at + (lane - r.lane0) * r.pitch] = g[e + lane * SK_LANES + r.out_lane];
      }
  }
}
