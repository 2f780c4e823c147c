// augment.h: from the bytes of a data set to a batch.
#ifndef SK_AUGMENT_H
#define SK_AUGMENT_H
#include "sk.h"

typedef struct {
  const uint8_t *pix; // [images][c][h][w]
  int c, h, w, pad;
  const float *table; // [c][256]: the normalised value of a byte
} sk_augment;

// Image i of the batch is pix[index[i]], normalised, mirrored where flip[i], framed with `pad` zeros and cut out at (dy[i], dx[i]) of the frame.
// A NULL flip mirrors none; a NULL dy or dx cuts out the centre.
void sk_augment_run(sk_pool *, const sk_augment *, const sk_batch *, const int32_t *index, const uint8_t *flip, const int8_t *dy, const int8_t *dx,
                    const sk_tensor *x);
#endif
