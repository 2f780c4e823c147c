// conv_transform_choose.c: which output blocks of a convolution go through a transform, and the
// islands that they make.
#include "conv_plan.h"
#include <stdlib.h>
#include <string.h>

// The taps by which output block kb reads input block ib.
static int taps_between(const sk_conv *c, sk_conv_connection *all, int kb, int ib) {
  int taps = 0;
  for (int t = 0; t < c->taps; t++) taps += sk_conv_connections(c, all, kb, ib)[t].inputs > 0;
  return taps;
}

// The input blocks that output block kb reads, first .. end-1; first == end: none.
typedef struct {
  int first, end;
} inputs;

static inputs inputs_of(const sk_conv *c, sk_conv_connection *all, int kb) {
  inputs r = {0, 0};
  for (int ib = 0; ib < c->x_blocks; ib++) {
    if (!taps_between(c, all, kb, ib)) continue;
    if (!r.end) r.first = ib;
    r.end = ib + 1;
  }
  return r;
}

// Channels that output block kb reads by whole 3x3 kernels with pad 1; 0 if it reads any in another
// way.
static int whole_kernels(const sk_conv *c, sk_conv_connection *all, int kb) {
  int channels = 0;
  for (int ib = 0; ib < c->x_blocks; ib++) {
    const sk_conv_connection *at = sk_conv_connections(c, all, kb, ib);
    int taps = 0, most = 0;
    for (int t = 0; t < c->taps; t++) {
      if (!at[t].inputs) continue;
      if (abs(c->tap[t].dr) > 1 || abs(c->tap[t].ds) > 1) return 0;
      taps++;
      most = sk_max(most, at[t].inputs);
    }
    if (taps && taps != 9) return 0;
    channels += most;
  }
  return channels;
}

// Adds output block kb with the input blocks that it reads as an island of its own, and joins the
// last islands for as long as they have input blocks in common.
static void add_to_island(sk_conv_transform *w, int kb, inputs in) {
  w->island[w->islands++] = (sk_conv_island){.x0 = in.first, .x1 = in.end, .y0 = kb, .y1 = kb + 1};
  for (; w->islands > 1; w->islands--) {
    sk_conv_island *last = &w->island[w->islands - 1], *before = last - 1;
    if (before->x1 <= last->x0) return;
    before->x0 = sk_min(before->x0, last->x0);
    before->x1 = sk_max(before->x1, last->x1);
    before->y1 = last->y1;
  }
}

// Moves output block kb of an island from the direct plan to the transform: clears its connections
// at the taps, and sets the one of the transformed plan for the pair of blocks that stands for it.
static void move_block(sk_conv *c, const sk_conv_island *i, sk_conv_connection *all, int kb) {
  sk_conv_transform *w = &c->transform;
  w->on = 1;
  w->y_place[kb] = (kb - i->y0) % i->y_blocks;
  for (int ib = i->x0; ib < i->x1; ib++) {
    sk_conv_connection *at = sk_conv_connections(c, all, kb, ib);
    const int first = kb < i->y0 + i->y_blocks && ib < i->x0 + i->x_blocks;
    for (int t = 0; t < c->taps; t++) {
      if (!at[t].inputs) continue;
      w->x_place[ib] = (ib - i->x0) % i->x_blocks;
      if (first) at[c->taps] = (sk_conv_connection){SK_LANES, SK_LANES};
      at[t] = (sk_conv_connection){0, 0};
    }
  }
}

static int pays(const sk_conv *c, int channels) {
  return c->shape.method == SK_CONV_TRANSFORM ||
         sk_conv_transform_pays(&c->shape, c->transform.algorithm, channels);
}

static void choose_winograd(sk_conv *c, sk_conv_connection *all) {
  const sk_conv_shape *s = &c->shape;
  sk_conv_transform *w = &c->transform;
  if (s->stride > 2 || s->p != (s->h - 1) / s->stride + 1 || s->q != (s->w - 1) / s->stride + 1)
    return;
  w->algorithm = s->stride == 1 ? SK_WINOGRAD : SK_WINOGRAD_STRIDED;
  for (int kb = 0; kb < c->y_blocks; kb++) {
    const int channels = whole_kernels(c, all, kb);
    if (!channels || !pays(c, channels)) continue;
    w->y_place[kb] = 0;  // chosen; its place is known when the island is whole
    add_to_island(w, kb, inputs_of(c, all, kb));
  }
  for (sk_conv_island *i = w->island; i < w->island + w->islands; i++) {
    i->x_blocks = i->x1 - i->x0;
    i->y_blocks = i->y1 - i->y0;
    for (int kb = i->y0; kb < i->y1; kb++)
      if (!w->y_place[kb]) move_block(c, i, all, kb);
  }
}

// Whether an island is an even number of blocks, each connected with each other by one whole tap.
static int dense(const sk_conv *c, sk_conv_connection *all, const sk_conv_island *i, int tap) {
  if ((i->x1 - i->x0) % 2 || (i->y1 - i->y0) % 2) return 0;
  for (int kb = i->y0; kb < i->y1; kb++)
    for (int ib = i->x0; ib < i->x1; ib++) {
      const sk_conv_connection *at = sk_conv_connections(c, all, kb, ib) + tap;
      if (taps_between(c, all, kb, ib) != 1 || at->inputs != SK_LANES || at->outputs != SK_LANES)
        return 0;
    }
  return 1;
}

// Strassen's halves need dense islands, with the tap (0, 0) alone, on an even number of rows.
// Blocks must be whole: rounding errors reach their padding lanes otherwise.
static void choose_strassen(sk_conv *c, sk_conv_connection *all) {
  const sk_conv_shape *s = &c->shape;
  sk_conv_transform *w = &c->transform;
  const int tap = sk_conv_plan_tap(c, 0, 0);
  if (w->on || tap < 0 || s->p % 2) return;
  if ((s->p - 1) * s->stride >= s->h || (s->q - 1) * s->stride >= s->w) return;
  w->algorithm = SK_STRASSEN;
  for (int kb = 0; kb < c->y_blocks; kb++) {
    const inputs in = inputs_of(c, all, kb);
    if (in.end) add_to_island(w, kb, in);
  }
  int kept = 0;
  for (const sk_conv_island *i = w->island; i < w->island + w->islands; i++) {
    const int x_blocks = i->x1 - i->x0, y_blocks = i->y1 - i->y0;
    if (!dense(c, all, i, tap) || !pays(c, sk_min(x_blocks, y_blocks) * SK_LANES)) continue;
    sk_conv_island *keep = &w->island[kept++];
    *keep = *i;
    keep->x_blocks = x_blocks / 2;
    keep->y_blocks = y_blocks / 2;
    for (int kb = keep->y0; kb < keep->y1; kb++) move_block(c, keep, all, kb);
  }
  w->islands = kept;
}

void sk_conv_transform_choose(sk_conv *c, sk_conv_connection *all) {
  sk_conv_transform *w = &c->transform;
  w->island = sk_aligned(c->y_blocks * sizeof *w->island);
  w->x_place = sk_aligned(c->x_blocks * sizeof *w->x_place);
  w->y_place = sk_aligned(c->y_blocks * sizeof *w->y_place);
  memset(w->x_place, -1, c->x_blocks * sizeof *w->x_place);
  memset(w->y_place, -1, c->y_blocks * sizeof *w->y_place);
  if (c->shape.method == SK_CONV_DIRECT) return;
  choose_winograd(c, all);
  choose_strassen(c, all);
}
