// conv_gemm_kernel.h: the matrix product that all convolutions consist of. Its micro-tiles are
// sized by the registers there are. The order of every sum is the same for all of them, so results
// depend on neither the micro-tile nor the worker.
#ifndef SK_CONV_GEMM_KERNEL_H
#define SK_CONV_GEMM_KERNEL_H
#include "conv_kernels.h"
#include "vec_kernel.h"

// The micro-tile is GEMM_BLOCKS output blocks by GEMM_COLS positions. GEMM_SIZES(M) lists every
// smaller one too as M(blocks, cols).
#define SK_SIZES_3(M, b) M(b, 1) M(b, 2) M(b, 3)
#define SK_SIZES_6(M, b) SK_SIZES_3(M, b) M(b, 4) M(b, 5) M(b, 6)
#define SK_SIZES_8(M, b) SK_SIZES_6(M, b) M(b, 7) M(b, 8)
#define SK_SIZES_12(M, b) SK_SIZES_8(M, b) M(b, 9) M(b, 10) M(b, 11) M(b, 12)
#if defined(SK_AVX512)
enum { GEMM_BLOCKS = 2, GEMM_COLS = 12 };
#define GEMM_SIZES(M) SK_SIZES_12(M, 1) SK_SIZES_12(M, 2)
#elif defined(SK_AVX2) || defined(__aarch64__)
enum { GEMM_BLOCKS = 1, GEMM_COLS = 6 };
#define GEMM_SIZES(M) SK_SIZES_6(M, 1)
#else
enum { GEMM_BLOCKS = 1, GEMM_COLS = 3 };
#define GEMM_SIZES(M) SK_SIZES_3(M, 1)
#endif

// Input channels that are summed before the next positions: so many weights of a panel stay in the
// first-level cache.
enum { PIECE_CHANNELS = 9 * SK_LANES };

// Weights that are wanted next, on their way to the second-level cache a few lines a micro-tile.
// With many channels they come from further away, and the first micro-tile that needs them waits
// for each line otherwise.
typedef struct {
  const float *next, *end;
  int lines;  // of each micro-tile
} gemm_prefetch;

SK_INLINE void gemm_fetch(gemm_prefetch *a) {
  for (int i = 0; i < a->lines && a->next < a->end; i++, a->next += SK_LANES)
    __builtin_prefetch(a->next, 0, 2);
}

// A sum of some terms into some blocks of y.
typedef struct {
  const sk_conv_term *term;
  int terms;
  const float *weights;
  int weight_pitch;       // floats from one input channel's weights to the next
  int64_t y_block_pitch;  // floats
  int y_col_pitch;        // floats
  int add;                // to y; 0: overwrite it
  gemm_prefetch *ahead;
} gemm_sum;

// The heart: y[blocks][cols positions] (+)= sum over terms and their channels of w * x.
SK_INLINE void gemm_micro_tile(const int blocks, const int cols, const gemm_sum *o,
                               const int col_pitch, const float *x, float *y) {
  vf a[GEMM_BLOCKS * STRIPS][GEMM_COLS];  // the accumulator
  const float *w = o->weights;
  const int64_t block_pitch = o->y_block_pitch;
  const int weight_pitch = o->weight_pitch;
  UNROLL for (int i = 0; i < blocks * STRIPS; i++)
    UNROLL for (int j = 0; j < cols; j++) {
      const float *at = y + i / STRIPS * block_pitch + j * col_pitch + i % STRIPS * SK_W;
      a[i][j] = o->add ? vf_load(at) : (vf){};
    }
  for (const sk_conv_term *t = o->term, *last = t + o->terms; t < last; t++) {
    const float *xs = x + t->x_at, *end = xs + t->inputs;
    _Pragma("GCC unroll 2") for (; xs < end; xs++, w += weight_pitch) {
      vf wv[GEMM_BLOCKS * STRIPS];
      UNROLL for (int i = 0; i < blocks * STRIPS; i++) wv[i] = vf_load(w + i * SK_W);
      UNROLL for (int j = 0; j < cols; j++) {
        vf b = vf_set(xs[j * SK_LANES]);
        UNROLL for (int i = 0; i < blocks * STRIPS; i++) a[i][j] += wv[i] * b;
      }
    }
  }
  UNROLL for (int i = 0; i < blocks * STRIPS; i++)
    UNROLL for (int j = 0; j < cols; j++)
      vf_store(y + i / STRIPS * block_pitch + j * col_pitch + i % STRIPS * SK_W, a[i][j]);
}

