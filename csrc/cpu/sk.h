// sk.h: the types and entry points of the CPU kernels. One call runs one fused operation over a whole batch.
//
// Layout. A tensor is [n][cb][h][w][16] float32: channels in blocks of 16, the last block padded with lanes that hold zero
// always. Every kernel keeps padding lanes zero. Memory is 64-byte aligned.
//
// Determinism. Results depend on the inputs alone: tasks are cut by shape, never by the number of workers, and partial sums live in slots that
// belong to an image or to a chunk of images and are merged in index order. So any number of workers gives the same bits.
#ifndef SK_H
#define SK_H
#include <stdint.h>

enum { SK_B = 16 };

typedef struct {
  float *p;
  int64_t image; // floats from one image to the next: cb*h*w*16
  int n, c, cb, h, w;
} sk_tensor;

// The images of this step: how many there are, and each one's replica. Shared by all ops of a program.
typedef struct {
  int n, replicas;
  int32_t *replica; // [max n]
  int32_t *count;   // [replicas] images of each
} sk_batch;

// A batch normalisation over cb blocks of one stored tensor. Arrays are [replica][cb*16] unless noted; padding lanes hold 0.
typedef struct {
  int c, cb, replicas, maxn, hw; // hw: positions an image
  const int32_t *gamma, *beta;   // [cb*16] index into the flat parameter buffer; -1 in padding lanes
  float *mean, *invstd;          // batch statistics
  float *scale, *shift;          // y = scale*x + shift: gamma*invstd, beta - mean*scale; from running statistics in eval
  float *ca, *cb_, *cc;          // backward: dx = ca*g + cb_*x + cc
  float *rmean, *rvar;           // running
  float *part;                   // [maxn][2][cb*16] forward (sum, M2 about the image's own mean); backward (S1 = sum g, S2 = sum g*xhat)
} sk_norm;

// A tensor read through the elementwise operations in front of it, recomputed on load:
// v = relu?(norm ? scale[replica][c]*t + shift[replica][c] : t), for blocks cb0 .. cb0+cb-1 of t, which are blocks ncb0 .. of norm.
typedef struct {
  const sk_tensor *t;
  int cb0, cb;
  const sk_norm *norm; // NULL: none
  int ncb0, relu;
} sk_view;

// The gradient of a stored tensor y, recomputed on load from a gradient further up:
//   g' = g * (coef ? coef[n] : 1) * (mask ? [mask > 0] : 1) * (relu ? [v(y) > 0] : 1)   v(y) = norm ? scale*y + shift : y
//   dy = norm ? ca*g' + cb_*y + cc : g'
typedef struct {
  const sk_tensor *g;
  int gcb0, cb;
  const sk_tensor *mask; // output of a join with ReLU, same channels as g
  int mcb0;
  const float *coef; // [max n], or NULL
  const sk_norm *norm;
  int ncb0;
  const sk_tensor *y;
  int ycb0, relu;
} sk_grad;

// Partial sums S1 = sum g', S2 = sum g'*xhat of `of.norm` (xhat = (y-mean)*invstd), taken per image where `of.g` was just written.
typedef struct {
  sk_norm *norm;
  sk_grad of;
} sk_sums;

// Forward statistics of blocks cb0 .. of a tensor that was just written.
typedef struct {
  sk_norm *norm;
  int cb0;
} sk_stats;

typedef struct sk_pool sk_pool; // pool.c
sk_pool *sk_pool_new(int workers);
void sk_pool_free(sk_pool *);
int sk_pool_workers(const sk_pool *);
// Runs fn(arg, task, worker) for task 0 .. tasks-1, tasks taken in order from one counter; returns when all are done. The caller is worker 0.
void sk_parallel(sk_pool *, int tasks, void (*fn)(void *arg, int task, int worker), void *arg);
// At least `bytes` of 64-byte-aligned scratch of this worker, kept and grown between calls; reserve before running, from the caller only.
void sk_scratch_reserve(sk_pool *, int64_t bytes);
float *sk_scratch(sk_pool *, int worker);
// The same, one piece for all workers: what tasks hand to the next dispatch of the same operation.
void sk_shared_reserve(sk_pool *, int64_t bytes);
float *sk_shared(sk_pool *);

// elementwise, called by an op's task on image n right after it wrote it (all instruction sets: see dispatch.h)
void sk_image_stats(const sk_stats *, const sk_tensor *, int n);
void sk_image_sums(const sk_sums *, const sk_batch *, int n);
#endif
