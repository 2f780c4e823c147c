// conv_plan.c: turns the parts of a convolution into lists of block products.
//
// A tap is a pair of offsets (dr, ds), whichever part it comes from: flow B of a two-flow skip is
// tap (-1, -1), as the corner of a padded 3x3 kernel is. Output block kb and input block ib are
// multiplied at tap t if some part connects a channel of one with a channel of the other there;
// channels of the two blocks that no part connects get zero weights. The data gradient has the
// transposed lists, one for each phase (i mod stride, j mod stride) of the input position, since a
// tap reaches one phase only.
#include "conv_plan.h"
#include <stdlib.h>
#include <string.h>

static int mod(int a, int b) { return ((a % b) + b) % b; }
static int floor_div(int a, int b) { return (a - mod(a, b)) / b; }

static void collect_taps(sk_conv *c) {
  int n = 0;
  for (int i = 0; i < c->shape.parts; i++) n += c->part[i].r * c->part[i].s;
  c->tap = sk_aligned(n * sizeof *c->tap);
  for (const sk_conv_part *p = c->part; p < c->part + c->shape.parts; p++)
    for (int r = 0; r < p->r; r++)
      for (int s = 0; s < p->s; s++)
        if (sk_conv_plan_tap(c, r - p->pad_h, s - p->pad_w) < 0)
          c->tap[c->taps++] = (sk_conv_tap){r - p->pad_h, s - p->pad_w};
}

// Along one axis: the input positions of a tap's phase start at `phase`, and the k-th of them reads
// dy at position k + shift.
typedef struct {
  int phase, shift;
} reach;

static reach reach_of(int offset, int stride) {
  const int phase = mod(offset, stride);
  return (reach){phase, floor_div(phase - offset, stride)};
}

// One axis of the staged images: zeros in front, and the whole length.
typedef struct {
  int before, length;
} extent;

// x for `out` positions of y.
static void widen_x(extent *e, int offset, int out, int stride) {
  e->before = sk_max(e->before, -offset);
  e->length = sk_max(e->length, (out - 1) * stride + offset + 1);  // without the zeros in front
}

// dy for `in` positions of x.
static void widen_dy(extent *e, int offset, int in, int stride) {
  const reach r = reach_of(offset, stride);
  e->before = sk_max(e->before, -r.shift);
  e->length = sk_max(e->length, (int)sk_ceil_div(in - r.phase, stride) + r.shift);
}

static void set_pitches(sk_conv_staged *s, int64_t row_pitch, int blocks) {
  s->row_pitch = row_pitch;
  s->block_pitch = s->rows * s->row_pitch;
  s->image_pitch = blocks * s->block_pitch;
}

// Borders that make every read of every tap land inside the staged images.
static void measure(sk_conv *c) {
  const sk_conv_shape *s = &c->shape;
  extent xr = {0}, xs = {0}, dr = {0, s->p}, ds = {0, s->q};
  for (const sk_conv_tap *t = c->tap; t < c->tap + c->taps; t++) {
    widen_x(&xr, t->dr, s->p, s->stride);
    widen_x(&xs, t->ds, s->q, s->stride);
    widen_dy(&dr, t->dr, s->h, s->stride);
    widen_dy(&ds, t->ds, s->w, s->stride);
  }
  const int x_cols = sk_ceil_div(xs.length + xs.before, s->stride);
  c->x = (sk_conv_staged){
      .top = xr.before, .left = xs.before, .rows = xr.length + xr.before, .cols = x_cols};
  c->dy = (sk_conv_staged){.top = dr.before,
                           .left = ds.before,
                           .rows = dr.length + dr.before,
                           .cols = ds.length + ds.before};
  c->dx = (sk_conv_staged){.rows = s->h, .cols = s->w};
  set_pitches(&c->x, (int64_t)s->stride * c->x.cols * SK_LANES, c->x_blocks);
  set_pitches(&c->dy, (int64_t)c->dy.cols * SK_LANES, c->y_blocks);
  set_pitches(&c->dx, (int64_t)c->dx.cols * SK_LANES, SK_PANEL_BLOCKS);
}

