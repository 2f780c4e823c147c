// winograd.c: stride-1 3x3 convolutions with pad 1 by Winograd's F(4x4, 3x3): 36 products instead of 144 for the 4x4 outputs of a tile.
//
// An image is cut into tiles of 4x4 positions, the last ones beyond its edge. A tile reads 6x6 inputs; transformed, a convolution is 36 products of
// matrices, [output channels][input channels] times [input channels][tiles], one a frequency. The gradients are the adjoint of the same map:
//
//   forward    V = B' x B, M = U V summed over input blocks, y = A' M A            U = G w G', made once a step
//   data       E = A dy A', M = U' E summed over output blocks, dx += B M B'       neighbouring tiles overlap by two rows and columns
//   weights    dU += V E over tiles, dw = G' dU G once, after the merge            V and E are those of the other directions
//
// Tiles are transformed a chunk at a time, so that V, E and M are read back from the second-level cache; nothing transformed outlives its chunk. The
// input transforms read through the view and the gradients, a few rows at a time, so nothing is staged. The products are those of the direct kernels: a
// chunk is a row of positions, an input block one step. A task is a group of images (backward: a chunk's) of one island, as a group of a grouped
// convolution is. Tasks follow each other island by island, so that an island's weights are fetched once where all do not fit the cache.
#include "conv.h"
#include "dispatch.h"
#include <string.h>

enum {
  TILE = 4,
  CACHE_FLOATS = 192 * 1024, // of transformed tiles in the works
  CHUNK_LEAST = 48,          // so that weights that come from the third-level cache serve that many tiles
  CHUNK_MOST = 96,
  CHUNK_STEP = 12 // whole tiles of the gemm's registers
};

static int min(int a, int b) { return a < b ? a : b; }
static int max(int a, int b) { return a > b ? a : b; }
static int ceil_div(int a, int b) { return (a + b - 1) / b; }

// Measured, Winograd over direct: 1.7 to 2.7 on maps that tiles fill, 1.1 to 1.4 where they fill 9/16 (6x6, 9x9), 0.9 to 1.1 at 25/64 (5x5). From 16
// channels on transforms are worth 1.2 to 1.8; with 8, half of whose vectors is padding, 0.8 forward, and with 3 0.5.
int sk_winograd_pays(const sk_conv_shape *s, int inputs) {
  int64_t positions = (int64_t)s->h * s->w, covered = (int64_t)ceil_div(s->h, TILE) * TILE * ceil_div(s->w, TILE) * TILE;
  return inputs >= SK_B && 2 * positions > covered;
}

void sk_winograd_measure(sk_conv *c) {
  sk_winograd *w = &c->wino;
  w->th = ceil_div(c->s.h, TILE);
  w->tw = ceil_div(c->s.w, TILE);
  int xb = 0, yb = 0; // the most of an island
  for (const sk_island *i = w->island; i < w->island + w->islands; i++) {
    xb = max(xb, i->x1 - i->x0);
    yb = max(yb, i->y1 - i->y0);
  }
  w->chunk = CACHE_FLOATS / (SK_FREQ * SK_B * max(1, xb + yb)) / CHUNK_STEP * CHUNK_STEP;
  w->chunk = min(max(CHUNK_LEAST, min(CHUNK_MOST, w->chunk)), w->th * w->tw * c->s.n);
  w->group = ceil_div(w->chunk, w->th * w->tw);
  w->block = w->chunk * SK_B;
  // An odd number of cache lines from one frequency to the next: the 36 of a tile spread over the sets of the first-level cache.
  w->xfreq = (xb * w->chunk | 1) * SK_B;
  w->yfreq = (yb * w->chunk | 1) * SK_B;
  w->rawrow = (int64_t)(TILE * w->tw + 2) * SK_B;
  w->rawblock = (TILE * w->th + 2) * w->rawrow;
  w->rawimage = xb * w->rawblock;
}

int64_t sk_winograd_rows(const sk_conv *c) { return SK_WT * c->wino.rawrow; }

int64_t sk_winograd_scratch(const sk_conv *c) {
  const sk_winograd *w = &c->wino;
  return w->on ? sk_winograd_rows(c) + SK_FREQ * (w->xfreq + w->yfreq) + w->group * w->rawimage : 0;
}

// Part i of an image group's tiles, cut into nearly equal chunks of whole rows where a chunk is as long as one; 0 behind the last.
static int next_chunk(const sk_winograd *w, int images, int i, sk_tiles *k) {
  int unit = w->tw <= w->chunk ? w->tw : 1, units = images * w->th * w->tw / unit, chunks = ceil_div(units, w->chunk / unit);
  k->t0 = (int64_t)units * i / chunks * unit;
  k->tiles = (int64_t)units * (i + 1) / chunks * unit - k->t0;
  return i < chunks;
}

