// pooling.c: pools over a batch, a task a block of an image.
#include "pooling.h"
#include <string.h>

typedef struct {
  const sk_pooling *pooling;
  const float *x, *y;
  float *out;  // y, or dx
} plane;

// Blocks are planes of a tensor.
static float *plane_at(const sk_tensor *t, int n, int block) {
  return t->data + n * t->image_pitch + (int64_t)block * t->h * t->w * SK_LANES;
}

static plane plane_of(const sk_pooling *k, int task) {
  const int n = task / k->y->blocks, b = task % k->y->blocks;
  float *y = plane_at(k->y, n, b);
  return (plane){k, plane_at(k->x, n, k->block0 + b), y, k->dx ? plane_at(k->dx, n, b) : y};
}

// The positions of the window of output (p, q) that lie in x.
typedef struct {
  int row0, row_end, col0, col_end;
} window;

static window window_of(const sk_pooling *k, int p, int q) {
  const int row = p * k->stride - k->pad, col = q * k->stride - k->pad;
  return (window){(int)sk_max(row, 0), (int)sk_min(row + k->r, k->x->h), (int)sk_max(col, 0),
                  (int)sk_min(col + k->s, k->x->w)};
}

// The largest of each lane, a NaN above all, and the place of the first such.
static void largest(const sk_pooling *k, const float *x, window w, float *best, int *at) {
  for (int i = w.row0; i < w.row_end; i++)
    for (int j = w.col0; j < w.col_end; j++) {
      const int place = i * k->x->w + j, first = i == w.row0 && j == w.col0;
      const float *v = x + (int64_t)place * SK_LANES;
      for (int l = 0; l < SK_LANES; l++) {
        const int more = first || v[l] > best[l] || (v[l] != v[l] && best[l] == best[l]);
        best[l] = more ? v[l] : best[l];
        at[l] = more ? place : at[l];
      }
    }
}

static void forward_task(void *arg, int task, int worker) {
  (void)worker;
  const plane o = plane_of(arg, task);
  const sk_pooling *k = o.pooling;
  float *y = o.out;
  for (int p = 0; p < k->y->h; p++)
    for (int q = 0; q < k->y->w; q++, y += SK_LANES) {
      const window w = window_of(k, p, q);
      if (k->max) {
        int at[SK_LANES];
        largest(k, o.x, w, y, at);
        continue;
      }
      float sum[SK_LANES] = {0};
      for (int i = w.row0; i < w.row_end; i++)
        for (int j = w.col0; j < w.col_end; j++)
          for (int l = 0; l < SK_LANES; l++)
            sum[l] += o.x[((int64_t)i * k->x->w + j) * SK_LANES + l];
      for (int l = 0; l < SK_LANES; l++) y[l] = sum[l] / (float)(k->r * k->s);
    }
}

static void backward_task(void *arg, int task, int worker) {
  (void)worker;
  const plane o = plane_of(arg, task);
  const sk_pooling *k = o.pooling;
  const float *dy = o.y;
  memset(o.out, 0, (size_t)k->dx->h * k->dx->w * SK_LANES * sizeof *o.out);
  for (int p = 0; p < k->y->h; p++)
    for (int q = 0; q < k->y->w; q++, dy += SK_LANES) {
      const window w = window_of(k, p, q);
      if (k->max) {
        float best[SK_LANES];
        int at[SK_LANES];
        largest(k, o.x, w, best, at);
        for (int l = 0; l < SK_LANES; l++) o.out[(int64_t)at[l] * SK_LANES + l] += dy[l];
        continue;
      }
      for (int i = w.row0; i < w.row_end; i++)
        for (int j = w.col0; j < w.col_end; j++)
          for (int l = 0; l < SK_LANES; l++)
            o.out[((int64_t)i * k->x->w + j) * SK_LANES + l] += dy[l] / (float)(k->r * k->s);
    }
}

void sk_pooling_forward(sk_pool *p, const sk_pooling *k, const sk_batch *b) {
  sk_parallel(p, b->n * k->y->blocks, forward_task, (void *)k);
}

void sk_pooling_backward(sk_pool *p, const sk_pooling *k, const sk_batch *b) {
  sk_parallel(p, b->n * k->y->blocks, backward_task, (void *)k);
}
