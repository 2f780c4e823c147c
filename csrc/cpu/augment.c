// augment.c: a batch from the bytes of a data set. A pixel is 3 bytes read and 4*16 written, so the
// stores bound it.
#include "augment.h"
#include <string.h>

typedef struct {
  const sk_augment *set;
  const int32_t *index;
  const sk_augment_draws *draws;
  const sk_tensor *x;
  sk_pool *pool;
} job;

// Columns first .. end-1 of an output row lie within the image: column `first` is the image's
// column `from`, the next ones follow it in `direction` 1 or -1.
typedef struct {
  int first, end, from, direction;
} columns;

// One row of one block. pixels: the image at the row's first column, channel 0.
static void put_row(const sk_augment *a, const uint8_t *pixels, int c0, columns k, float *out) {
  const int64_t plane = (int64_t)a->h * a->w;
  const int lanes = sk_min(a->c - c0, SK_LANES);
  memset(out, 0, (size_t)a->w * SK_LANES * sizeof *out);
  for (int x = k.first; x < k.end; x++, k.from += k.direction)
    for (int l = 0; l < lanes; l++)
      out[x * SK_LANES + l] = a->table[(c0 + l) * 256 + pixels[(c0 + l) * plane + k.from]];
}

// Zeros in a hole of an image.
static void clear(const sk_tensor *x, float *image, sk_hole k) {
  for (int b = 0; b < x->blocks; b++)
    for (int y = k.y0; y < k.y1 && k.x0 < k.x1; y++)
      memset(image + (((int64_t)b * x->h + y) * x->w + k.x0) * SK_LANES, 0,
             (size_t)(k.x1 - k.x0) * SK_LANES * sizeof *image);
}

// Image n of the batch, augmented.
static void put(const job *j, int n, float *image) {
  const sk_augment *a = j->set;
  const uint8_t *pixels = a->pixels + (int64_t)j->index[n] * a->c * a->h * a->w;
  const sk_augment_draws *d = j->draws;
  const int down = (d->dy ? d->dy[n] : a->pad) - a->pad;
  const int right = (d->dx ? d->dx[n] : a->pad) - a->pad;
  const int flip = d->flip && d->flip[n];
  // Column x of the output is column x+right of the (mirrored) image.
  const int first = sk_min(right < 0 ? -right : 0, a->w), end = right > 0 ? a->w - right : a->w;
  const columns inside = {first, end, flip ? a->w - 1 - (first + right) : first + right,
                          flip ? -1 : 1};
  for (int b = 0; b < j->x->blocks; b++)
    for (int y = 0; y < a->h; y++) {
      float *out = image + ((int64_t)b * a->h + y) * a->w * SK_LANES;
      if (y + down >= 0 && y + down < a->h)
        put_row(a, pixels + (int64_t)(y + down) * a->w, b * SK_LANES, inside, out);
      else
        put_row(a, pixels, b * SK_LANES, (columns){0}, out);
    }
  for (int k = 0; d->holes && k < 2; k++) clear(j->x, image, d->holes[2 * n + k]);
}

static int64_t image_floats(const sk_tensor *x) {
  return (int64_t)x->blocks * x->h * x->w * SK_LANES;
}

static void task(void *arg, int n, int worker) {
  const job *j = arg;
  const sk_augment_draws *d = j->draws;
  float *image = j->x->data + n * j->x->image_pitch;
  put(j, n, image);
  if (!d->partner) return;
  float *other = sk_scratch(j->pool, worker);
  put(j, d->partner[n], other);
  for (int64_t i = 0; i < image_floats(j->x); i++)
    image[i] = d->weight * image[i] + d->rest * other[i];
}

void sk_augment_run(sk_pool *p, const sk_augment *set, const sk_batch *b, const int32_t *index,
                    const sk_augment_draws *draws, const sk_tensor *x) {
  if (draws->partner) sk_scratch_reserve(p, image_floats(x) * (int64_t)sizeof(float));
  sk_parallel(p, b->n, task, &(job){set, index, draws, x, p});
}
