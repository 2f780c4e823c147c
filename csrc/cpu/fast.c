// fast.c: convolutions with fewer products than the direct ones, by bilinear algorithms.
//
// An algorithm transforms a tile of x and a kernel w linearly, multiplies element by element, and transforms the products into a tile of y. Over
// channels, each element is a product of matrices: [output channels][input channels] times [input channels][tiles]. The gradients are the adjoints
// of the same maps, so the three directions share their transforms:
//
//   forward    V = B' x, M = U V summed over input blocks, y = A' M                U = G w, made once a step
//   data       E = A dy, M = U' E summed over output blocks, dx += B M
//   weights    dU += V E over tiles, dw = G' dU once, after the merge              V and E are those of the other directions
//
// The algorithms, and their products a tile (maps in winograd.inc.h and strassen.inc.h):
//
//   Winograd F(4x4, 3x3)   3x3 kernels, stride 1, pad 1: 36 for 4x4 outputs instead of 144. A tile reads 6x6 inputs, neighbours overlap by two.
//   Winograd, strided      3x3 kernels, stride 2, pad 1: 81 instead of 144. The odd columns of x meet the outer taps as F(4, 2) does, 5 products for 4
//                          outputs, the even ones the middle tap, 4; rows the same. The middle tap's products share their weights: 36 weights.
//   Strassen               1x1 kernels: 7 instead of 8 products of quarters. A tile is two blocks at two positions, half the channels and half the rows apart.
//
// Tiles are transformed a chunk at a time, so that V, E and M are read back from a near cache; nothing transformed outlives its chunk. The
// transforms read through the view and the gradients, a few rows at a time, so nothing is staged. The products are those of the direct kernels: a
// chunk is a row of positions, an input block one step. A task is a group of images (backward: a chunk's) of one island, as a group of a grouped
// convolution is. Tasks follow each other island by island, so that an island's weights are fetched once where all do not fit the cache.
#include "conv.h"
#include "dispatch.h"
#include <string.h>

// How an algorithm cuts images: tiles of `outputs` rows and columns of y, or, at 0, pairs of positions.
typedef struct {
  int outputs, inputs, border; // of a tile, each way: a tile's x begins where the last one's did plus inputs - border
  int freqs, products;
  int cache;              // floats of transformed tiles in the works, where the next three allow
  int least, heavy, most; // tiles of a chunk; heavy: at least, where an island's weights come from far
} algorithm;

enum {
  HEAVY_FLOATS = 1024 * 1024, // of transformed weights: more do not stay in a core's part of the third-level cache
  CHUNK_STEP = 12             // whole tiles of the gemm's registers
};

static const algorithm ALGORITHM[SK_ALGORITHMS] = {
    [SK_WINOGRAD] = {4, 6, 2, 36, 36, 192 * 1024, 64, 128, 96},
    [SK_WINOGRAD_STRIDED] = {4, 9, 1, 36, 81, 1024 * 1024, 36, 72, 96},
    [SK_STRASSEN] = {0, 0, 0, 7, 7, 192 * 1024, 128, 128, 128},
};

static int min(int a, int b) { return a < b ? a : b; }
static int max(int a, int b) { return a > b ? a : b; }
static int ceil_div(int a, int b) { return (a + b - 1) / b; }

// Measured, Winograd over direct: 1.7 to 2.7 on maps that tiles fill, 1.1 to 1.4 where they fill 9/16 (6x6, 9x9), 0.9 to 1.1 at 25/64 (5x5). From 16
// channels on transforms are worth 1.2 to 1.8; with 8, half of whose vectors is padding, 0.8 forward, and with 3 0.5.
int sk_fast_pays(const sk_conv_shape *s, int algorithm, int inputs) {
  if (algorithm == SK_STRASSEN) return inputs >= 8 * SK_B;
  const int tile = ALGORITHM[algorithm].outputs;
  int64_t positions = (int64_t)s->p * s->q, covered = (int64_t)ceil_div(s->p, tile) * tile * ceil_div(s->q, tile) * tile;
  return inputs >= SK_B && 2 * positions > covered;
}

