// conv.c: convolution forward, data gradient and weight gradient over a batch.
//
// Method. An image is staged: read through its view (norm, ReLU) or gradient (masks, coefficients, norm backward) into scratch of the worker, with
// zero borders and with columns split by stride phase, so that every tap of every position is one address plus a constant and neighbouring
// positions are 64 bytes apart. All three directions are then products of 16x16 blocks from lists made once (conv_plan.c):
//
//   forward    y[kb] = sum over (ib, tap) of w[kb][ib][tap] * x[ib] moved by tap
//   data       dx[ib], a phase of its positions at a time = sum over (kb, tap) of w[kb][ib][tap]^T * dy[kb] moved by -tap
//   weights    dw[kb][ib][tap] = sum over positions of x[ib] moved by tap * dy[kb], the outer product held in registers
//
// A task is an image forward and a chunk of images backward. A chunk has an accumulator of its own for the weight gradient; chunks are
// cut by the shape alone and merged in order. Where workers outnumber chunks, a task does a slice of the output blocks of its chunk.
#include "conv.h"
#include "arena.h"
#include "dispatch.h"
#include <stdlib.h>
#include <string.h>

enum {
  CHUNKS = 16,           // at most: accumulators cost memory
  CHUNK_POSITIONS = 1024, // at least, so that writing and merging an accumulator (8 bytes a weight) stays a few percent
  GROUP_POSITIONS = 512   // staged together, so that loading and storing an accumulator does
};