SK_INLINE void gemm_micro_tiles(const int blocks, const int cols, const gemm_sum *o,
                                const int col_pitch, int tiles, const float *x, float *y) {
  for (; tiles; tiles--, x += cols * SK_LANES, y += cols * col_pitch) {
    gemm_fetch(o->ahead);
    gemm_micro_tile(blocks, cols, o, col_pitch, x, y);
  }
}

// Micro-tiles side by side. Columns of y are mostly a block apart: addresses within a micro-tile
// are constants then.
typedef void gemm_function(const gemm_sum *, int tiles, const float *x, float *y);
#define GEMM_FUNCTION(blocks, cols)                                                        \
  static void gemm_##blocks##_##cols(const gemm_sum *o, int tiles, const float *x, float *y) { \
    if (o->y_col_pitch == SK_LANES)                                                        \
      gemm_micro_tiles(blocks, cols, o, SK_LANES, tiles, x, y);                            \
    else                                                                                   \
      gemm_micro_tiles(blocks, cols, o, o->y_col_pitch, tiles, x, y);                      \
  }
GEMM_SIZES(GEMM_FUNCTION)
#define GEMM_ENTRY(blocks, cols) [blocks - 1][cols - 1] = gemm_##blocks##_##cols,
static gemm_function *const gemm_functions[GEMM_BLOCKS][GEMM_COLS] = {GEMM_SIZES(GEMM_ENTRY)};

// One image: every row is cut into nearly equal micro-tiles, the wider ones first.
SK_INLINE void gemm_image(int blocks, const gemm_sum *o, const sk_conv_positions *k, const float *x,
                          float *y) {
  const int tiles = sk_ceil_div(k->cols, GEMM_COLS), least = k->cols / tiles;
  const int wider = k->cols % tiles, q = wider * (least + 1);
  gemm_function *const *functions = gemm_functions[blocks - 1];
  for (int p = 0; p < k->rows; p++, x += k->x_row_pitch, y += k->y_row_pitch) {
    if (wider) functions[least](o, wider, x, y);
    functions[least - 1](o, tiles - wider, x + q * SK_LANES, y + (int64_t)q * k->y_col_pitch);
  }
}

// Adds the given terms, or stores their sum if add is 0.
static void gemm_piece(const sk_conv_panel *panel, gemm_sum o, int channels,
                       const sk_conv_positions *k) {
  const float *next = o.weights + channels * o.weight_pitch, *weights = o.weights;
  const int tiles = k->images * k->rows * (int)sk_ceil_div(k->cols, GEMM_COLS) *
                    (int)sk_ceil_div(panel->blocks, GEMM_BLOCKS);
  gemm_prefetch ahead = {next, next + channels * o.weight_pitch,
                         channels * panel->blocks / (tiles + 1) + 1};
  o.ahead = &ahead;
  for (int b = 0; b < panel->blocks; b += GEMM_BLOCKS) {
    const int blocks = sk_min(panel->blocks - b, GEMM_BLOCKS);
    o.weights = weights + b * SK_LANES;
    for (int i = 0; i < k->images; i++)
      gemm_image(blocks, &o, k, k->x + i * k->x_image_pitch,
                 k->y + i * k->y_image_pitch + b * k->y_block_pitch);
  }
}

static void gemm(const sk_conv_panel *panel, const sk_conv_term *term, const float *weights,
                 const sk_conv_positions *at) {
  sk_conv_positions k = *at;
  // Without borders rows are in one piece, so that micro-tiles are whole.
  if (k.x_row_pitch == k.cols * SK_LANES && k.y_row_pitch == (int64_t)k.cols * k.y_col_pitch)
    k.cols *= k.rows, k.rows = 1;
  int channels = 0;
  for (int t = 0; t < panel->terms; t++) channels += term[t].inputs;
  const int pieces = (channels - 1) / PIECE_CHANNELS + 1, even = (channels + pieces - 1) / pieces;
  gemm_sum o = {.weight_pitch = panel->blocks * SK_LANES,
                .y_block_pitch = k.y_block_pitch,
                .y_col_pitch = k.y_col_pitch};
  int first = 0;
  do { // once even without terms: zeros are written then
    int end = first, piece = 0;
    while (end < panel->terms && piece < even && piece + term[end].inputs <= PIECE_CHANNELS)
      piece += term[end++].inputs;
    o.term = term + first, o.terms = end - first, o.add = first > 0;
    o.weights = first < panel->terms ? weights + term[first].weight_at : weights;
    gemm_piece(panel, o, piece, &k);
    first = end;
  } while (first < panel->terms);
}
#endif