void sk_fast_measure(sk_conv *c) {
  sk_fast *w = &c->fast;
  const algorithm *a = &ALGORITHM[w->algorithm];
  w->freqs = a->freqs;
  w->products = a->products;
  for (int f = 0; f < a->freqs; f++) // a middle tap, the last of six each way, has four products
    w->first[f + 1] = w->first[f] + (a->products == a->freqs ? 1 : (f / 6 == 5 ? 4 : 1) * (f % 6 == 5 ? 4 : 1));
  for (int f = 0; f < a->freqs; f++) w->lag = max(w->lag, w->first[f + 1] - w->first[f]);
  int xb = 0, xn = 0, yn = 0; // the most of an island
  for (const sk_island *i = w->island; i < w->island + w->islands; i++) {
    xb = max(xb, i->x1 - i->x0);
    xn = max(xn, i->xn);
    yn = max(yn, i->yn);
  }
  if (a->outputs) {
    const int pitch = a->inputs - a->border;
    w->th = ceil_div(c->s.p, a->outputs);
    w->tw = ceil_div(c->s.q, a->outputs);
    w->rawrow = (int64_t)(pitch * w->tw + a->border) * SK_B;
    w->rawblock = (pitch * w->th + a->border) * w->rawrow;
    w->rawfirst = w->rawrow + SK_B;
    w->rows = a->inputs * w->rawrow;
  } else {
    w->th = c->s.p / 2;
    w->tw = c->s.q;
    w->rawrow = (int64_t)c->s.w * SK_B;
    w->rawblock = c->s.h * w->rawrow;
    w->rows = 4 * (int64_t)w->tw * SK_B;
  }
  w->rawadds = a->border || w->th * 2 * w->tw < c->s.h * c->s.w;
  w->rawimage = xb * w->rawblock;
  const int heavy = (int64_t)a->freqs * xn * yn * SK_B * SK_B > HEAVY_FLOATS;
  w->chunk = a->cache / (a->products * SK_B * max(1, xn + yn)) / CHUNK_STEP * CHUNK_STEP;
  w->chunk = max(1, min(max(heavy ? a->heavy : a->least, min(a->most, w->chunk)), w->th * w->tw * c->s.n));
  w->group = ceil_div(w->chunk, max(1, w->th * w->tw));
  w->block = w->chunk * SK_B;
  // An odd number of cache lines from one product to the next: those of a tile spread over the sets of the first-level cache.
  w->pitch = (max(xn, yn) * w->chunk | 1) * SK_B;
}

int64_t sk_fast_scratch(const sk_conv *c) {
  const sk_fast *w = &c->fast;
  return w->on ? w->rows + 2 * w->products * w->pitch + w->group * w->rawimage : 0;
}

// Part i of an image group's tiles, cut into nearly equal chunks of whole rows where a chunk is as long as one; 0 behind the last.
static int next_chunk(const sk_fast *w, int images, int i, sk_tiles *k) {
  int unit = w->tw <= w->chunk ? w->tw : 1, units = images * w->th * w->tw / unit, chunks = ceil_div(units, w->chunk / unit);
  k->t0 = (int64_t)units * i / chunks * unit;
  k->tiles = (int64_t)units * (i + 1) / chunks * unit - k->t0;
  return i < chunks;
}