static int64_t max(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t min(int64_t a, int64_t b) { return a < b ? a : b; }
static int ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

sk_conv *sk_conv_new(sk_pool *pool, const sk_conv_shape *s, const sk_part *parts) {
  sk_conv *c = sk_aligned(sizeof *c);
  c->pool = pool;
  c->s = *s;
  c->part = sk_aligned(s->parts * sizeof *parts);
  memcpy(c->part, parts, s->parts * sizeof *parts);
  sk_conv_plan(c);

  int64_t positions = (int64_t)s->p * s->q;
  int64_t chunks = max(1, min(min(CHUNKS, s->n), s->n * positions / CHUNK_POSITIONS));
  c->chunk = ceil_div(s->n, chunks);
  c->group = min(c->chunk, max(1, GROUP_POSITIONS / positions));
  sk_scratch_reserve(pool, 4 * c->group * (c->ximage + c->dimage + (int64_t)SK_WIDE * s->h * s->w * SK_B));
  sk_shared_reserve(pool, 4 * ceil_div(s->n, c->chunk) * c->f.floats);
  return c;
}

void sk_conv_free(sk_conv *c) {
  sk_plan_free(&c->f);
  sk_plan_free(&c->d);
  free(c->part);
  free(c->tap);
  free(c);
}

typedef struct {
  sk_conv *c;
  const sk_view *x;
  const sk_tensor *y;
  int ndy, nstats, nsums, group, slices;
  const sk_grad *dy;
  const sk_conv_dx *dx;
  const sk_stats *stats;
  const sk_sums *sums;
  const sk_batch *batch;
  const float *params;
  float *grads;
} job;

static void pack_task(void *arg, int kb, int worker) {
  (void)worker;
  job *j = arg;
  sk_plan_pack(j->c, kb, j->params);
}

void sk_conv_pack(sk_conv *c, const float *params) {
  sk_parallel(c->pool, c->yb, pack_task, &(job){.c = c, .params = params});
}

static void forward_task(void *arg, int task, int worker) {
  job *j = arg;
  sk_conv *c = j->c;
  int n0 = task * j->group, images = min(j->group, j->batch->n - n0);
  float *xs = sk_scratch(c->pool, worker);
  for (int i = 0; i < images; i++) sk_isa->conv->stage_view(c, j->x, j->batch, n0 + i, xs + i * c->ximage);
  sk_walk walk = {.x = xs, .ximage = c->ximage, .xrow = c->s.stride * c->xrow, .yimage = j->y->image, .yblock = (int64_t)c->s.p * c->s.q * SK_B,
                  .yrow = c->s.q * SK_B, .ypx = SK_B, .images = images, .rows = c->s.p, .cols = c->s.q};
  for (int i = 0; i < c->f.runs; i++) {
    const sk_run *run = &c->f.run[i];
    walk.y = j->y->p + n0 * j->y->image + run->b0 * walk.yblock;
    sk_isa->conv->gemm(run, c->f.step + run->step0, c->f.w, &walk);
  }
  for (int i = 0; i < images; i++)
    for (int s = 0; s < j->nstats; s++) sk_image_stats(&j->stats[s], j->y, n0 + i);
}

void sk_conv_forward(sk_conv *c, const sk_view *x, const sk_tensor *y, int nstats, const sk_stats *stats, const sk_batch *b) {
  // Images of a group share the weights while those are in cache; the group changes no sum, so it may depend on the workers.
  int group = max(1, min(c->group, b->n / (4 * sk_pool_workers(c->pool))));
  job j = {.c = c, .x = x, .y = y, .nstats = nstats, .stats = stats, .batch = b, .group = group};
  sk_parallel(c->pool, ceil_div(b->n, group), forward_task, &j);
}

// The data gradient of images n0 .. , runs lo .. hi-1, from staged dy.
static void data_gradient(const job *j, int n0, int images, const float *ds, float *raw, int lo, int hi) {
  const sk_conv *c = j->c;
  int st = c->s.stride, h = c->s.h, w = c->s.w;
  sk_walk walk = {.x = ds, .ximage = c->dimage, .xrow = c->drow, .yimage = (int64_t)SK_WIDE * h * w * SK_B, .yblock = (int64_t)h * w * SK_B,
                  .yrow = (int64_t)st * w * SK_B, .ypx = st * SK_B, .images = images};
  for (int i = lo; i < hi; i++) {
    const sk_run *run = &c->d.run[i * c->d.phases];
    for (int phase = 0; phase < c->d.phases; phase++) {
      int fi = phase / st, fj = phase % st;
      walk.y = raw + ((int64_t)fi * w + fj) * SK_B;
      walk.rows = (h - fi + st - 1) / st;
      walk.cols = (w - fj + st - 1) / st;
      sk_isa->conv->gemm(&run[phase], c->d.step + run[phase].step0, c->d.w, &walk);
    }
    for (int i = 0; i < images; i++) sk_isa->conv->finish(c, j->dx, j->x, j->batch, n0 + i, run->b0, run->nb, raw + i * walk.yimage);
  }
}

static void backward_task(void *arg, int task, int worker) {
  job *j = arg;
  sk_conv *c = j->c;
  int chunk = task / j->slices, slice = task % j->slices;
  int flo = slice * c->f.runs / j->slices, fhi = (slice + 1) * c->f.runs / j->slices;
  int dlo = slice * c->d.runs / j->slices, dhi = (slice + 1) * c->d.runs / j->slices;
  float *xs = sk_scratch(c->pool, worker), *ds = xs + c->group * c->ximage, *raw = ds + c->group * c->dimage;
  float *acc = sk_shared(c->pool) + chunk * c->f.floats;
  int begin = chunk * c->chunk, end = min(begin + c->chunk, j->batch->n);
  for (int n0 = begin; n0 < end; n0 += c->group) {
    int images = min(c->group, end - n0);
    for (int i = 0; i < images; i++) {
      sk_isa->conv->stage_grads(c, j->ndy, j->dy, j->batch, n0 + i, ds + i * c->dimage);
      sk_isa->conv->stage_view(c, j->x, j->batch, n0 + i, xs + i * c->ximage);
    }
    if (j->dx) data_gradient(j, n0, images, ds, raw, dlo, dhi);
    for (int i = flo; i < fhi; i++) sk_isa->conv->weights(c, &c->f.run[i], xs, ds, images, n0 == begin, acc);
    if (j->slices > 1) continue; // another slice may still be writing dx
    for (int i = 0; i < images; i++)
      for (int s = 0; s < j->nsums; s++) sk_image_sums(&j->sums[s], j->batch, n0 + i);
  }
}

static void sums_task(void *arg, int n, int worker) {
  (void)worker;
  job *j = arg;
  for (int s = 0; s < j->nsums; s++) sk_image_sums(&j->sums[s], j->batch, n);
}

static void merge_task(void *arg, int i, int worker) {
  (void)worker;
  job *j = arg;
  const sk_conv *c = j->c;
  const sk_run *run = &c->f.run[i];
  float *slots = sk_shared(c->pool);
  int64_t lo = c->f.step[run->step0].w, hi = i + 1 < c->f.runs ? c->f.step[run[1].step0].w : c->f.floats;
  sk_isa->conv->merge(slots + lo, c->f.floats, ceil_div(j->batch->n, c->chunk), hi - lo);
  for (int b = 0; b < run->nb; b++) sk_plan_unpack(c, run->b0 + b, slots, j->grads);
}

void sk_conv_backward(sk_conv *c, const sk_view *x, int ndy, const sk_grad *dy, const sk_conv_dx *dx, int nsums, const sk_sums *sums,
                      const sk_batch *b, float *grads) {
  int chunks = ceil_div(b->n, c->chunk), workers = sk_pool_workers(c->pool);
  // Slices do not change any sum, so they may depend on the workers.
  int slices = min(max(1, workers / chunks), max(c->f.runs, c->d.runs));
  job j = {.c = c, .x = x, .ndy = ndy, .dy = dy, .dx = dx, .nsums = nsums, .sums = sums, .batch = b, .grads = grads, .slices = slices};
  sk_parallel(c->pool, chunks * slices, backward_task, &j);
  if (slices > 1 && nsums) sk_parallel(c->pool, b->n, sums_task, &j);
  sk_parallel(c->pool, c->f.runs, merge_task, &j);
}
