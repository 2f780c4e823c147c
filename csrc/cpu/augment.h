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

// Image i of x is image index[i], normalised, mirrored where flip[i], framed with zeros and cropped
// at (dy[i], dx[i]) of the frame, 0 .. 2*pad. A NULL flip mirrors none; a NULL dy or dx is pad.
void sk_augment_run(sk_pool *, const sk_augment *, const sk_batch *, const int32_t *index,
                    const uint8_t *flip, const int8_t *dy, const int8_t *dx, const sk_tensor *x);
#endif