static sk_conv_connection *connect(const sk_conv *c) {
  sk_conv_connection *all =
      sk_aligned((int64_t)c->y_blocks * c->x_blocks * (c->taps + 1) * sizeof *all);
  for (const sk_conv_part *p = c->part; p < c->part + c->shape.parts; p++)
    for (int k = 0; k < p->k; k++) {
      const int channels = p->c / p->groups,
                first = p->x_channel0 + k / (p->k / p->groups) * channels;
      const int end = first + channels, kb = (p->y_channel0 + k) / SK_LANES;
      for (int ib = first / SK_LANES; ib * SK_LANES < end; ib++)
        for (int i = 0; i < p->r * p->s; i++) {
          const int t = sk_conv_plan_tap(c, i / p->s - p->pad_h, i % p->s - p->pad_w);
          sk_conv_connection *at = sk_conv_connections(c, all, kb, ib) + t;
          at->inputs = sk_max(at->inputs, sk_min(SK_LANES, end - ib * SK_LANES));
          at->outputs = sk_max(at->outputs, (p->y_channel0 + k) % SK_LANES + 1);
        }
    }
  return all;
}

// A direction of the plan: which blocks it reads, and where. `out` and `in` are blocks, t is a tap.
typedef struct {
  // Channels of `in` that `out` reads at t.
  int (*channels)(const sk_conv *, sk_conv_connection *all, int out, int in, int t);
  int (*phase)(const sk_conv *, int t);
  // Float of the staged or transformed input at which position (0, 0) of the phase reads t.
  int64_t (*input_at)(const sk_conv *, int in, int t);
} direction;

static int forward_channels(const sk_conv *c, sk_conv_connection *all, int out, int in, int t) {
  return sk_conv_connections(c, all, out, in)[t].inputs;
}

static int backward_channels(const sk_conv *c, sk_conv_connection *all, int out, int in, int t) {
  return sk_conv_connections(c, all, in, out)[t].outputs;
}

static int no_phase(const sk_conv *c, int t) {
  (void)c, (void)t;
  return 0;
}

static int backward_phase(const sk_conv *c, int t) {
  const int stride = c->shape.stride;
  return mod(c->tap[t].dr, stride) * stride + mod(c->tap[t].ds, stride);
}

static int64_t forward_input(const sk_conv *c, int in, int t) {
  const int stride = c->shape.stride, row = c->x.top + c->tap[t].dr, col = c->x.left + c->tap[t].ds;
  const int staged = col % stride * c->x.cols + col / stride;
  return in * c->x.block_pitch + row * c->x.row_pitch + (int64_t)staged * SK_LANES;
}

static int64_t backward_input(const sk_conv *c, int in, int t) {
  const int stride = c->shape.stride;
  const int row = c->dy.top + reach_of(c->tap[t].dr, stride).shift;
  const int col = c->dy.left + reach_of(c->tap[t].ds, stride).shift;
  return in * c->dy.block_pitch + row * c->dy.row_pitch + col * SK_LANES;
}

static int64_t transformed_x(const sk_conv *c, int in, int t) {
  (void)t;
  return c->transform.x_place[in] * c->transform.block_pitch;
}

static int64_t transformed_dy(const sk_conv *c, int in, int t) {
  (void)t;
  return c->transform.y_place[in] * c->transform.block_pitch;
}

static const direction FORWARD = {forward_channels, no_phase, forward_input};
static const direction BACKWARD = {backward_channels, backward_phase, backward_input};
static const direction TRANSFORM_FORWARD = {forward_channels, no_phase, transformed_x};
static const direction TRANSFORM_BACKWARD = {backward_channels, no_phase, transformed_dy};

// A plan in the making: out_blocks over in_blocks, at taps tap0 .. tap0+taps-1.
typedef struct {
  sk_conv *conv;
  const direction *is;
  sk_conv_connection *all;
  int out_blocks, in_blocks;
  int tap0, taps;
} listing;

static int channels_at(const listing *l, int out, int in, int t) {
  return l->is->channels(l->conv, l->all, out, in, t);
}

// Whether output blocks a and b are connected with the same blocks by the same taps, transformed
// ones included.
static int alike(const listing *l, int a, int b) {
  for (int in = 0; in < l->in_blocks; in++)
    for (int t = 0; t <= l->conv->taps; t++)
      if (!channels_at(l, a, in, t) != !channels_at(l, b, in, t)) return 0;
  return 1;
}

