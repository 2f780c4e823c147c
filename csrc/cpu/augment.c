// augment.c: a batch from the bytes of a data set. 4*16 bytes written a pixel, against 3 read: bound by the stores.
#include "augment.h"
#include <string.h>

typedef struct {
  const sk_augment *a;
  const int32_t *index;
  const uint8_t *flip;
  const int8_t *dy, *dx;
  const sk_tensor *x;
} args;

// One row of one block: columns x0 .. x1-1 of it lie within the image, as its columns from `from` on in direction `step`.
static void row(const sk_augment *a, const uint8_t *pix, int c0, int lanes, float *out, int x0, int x1, int from, int step) {
  const int64_t plane = (int64_t)a->h * a->w;
  memset(out, 0, (size_t)a->w * SK_B * sizeof *out);
  for (int x = x0; x < x1; x++, from += step)
    for (int l = 0; l < lanes; l++) out[x * SK_B + l] = a->table[(c0 + l) * 256 + pix[(c0 + l) * plane + from]];
}

static void task(void *arg, int n, int worker) {
  (void)worker;
  const args *r = arg;
  const sk_augment *a = r->a;
  const uint8_t *pix = a->pix + (int64_t)r->index[n] * a->c * a->h * a->w;
  const int down = (r->dy ? r->dy[n] : a->pad) - a->pad, right = (r->dx ? r->dx[n] : a->pad) - a->pad, flip = r->flip && r->flip[n];
  // column x of the output is column x+right of the (mirrored) image
  int x0 = right < 0 ? -right : 0, x1 = right > 0 ? a->w - right : a->w;
  if (x0 > a->w) x0 = a->w;
  const int from = flip ? a->w - 1 - (x0 + right) : x0 + right;
  for (int cb = 0; cb < r->x->cb; cb++)
    for (int y = 0; y < a->h; y++) {
      float *out = r->x->p + n * r->x->image + ((int64_t)cb * a->h + y) * a->w * SK_B;
      const int lanes = a->c - cb * SK_B < SK_B ? a->c - cb * SK_B : SK_B, inside = y + down >= 0 && y + down < a->h;
      row(a, inside ? pix + (int64_t)(y + down) * a->w : pix, cb * SK_B, lanes, out, inside ? x0 : 0, inside ? x1 : 0, from, flip ? -1 : 1);
    }
}

void sk_augment_run(sk_pool *p, const sk_augment *a, const sk_batch *b, const int32_t *index, const uint8_t *flip, const int8_t *dy, const int8_t *dx,
                    const sk_tensor *x) {
  sk_parallel(p, b->n, task, &(args){a, index, flip, dy, dx, x});
}
