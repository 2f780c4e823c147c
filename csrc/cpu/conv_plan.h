// conv_plan.h: the lists that say which blocks of a convolution are multiplied, and the layout of
// their operands. Made once, by conv_plan.c.
#ifndef SK_CONV_PLAN_H
#define SK_CONV_PLAN_H
#include "conv.h"
#include "conv_transform.h"

// y(p, q) reads x(p*stride + dr, q*stride + ds).
typedef struct {
  int dr;  // rows
  int ds;  // columns
} sk_conv_tap;

// Images in a worker's scratch, with borders of zeros that make every tap of every position one
// address plus a constant.
typedef struct {
  int top;              // rows of zeros in front of the image
  int left;             // columns of zeros in front of a row
  int rows;             // with borders
  int cols;             // with borders; of x, those of each column phase
  int64_t row_pitch;    // floats from one row to the next
  int64_t block_pitch;  // floats from one block to the next
  int64_t image_pitch;  // floats from one image to the next
} sk_conv_staged;

struct sk_conv {
  sk_pool *pool;
  sk_conv_shape shape;
  sk_conv_part *part;  // [shape.parts]
  int x_blocks;
  int y_blocks;
  int taps;
  sk_conv_tap *tap;      // [taps] every distinct tap of every part
  sk_conv_staged x;      // [block][row][column phase][column][16]
  sk_conv_staged dy;     // [block][row][column][16]
  sk_conv_staged dx;     // of one panel, without borders, before it is added to its place
  int direct;            // whether some block of x or y takes no part in the transform
  sk_conv_plan forward;  // of the direct block products; weight gradients follow it
  sk_conv_plan backward;
  sk_conv_transform transform;
  int accumulator_images;  // images whose weight gradients share an accumulator
  int staged_images;       // images staged together
};

// A pass over a batch.
struct sk_conv_pass {
  const sk_conv *conv;
  const sk_conv_operands *operands;
  const sk_batch *batch;
};

// The connections between output block kb and input block ib, one for each tap, and behind the
// taps, at `conv->taps`, one for the transformed block products.
static inline sk_conv_connection *sk_conv_connections(const sk_conv *c, sk_conv_connection *all,
                                                      int kb, int ib) {
  return all + ((int64_t)kb * c->x_blocks + ib) * (c->taps + 1);
}

// The number of a tap; -1: no part has it.
static inline int sk_conv_plan_tap(const sk_conv *c, int dr, int ds) {
  for (int t = 0; t < c->taps; t++)
    if (c->tap[t].dr == dr && c->tap[t].ds == ds) return t;
  return -1;
}

void sk_conv_plan_make(sk_conv *);
void sk_conv_plan_free(sk_conv_plan *);
#endif
