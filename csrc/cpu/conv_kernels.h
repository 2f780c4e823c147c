// conv_kernels.h: the tables of a convolution's kernels, one of each for every instruction set.
#ifndef SK_CONV_KERNELS_H
#define SK_CONV_KERNELS_H
#include "conv_plan.h"

// The positions of a matrix product, images x rows x cols. Columns of x are a block's 16 lanes
// apart; all pitches are in floats.
typedef struct {
  const float *x;
  float *y;
  int64_t x_image_pitch;
  int64_t x_row_pitch;
  int64_t y_image_pitch;
  int64_t y_block_pitch;
  int64_t y_row_pitch;
  int y_col_pitch;
  int images;
  int rows;
  int cols;
} sk_conv_positions;

// Images in scratch, staged for the weight gradient.
typedef struct {
  const float *x;   // [image][block][row][column phase][column][16]
  const float *dy;  // [image][block][row][column][16]
  int images;
} sk_conv_images;

// Raw dx of `blocks` blocks of image n, on its way to its place.
typedef struct {
  const float *raw;
  int64_t row_pitch;    // floats from one row to the next
  int64_t block_pitch;  // floats from one block to the next
  int n;                // image
  int block0;
  int blocks;
} sk_conv_raw;

typedef struct {
  // Stages image n of the view, or of the gradients that cover y, with its borders.
  void (*stage_x)(const sk_conv_pass *, int n, float *staged);
  void (*stage_dy)(const sk_conv_pass *, int n, float *staged);
  // y[the panel's blocks] = sum over the panel's terms of weights * x
  void (*gemm)(const sk_conv_panel *, const sk_conv_term *, const float *weights,
               const sk_conv_positions *);
  // acc (+)= sum over positions of x * dy for one panel; acc is laid out as the forward weights.
  void (*weight_gradient)(const sk_conv *, const sk_conv_panel *, const sk_conv_images *, int first,
                          float *acc);
  // Puts raw dx where operands->dx says and adds up the sums of it.
  void (*put_dx)(const sk_conv_pass *, const sk_conv_dx *, sk_sums_list, const sk_conv_raw *);
  // acc[0 .. floats-1] += the same of the later accumulators in order; floats are a multiple of 16.
  void (*merge)(float *acc, int64_t accumulator_pitch, int accumulators, int64_t floats);
} sk_conv_kernels;

// The maps of one algorithm, in the terms of conv_transform.c. Transformed tensors are
// [product][block of the island][tile][16].
typedef struct {
  void (*input)(const sk_conv_pass *, const sk_conv_chunk *, float *v);            // V = B' x
  void (*output_gradient)(const sk_conv_pass *, const sk_conv_chunk *, float *e);  // E = A dy
  // y = A' M
  void (*output)(const sk_conv *, const sk_conv_chunk *, const float *m, const sk_tensor *y);
  // raw dx = B M, or += where tiles overlap, of some of the island's panels
  void (*input_gradient)(const sk_conv *, const sk_conv_chunk *, sk_conv_panels, const float *m,
                         float *raw);
  // U = G g of a filter of blocks: g[..][16][16] to u[element][16 rows][16]
  void (*filter)(const float *g, float *u, int64_t row_pitch, int64_t element_pitch);
  // g = G' U
  void (*filter_gradient)(const float *u, int64_t row_pitch, int64_t element_pitch, float *g);
} sk_conv_algorithm;

typedef struct {
  sk_conv_algorithm algorithm[SK_ALGORITHMS];
  // M = sum over terms of U V, of all panels of the island
  void (*forward)(const sk_conv *, const sk_conv_chunk *, const float *v, float *m);
  // M = sum over terms of U' E, of some of them
  void (*backward)(const sk_conv *, const sk_conv_chunk *, sk_conv_panels, const float *e,
                   float *m);
  // acc (+)= sum over tiles of V E; acc is laid out as the forward weights
  void (*weight_gradient)(const sk_conv *, const sk_conv_chunk *, sk_conv_panels, const float *v,
                          const float *e, int first, float *acc);
} sk_conv_transform_kernels;
#endif
