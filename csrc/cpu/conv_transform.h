// conv_transform.h: the part of a convolution that goes through an algorithm with fewer products.
// conv_transform.c has the method.
#ifndef SK_CONV_TRANSFORM_H
#define SK_CONV_TRANSFORM_H
#include "conv.h"
#include "conv_panel.h"

enum { SK_WINOGRAD, SK_WINOGRAD_STRIDED, SK_STRASSEN, SK_ALGORITHMS };
enum {
  SK_MOST_ELEMENTS = 36  // of a transformed filter
};

// Blocks x0 .. x1-1 and y0 .. y1-1, connected with each other and with no others: the whole of a
// plain convolution, a group or more of a grouped one. Winograd keeps all blocks. Strassen pairs
// block b with block b + x_blocks (y: b + y_blocks), so those are half as many.
typedef struct {
  int x0;
  int x1;
  int y0;
  int y1;
  int x_blocks;             // transformed ones
  int y_blocks;             // transformed ones
  sk_conv_panels forward;   // their panels in the transform's plan
  sk_conv_panels backward;  // the same
} sk_conv_island;

// Raw dx of an island's blocks in scratch.
typedef struct {
  int64_t row_pitch;    // floats from one row to the next
  int64_t block_pitch;  // floats from one block to the next
  int64_t image_pitch;  // floats from one image to the next
  int64_t first;        // float of the first position: a border may stand in front
  // Whether tiles add into it, so that it starts from zeros: neighbouring tiles overlap, or some
  // positions belong to no tile.
  int adds;
} sk_conv_raw_dx;

typedef struct {
  int on;         // some output block goes through it
  int algorithm;  // SK_WINOGRAD ..
  int elements;   // of a transformed filter
  int products;   // of a transformed tile
  // Products first_product[e] .. first_product[e+1]-1 are those of filter element e.
  int first_product[SK_MOST_ELEMENTS + 1];
  int most_shared;  // most products of one element
  int islands;
  sk_conv_island *island;  // [islands]
  int *x_place;            // [block] its place among its island's transformed blocks; -1: none
  int *y_place;            // the same
  int tile_rows;           // rows of tiles of an image
  int tile_cols;           // tiles of such a row
  int chunk_tiles;         // most tiles transformed together
  int task_images;         // images of a task: as many as make whole chunks
  int64_t block_pitch;     // floats from one block of a chunk to the next
  int64_t product_pitch;   // floats from one product of a chunk to the next
  int64_t row_floats;      // scratch of the rows that one row of tiles reads
  sk_conv_raw_dx raw_dx;
  sk_conv_plan forward;   // the panels of the direct plan; a term is an input block
  sk_conv_plan backward;  // the same
} sk_conv_transform;

// Tiles of one island, counted image by image and row by row from image image0 of the batch on.
typedef struct {
  const sk_conv_island *island;
  int image0;  // of the batch
  int tile0;   // first tile, counted from image0's first
  int tiles;
  float *rows;  // scratch of row_floats
} sk_conv_chunk;

typedef struct sk_conv_pass sk_conv_pass;  // conv_plan.h

// conv_transform_choose.c: gives output blocks to a transform where one can be used and pays. Their
// connections move behind the taps.
void sk_conv_transform_choose(sk_conv *, sk_conv_connection *all);
// Whether output channels that read `inputs` channels are worth an algorithm's transforms.
int sk_conv_transform_pays(const sk_conv_shape *, int algorithm, int inputs);
// Sizes everything that depends on tiles and chunks; after the choice, before the plans are made.
void sk_conv_transform_measure(sk_conv *);
int64_t sk_conv_transform_scratch(const sk_conv *);  // floats

// The passes, but for the direct block products and the merge of accumulators. Accumulator i starts
// accumulator_pitch * i floats behind acc. Statistics and sums are taken where nothing is direct.
void sk_conv_transform_forward(const sk_conv_pass *);
void sk_conv_transform_backward(const sk_conv_pass *, float *acc, int64_t accumulator_pitch);

// conv_transform_pack.c: weights of output block kb to the transform's plans, and its weight
// gradient from an accumulator, which is laid out as the forward weights, to the flat gradients.
void sk_conv_transform_pack(sk_conv *, int kb, const float *params);
void sk_conv_transform_unpack(const sk_conv *, int kb, const float *acc, float *grads);
#endif
