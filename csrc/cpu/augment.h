// augment.h: from the bytes of a data set to a batch.
#ifndef SK_AUGMENT_H
#define SK_AUGMENT_H
#include "tensor.h"
#include "threads.h"

typedef struct {
  const uint8_t *pixels;  // [images][c][h][w]
  int c, h, w;
  int pad;             // zeros framed around an image before it is cropped
  const float *table;  // [c][256] the normalised value of each byte
} sk_augment;

// Rows y0 .. y1-1 of columns x0 .. x1-1, within an image.
typedef struct {
  int16_t y0, y1, x0, x1;
} sk_hole;

// The changes to the images of a batch. A NULL flip mirrors none; a NULL dy or dx is pad; NULL
// holes are none.
typedef struct {
  const uint8_t *flip;
  const int8_t *dy, *dx;
  const sk_hole *holes;    // [n][2]
  const int32_t *partner;  // [n] the image of the batch that is mixed in; NULL: none
  float weight, rest;      // of the image and of its partner
} sk_augment_draws;

// Image i of x is image index[i], normalised, mirrored where flip[i], framed with zeros, cropped at
// (dy[i], dx[i]) of the frame, 0 .. 2*pad, and zero in its holes; then times weight, plus rest
// times the same of image partner[i] of the batch.
void sk_augment_run(sk_pool *, const sk_augment *, const sk_batch *, const int32_t *index,
                    const sk_augment_draws *, const sk_tensor *x);
#endif