static void forward_task(void *arg, int task, int worker) {
  const sk_conv_job *j = arg;
  const sk_conv *c = j->c;
  const sk_fast *w = &c->fast;
  const sk_fast_kernels *kernels = sk_isa->fast;
  const sk_transforms *maps = &kernels->of[w->algorithm];
  const int group = task % j->group, n0 = (int64_t)j->batch->n * group / j->group, n1 = (int64_t)j->batch->n * (group + 1) / j->group;
  sk_tiles k = {.island = w->island + task / j->group, .n0 = n0, .rows = sk_scratch(c->pool, worker)};
  float *m = k.rows + w->rows, *v = m + w->lag * w->pitch; // where a product's results go, nobody wants what was there
  for (int i = 0; next_chunk(w, n1 - n0, i, &k); i++) {
    maps->input(j, &k, v);
    kernels->forward(c, &k, v, m);
    maps->output(c, &k, m, j->y);
  }
  for (int n = n0; n < n1 && !c->direct; n++)
    for (int s = 0; s < j->nstats; s++) sk_isa->elementwise->stats(&j->stats[s], j->y, n, k.island->y0, k.island->y1);
}

void sk_fast_forward(const sk_conv_job *job) {
  const sk_fast *w = &job->c->fast;
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
  const sk_fast *w = &c->fast;
  const sk_fast_kernels *kernels = sk_isa->fast;
  const sk_transforms *maps = &kernels->of[w->algorithm];
  float *v = k.rows + w->rows, *e = v + w->products * w->pitch, *raw = e + w->products * w->pitch;
  if (j->dx && w->rawadds) memset(raw, 0, images * w->rawimage * sizeof *raw);
  for (int i = 0; next_chunk(w, images, i, &k); i++) {
    maps->dy(j, &k, e);
    if (j->dx) {
      kernels->data(c, &k, dlo, dhi, e, v); // v is free until x is transformed
      maps->dx(c, &k, dlo, dhi, v, raw);
    }
    maps->input(j, &k, v);
    kernels->sums(c, &k, flo, fhi, v, e, first && !i, acc);
  }
  if (!j->dx) return;
  sk_conv_dx dx = *j->dx;
  if (c->direct) dx.accumulate = 1, dx.residual = NULL; // the direct pass was there before
  for (const sk_run *run = w->d.run + dlo; run < w->d.run + dhi; run++)
    for (int b0 = run->b0; b0 < k.island->x1 && run->steps; b0 += k.island->xn)
      for (int n = 0; n < images; n++) {
        const float *from = raw + n * w->rawimage + (b0 - k.island->x0) * w->rawblock + w->rawfirst;
        sk_isa->conv->finish(j, &dx, c->direct ? 0 : j->nsums, k.n0 + n, b0, run->nb, from, w->rawrow, w->rawblock);
      }
}

static void backward_task(void *arg, int task, int worker) {
  const backward *b = arg;
  const sk_conv *c = b->job->c;
  const int slice = task % b->slices, chunk = task / b->slices % b->chunks;
  const sk_island *island = c->fast.island + task / b->slices / b->chunks;
  const int f = island->f1 - island->f0, flo = island->f0 + slice * f / b->slices, fhi = island->f0 + (slice + 1) * f / b->slices;
  const int d = island->d1 - island->d0, dlo = island->d0 + slice * d / b->slices, dhi = island->d0 + (slice + 1) * d / b->slices;
  sk_tiles k = {.island = island, .rows = sk_scratch(c->pool, worker)};
  const int begin = chunk * c->chunk, end = min(begin + c->chunk, b->job->batch->n);
  for (k.n0 = begin; k.n0 < end; k.n0 += c->fast.group)
    gradients(b, k, min(c->fast.group, end - k.n0), dlo, dhi, flo, fhi, k.n0 == begin, b->acc + chunk * b->slot);
}

void sk_fast_backward(const sk_conv_job *job, float *acc, int64_t slot) {
  const sk_conv *c = job->c;
  const int chunks = ceil_div(job->batch->n, c->chunk), tasks = chunks * c->fast.islands;
  // Slices change no sum, so they may depend on the workers; each transforms for itself.
  const int slices = max(1, sk_pool_workers(c->pool) / tasks);
  sk_parallel(c->pool, tasks * slices, backward_task, &(backward){job, chunks, slices, acc, slot});
}
