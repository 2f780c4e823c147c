// conv_weight_gradient_kernel.h: weight gradients, the outer products of x and dy summed over
// positions. An accumulator is laid out as the packed weights are.
#ifndef SK_CONV_WEIGHT_GRADIENT_KERNEL_H
#define SK_CONV_WEIGHT_GRADIENT_KERNEL_H
#include "conv_gemm_kernel.h"

// The micro-tile is GEMM_BLOCKS output blocks by WEIGHT_INPUTS input channels.
#if defined(SK_AVX512)
enum { WEIGHT_INPUTS = 8 };
#define WEIGHT_SIZES(M) SK_SIZES_8(M, 1) SK_SIZES_8(M, 2)
#elif defined(SK_AVX2) || defined(__aarch64__)
enum { WEIGHT_INPUTS = 6 };
#define WEIGHT_SIZES(M) SK_SIZES_6(M, 1)
#else
enum { WEIGHT_INPUTS = 3 };
#define WEIGHT_SIZES(M) SK_SIZES_3(M, 1)
#endif

// Some channels of x and some blocks of dy over rows x cols positions, and where their
// outer products go.
typedef struct {
  const float *x, *dy;
  int64_t x_row_pitch, dy_row_pitch, dy_block_pitch;  // floats
  int rows, cols;
  float *acc;
  int acc_pitch;  // floats from one input channel to the next
  int add;        // to acc; 0: overwrite it
} weight_sum;

// Input channels of a micro-tile: the first `here` follow each other, the others stand `gap` floats
// further on.
typedef struct {
  int here;
  int64_t gap;
} weight_inputs;

// a += x * dy at one position
SK_INLINE void weight_position(const int blocks, const int inputs, const weight_inputs in,
                               const float *x, const float *d, int64_t dy_block_pitch,
                               vf a[WEIGHT_INPUTS][GEMM_BLOCKS * STRIPS]) {
  vf dv[GEMM_BLOCKS * STRIPS];
  UNROLL for (int i = 0; i < blocks * STRIPS; i++)
    dv[i] = vf_load(d + i / STRIPS * dy_block_pitch + i % STRIPS * SK_W);
  UNROLL for (int c = 0; c < inputs; c++) {
    vf b = vf_set(x[c < in.here ? c : c + in.gap]);
    UNROLL for (int i = 0; i < blocks * STRIPS; i++) a[c][i] += dv[i] * b;
  }
}

// acc[inputs][blocks] (+)= sum over positions of x * dy
SK_INLINE void weight_micro_tile(const int blocks, const int inputs, const weight_inputs in,
                                 const weight_sum *o, const int acc_pitch, const float *x,
                                 float *acc) {
  vf a[WEIGHT_INPUTS][GEMM_BLOCKS * STRIPS];  // the accumulator
  const float *d = o->dy;
  const int64_t block_pitch = o->dy_block_pitch;
  UNROLL for (int c = 0; c < inputs; c++)
    UNROLL for (int i = 0; i < blocks * STRIPS; i++)
      a[c][i] = o->add ? vf_load(acc + c * acc_pitch + i * SK_W) : (vf){};
  for (int rows = o->rows; rows; rows--, x += o->x_row_pitch, d += o->dy_row_pitch) {
    const float *xp = x, *dp = d, *end = x + o->cols * SK_LANES;
    for (; end - xp >= 3 * SK_LANES; xp += 3 * SK_LANES, dp += 3 * SK_LANES)
      UNROLL for (int p = 0; p < 3; p++)
        weight_position(blocks, inputs, in, xp + p * SK_LANES, dp + p * SK_LANES, block_pitch, a);
    for (; xp < end; xp += SK_LANES, dp += SK_LANES)
      weight_position(blocks, inputs, in, xp, dp, block_pitch, a);
  }
  UNROLL for (int c = 0; c < inputs; c++)
    UNROLL for (int i = 0; i < blocks * STRIPS; i++)
      vf_store(acc + c * acc_pitch + i * SK_W, a[c][i]);
}

SK_INLINE void weight_micro_tiles(const int blocks, const int inputs, const weight_sum *o,
                                  const int acc_pitch, int tiles) {
  const float *x = o->x;
  float *acc = o->acc;
  for (; tiles; tiles--, x += inputs, acc += inputs * acc_pitch)
    weight_micro_tile(blocks, inputs, (weight_inputs){inputs, 0}, o, acc_pitch, x, acc);
}

// Micro-tiles whose channels follow each other. The widest panel's pitch is a constant.
typedef void weight_function(const weight_sum *, int tiles);
#define WEIGHT_FUNCTION(blocks, inputs)                                          \
  static void weight_##blocks##_##inputs(const weight_sum *o, int tiles) {       \
    if (o->acc_pitch == SK_PANEL_BLOCKS * SK_LANES)                              \
      weight_micro_tiles(blocks, inputs, o, SK_PANEL_BLOCKS * SK_LANES, tiles);  \
    else                                                                         \
      weight_micro_tiles(blocks, inputs, o, o->acc_pitch, tiles);                \
  }
WEIGHT_SIZES(WEIGHT_FUNCTION)
#define WEIGHT_ENTRY(blocks, inputs) [blocks - 1][inputs - 1] = weight_##blocks##_##inputs,
static weight_function *const weight_functions[GEMM_BLOCKS][WEIGHT_INPUTS] = {
    WEIGHT_SIZES(WEIGHT_ENTRY)};