// Appends the terms of a panel at a phase.
static void list_terms(const listing *l, sk_conv_plan *p, sk_conv_panel *panel, int phase) {
  for (int in = 0; in < l->in_blocks; in++)
    for (int t = l->tap0; t < l->tap0 + l->taps; t++) {
      int channels = 0;
      for (int b = 0; b < panel->blocks; b++)
        channels = sk_max(channels, channels_at(l, panel->block0 + b, in, t));
      if (!channels || l->is->phase(l->conv, t) != phase) continue;
      p->term[panel->term0 + panel->terms++] =
          (sk_conv_term){p->floats, l->is->input_at(l->conv, in, t), channels, in};
      for (int b = 0; b < panel->blocks; b++) {
        const int64_t pair = (int64_t)(panel->block0 + b) * l->in_blocks + in;
        p->weight_at[pair * l->taps + t - l->tap0] = p->floats + b * SK_LANES;
      }
      p->floats += (int64_t)channels * panel->blocks * SK_LANES;
    }
}

static sk_conv_plan list(const listing *l, int phases, int elements) {
  const int64_t pairs = (int64_t)l->out_blocks * l->in_blocks * l->taps;
  sk_conv_plan p = {.phases = phases};
  p.panel = sk_aligned((int64_t)l->out_blocks * phases * sizeof *p.panel);
  p.term = sk_aligned(pairs * sizeof *p.term);
  p.weight_at = sk_aligned(pairs * sizeof *p.weight_at);
  p.panel_blocks = sk_aligned(l->out_blocks * sizeof *p.panel_blocks);
  memset(p.weight_at, -1, pairs * sizeof *p.weight_at);
  for (int b = 0, blocks, terms = 0; b < l->out_blocks; b += blocks, p.panels++) {
    blocks = 1;
    while (blocks < SK_PANEL_BLOCKS && b + blocks < l->out_blocks && alike(l, b, b + blocks))
      blocks++;
    for (int i = 0; i < blocks; i++) p.panel_blocks[b + i] = blocks;
    for (int phase = 0; phase < phases; phase++) {
      sk_conv_panel *panel = &p.panel[p.panels * phases + phase];
      *panel = (sk_conv_panel){.block0 = b, .blocks = blocks, .term0 = terms};
      list_terms(l, &p, panel, phase);
      terms += panel->terms;
    }
  }
  p.all_floats = p.floats * elements;
  if (p.all_floats) p.weights = sk_map(p.all_floats * sizeof *p.weights);
  return p;
}

// The panels of a plan whose blocks are begin .. end-1.
static sk_conv_panels panels_between(const sk_conv_plan *p, int begin, int end) {
  sk_conv_panels r = {0, 0};
  for (; r.end < p->panels && p->panel[r.end].block0 < end; r.end++)
    if (p->panel[r.end].block0 < begin) r.begin = r.end + 1;
  return r;
}

static void list_transform(sk_conv *c, sk_conv_connection *all) {
  sk_conv_transform *w = &c->transform;
  const int transformed = c->taps;  // the place of transformed block products behind the taps
  const listing forward = {c, &TRANSFORM_FORWARD, all, c->y_blocks, c->x_blocks, transformed, 1};
  const listing backward = {c, &TRANSFORM_BACKWARD, all, c->x_blocks, c->y_blocks, transformed, 1};
  w->forward = list(&forward, 1, w->elements);
  w->backward = list(&backward, 1, w->elements);
  for (sk_conv_island *i = w->island; i < w->island + w->islands; i++) {
    i->forward = panels_between(&w->forward, i->y0, i->y0 + i->y_blocks);
    i->backward = panels_between(&w->backward, i->x0, i->x0 + i->x_blocks);
  }
}

void sk_conv_plan_make(sk_conv *c) {
  c->x_blocks = sk_blocks(c->shape.xc);
  c->y_blocks = sk_blocks(c->shape.yc);
  collect_taps(c);
  sk_conv_connection *all = connect(c);
  sk_conv_transform_choose(c, all);
  sk_conv_transform_measure(c);
  measure(c);
  const listing forward = {c, &FORWARD, all, c->y_blocks, c->x_blocks, 0, c->taps};
  const listing backward = {c, &BACKWARD, all, c->x_blocks, c->y_blocks, 0, c->taps};
  c->forward = list(&forward, 1, 1);
  c->backward = list(&backward, c->shape.stride * c->shape.stride, 1);
  if (c->transform.on) list_transform(c, all);
  for (int kb = 0; kb < c->y_blocks; kb++) c->direct |= c->transform.y_place[kb] < 0;
  for (int ib = 0; ib < c->x_blocks; ib++) c->direct |= c->transform.x_place[ib] < 0;
  free(all);
}

void sk_conv_plan_free(sk_conv_plan *p) {
  free(p->panel);
  free(p->term);
  free(p->weight_at);
  free(p->panel_blocks);
  sk_unmap(p->weights, p->all_floats * sizeof *p->weights);
}