static void forward_task(void *arg, int task, int worker) {
  const sk_conv_job *j = arg;
  const sk_conv *c = j->c;
  const sk_winograd *w = &c->wino;
  const sk_winograd_kernels *kernels = sk_isa->winograd;
  const int group = task % j->group, n0 = (int64_t)j->batch->n * group / j->group, n1 = (int64_t)j->batch->n * (group + 1) / j->group;
  sk_tiles k = {.island = w->island + task / j->group, .n0 = n0, .rows = sk_scratch(c->pool, worker)};
  float *v = k.rows + sk_winograd_rows(c), *m = v + SK_FREQ * w->xfreq;
  for (int i = 0; next_chunk(w, n1 - n0, i, &k); i++) {
    kernels->input(j, &k, v);
    kernels->forward(c, &k, v, m);
    kernels->output(c, &k, m, j->y);
  }
  for (int n = n0; n < n1 && !c->direct; n++)
    for (int s = 0; s < j->nstats; s++) sk_isa->elementwise->stats(&j->stats[s], j->y, n, k.island->y0, k.island->y1);
}

void sk_winograd_forward(const sk_conv_job *job) {
  const sk_winograd *w = &job->c->wino;
  const int n = job->batch->n, workers = sk_pool_workers(job->c->pool);
  sk_conv_job j = *job;
  // Groups change no sum, so they may depend on the workers: as many tasks for each.
  for (j.group = ceil_div(n, w->group); j.group < n && j.group * w->islands % workers; j.group++) {}
  sk_parallel(j.c->pool, w->islands * j.group, forward_task, &j);
}

typedef struct {
  const sk_conv_job *job;
  int chunks, slices;
  float *acc;
  int64_t slot;
} backward;

// Both gradients of a group of images: the data gradient of runs dlo .. dhi-1, what the weight gradient of runs flo .. fhi-1 gets from them.
static void gradients(const backward *b, sk_tiles k, int images, int dlo, int dhi, int flo, int fhi, int first, float *acc) {
  const sk_conv_job *j = b->job;
  const sk_conv *c = j->c;
  const sk_winograd *w = &c->wino;
  const sk_winograd_kernels *kernels = sk_isa->winograd;
  float *v = k.rows + sk_winograd_rows(c), *e = v + SK_FREQ * w->xfreq, *raw = e + SK_FREQ * w->yfreq;
  if (j->dx) memset(raw, 0, images * w->rawimage * sizeof *raw);
  for (int i = 0; next_chunk(w, images, i, &k); i++) {
    kernels->dy(j, &k, e);
    if (j->dx) {
      kernels->data(c, &k, dlo, dhi, e, v); // v is free until x is transformed
      kernels->dx(c, &k, dlo, dhi, v, raw);
    }
    kernels->input(j, &k, v);
    kernels->sums(c, &k, flo, fhi, v, e, first && !i, acc);
  }
  if (!j->dx) return;
  sk_conv_dx dx = *j->dx;
  if (c->direct) dx.accumulate = 1, dx.residual = NULL; // the direct pass was there before
  for (const sk_run *run = w->d.run + dlo; run < w->d.run + dhi; run++)
    for (int n = 0; n < images && run->steps; n++) {
      const float *from = raw + n * w->rawimage + (run->b0 - k.island->x0) * w->rawblock + w->rawrow + SK_B;
      sk_isa->conv->finish(c, &dx, j->x, j->batch, k.n0 + n, run->b0, run->nb, from, w->rawrow, w->rawblock);
      const int g0 = dx.cb0 + run->b0;
      for (int s = 0; s < j->nsums && !c->direct; s++) sk_isa->elementwise->sums(&j->sums[s], j->batch, k.n0 + n, g0, g0 + run->nb);
    }
}

static void backward_task(void *arg, int task, int worker) {
  const backward *b = arg;
  const sk_conv *c = b->job->c;
  const int slice = task % b->slices, chunk = task / b->slices % b->chunks;
  const sk_island *island = c->wino.island + task / b->slices / b->chunks;
  const int f = island->f1 - island->f0, flo = island->f0 + slice * f / b->slices, fhi = island->f0 + (slice + 1) * f / b->slices;
  const int d = island->d1 - island->d0, dlo = island->d0 + slice * d / b->slices, dhi = island->d0 + (slice + 1) * d / b->slices;
  sk_tiles k = {.island = island, .rows = sk_scratch(c->pool, worker)};
  const int begin = chunk * c->chunk, end = min(begin + c->chunk, b->job->batch->n);
  for (k.n0 = begin; k.n0 < end; k.n0 += c->wino.group)
    gradients(b, k, min(c->wino.group, end - k.n0), dlo, dhi, flo, fhi, k.n0 == begin, b->acc + chunk * b->slot);
}

void sk_winograd_backward(const sk_conv_job *job, float *acc, int64_t slot) {
  const sk_conv *c = job->c;
  const int chunks = ceil_div(job->batch->n, c->chunk), tasks = chunks * c->wino.islands;
  // Slices change no sum, so they may depend on the workers; each transforms for itself.
  const int slices = max(1, sk_pool_workers(c->pool) / tasks);
  sk_parallel(c->pool, tasks * slices, backward_task, &(backward){job, chunks, slices, acc, slot});
}