// Where a block of channels is no whole number of micro-tiles, three blocks are: two of the
// micro-tiles begin in one term and end in the next.
enum { JOINED = WEIGHT_INPUTS % 3 ? 1 : 3, THIRD = WEIGHT_INPUTS / 3 };

// The terms that are computed together: JOINED if they are there and whole, else 1.
static int joined(const sk_conv_term *t, int terms) {
  if (JOINED == 1 || terms < JOINED) return 1;
  for (int i = 0; i < JOINED; i++)
    if (t[i].inputs != SK_LANES) return 1;
  return JOINED;
}

// JOINED terms; o.x is float 0 of the image.
static void weight_joined(const sk_conv_term *t, weight_sum o) {
  const float *x = o.x;
  for (int c = 0; c < JOINED * SK_LANES; c += WEIGHT_INPUTS, o.acc += WEIGHT_INPUTS * o.acc_pitch) {
    const sk_conv_term *from = t + c / SK_LANES;
    const int here = SK_LANES - c % SK_LANES;
    o.x = x + from->x_at + c % SK_LANES;
    if (here >= WEIGHT_INPUTS) {
      weight_functions[GEMM_BLOCKS - 1][WEIGHT_INPUTS - 1](&o, 1);
      continue;
    }
    const int64_t gap = from[1].x_at - from->x_at - SK_LANES;
    if (here == THIRD)
      weight_micro_tile(GEMM_BLOCKS, WEIGHT_INPUTS, (weight_inputs){THIRD, gap}, &o, o.acc_pitch,
                        o.x, o.acc);
    else
      weight_micro_tile(GEMM_BLOCKS, WEIGHT_INPUTS, (weight_inputs){2 * THIRD, gap}, &o,
                        o.acc_pitch, o.x, o.acc);
  }
}

// Some terms of a panel over some rows of one image; o.x, o.dy and o.acc are float 0 of the image,
// of the panel's first block and of the accumulator.
static void weight_terms(const sk_conv_panel *panel, const sk_conv_term *t, int terms,
                         weight_sum o) {
  if (o.x_row_pitch == o.cols * SK_LANES && o.dy_row_pitch == o.x_row_pitch)
    o.cols *= o.rows, o.rows = 1;  // no borders
  const float *x = o.x, *dy = o.dy;
  float *acc = o.acc;
  o.acc_pitch = panel->blocks * SK_LANES;
  for (int b = 0; b < panel->blocks; b += GEMM_BLOCKS) {
    weight_function *const *functions =
        weight_functions[sk_min(panel->blocks - b, GEMM_BLOCKS) - 1];
    o.dy = dy + b * o.dy_block_pitch;
    for (int n, i = 0; i < terms; i += n) {
      n = joined(t + i, terms - i);
      o.x = x;
      o.acc = acc + t[i].weight_at + b * SK_LANES;
      if (n > 1) {
        weight_joined(t + i, o);
        continue;
      }
      // Nearly equal micro-tiles, the wider ones first.
      const int tiles = sk_ceil_div(t[i].inputs, WEIGHT_INPUTS), least = t[i].inputs / tiles;
      const int wider = t[i].inputs % tiles, c = wider * (least + 1);
      o.x = x + t[i].x_at;
      if (wider) functions[least](&o, wider);
      o.x += c;
      o.acc += c * o.acc_pitch;
      functions[least - 1](&o, tiles - wider);
    }
  }
}

enum { BAND_FLOATS = 12 * 1024 };  // of rows of x and dy that stay near the first-level cache

static void weight_gradient(const sk_conv *c, const sk_conv_panel *panel,
                            const sk_conv_images *images, int first, float *acc) {
  const sk_conv_term *t = c->forward.term + panel->term0, *end = t + panel->terms;
  const float *dy = images->dy + panel->block0 * c->dy.block_pitch + c->dy.top * c->dy.row_pitch +
                    c->dy.left * SK_LANES;
  weight_sum o = {.x_row_pitch = c->shape.stride * c->x.row_pitch,
                  .dy_row_pitch = c->dy.row_pitch,
                  .dy_block_pitch = c->dy.block_pitch,
                  .cols = c->shape.q,
                  .acc = acc};
  for (int taps; t < end; t += taps) {
    int blocks = 1;  // of x
    for (taps = 1; t + taps < end && t[taps].block == t->block; taps++) {}
    if (taps == 1) taps = blocks = joined(t, end - t);
    const int64_t row = blocks * o.x_row_pitch + panel->blocks * o.dy_row_pitch;
    const int band = sk_max(1, BAND_FLOATS / row);
    for (int i = 0; i < images->images; i++)
      for (int p = 0; p < c->shape.p; p += band) {
        o.x = images->x + i * c->x.image_pitch + p * o.x_row_pitch;
        o.dy = dy + i * c->dy.image_pitch + p * o.dy_row_pitch;
        o.rows = sk_min(c->shape.p - p, band);
        o.add = !first || i || p;
        weight_terms(panel, t, taps, o);
      }
  }
}

static void merge(float *acc, int64_t accumulator_pitch, int accumulators, int64_t floats) {
  for (int64_t i = 0; i < floats; i += SK_W) {
    vf sum = vf_load(acc + i);
    for (int s = 1; s < accumulators; s++) sum += vf_load(acc + s * accumulator_pitch + i);
    vf_store(acc + i, sum);
  }
}
#endif
