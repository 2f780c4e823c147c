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
// Output blocks go through fast.c instead where fewer products pay, after what is direct; the data gradient adds up what both give.
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
  GROUP_POSITIONS = 512,  // staged together, so that loading and storing an accumulator does
  GROUP_FLOATS = 128 * 1024 // read by a gemm's every run: they stay in half a second-level cache
};

static int64_t max(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t min(int64_t a, int64_t b) { return a < b ? a : b; }
static int ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// An accumulator: the direct one and behind it the fast algorithm's.
static int64_t slot_floats(const sk_conv *c) { return c->f.floats + c->fast.f.wfloats; }

sk_conv *sk_conv_new(sk_pool *pool, const sk_conv_shape *s, const sk_part *parts) {
  sk_conv *c = sk_aligned(sizeof *c);
  c->pool = pool;
  c->s = *s;
  c->part = sk_aligned(s->parts * sizeof *parts);
  memcpy(c->part, parts, s->parts * sizeof *parts);
  sk_conv_plan(c);

  int64_t positions = (int64_t)s->p * s->q;
  // An accumulator of Winograd's is 4 times as large as the weights. Strassen's product has so many channels that fewer chunks would be too few to keep
  // every worker busy to the end.
  int64_t least = !c->fast.on ? CHUNK_POSITIONS : c->fast.algorithm == SK_STRASSEN ? CHUNK_POSITIONS / 2 : 2 * CHUNK_POSITIONS;
  int64_t chunks = max(1, min(min(CHUNKS, s->n), s->n * positions / least));
  c->chunk = ceil_div(s->n, chunks);
  c->group = min(c->chunk, max(1, GROUP_POSITIONS / positions));
  int64_t staged = c->direct ? c->group * (c->ximage + c->dimage + c->rawimage) : 0;
  sk_scratch_reserve(pool, 4 * max(staged, sk_fast_scratch(c)));
  sk_shared_reserve(pool, 4 * ceil_div(s->n, c->chunk) * slot_floats(c));
  return c;
}

void sk_conv_free(sk_conv *c) {
  sk_plan_free(&c->f);
  sk_plan_free(&c->d);
  sk_plan_free(&c->fast.f);
  sk_plan_free(&c->fast.d);
  free(c->fast.island);
  free(c->fast.xat);
  free(c->fast.yat);
  free(c->part);
  free(c->tap);
  free(c);
}

static void pack_task(void *arg, int kb, int worker) {
  sk_conv_job *j = arg;
  (void)worker;
  sk_plan_pack(j->c, kb, j->params);
}

void sk_conv_pack(sk_conv *c, const float *params) {
  sk_parallel(c->pool, c->yb, pack_task, &(sk_conv_job){.c = c, .params = params});
}

static void forward_task(void *arg, int task, int worker) {
  sk_conv_job *j = arg;
  sk_conv *c = j->c;
  int n0 = task * j->group, images = min(j->group, j->batch->n - n0);
  float *xs = sk_scratch(c->pool, worker);
  for (int i = 0; i < images; i++) sk_isa->conv->stage_view(c, j->x, j->batch, n0 + i, xs + i * c->ximage);
  sk_walk walk = {.x = xs, .ximage = c->ximage, .xrow = c->s.stride * c->xrow, .yimage = j->y->image, .yblock = (int64_t)c->s.p * c->s.q * SK_B,
                  .yrow = c->s.q * SK_B, .ypx = SK_B, .images = images, .rows = c->s.p, .cols = c->s.q};
  for (int i = 0; i < c->f.runs; i++) {
    const sk_run *run = &c->f.run[i];
    if (c->fast.yat[run->b0] >= 0) continue;
    walk.y = j->y->p + n0 * j->y->image + run->b0 * walk.yblock;
    sk_isa->conv->gemm(run, c->f.step + run->step0, c->f.w, &walk);
  }
  for (int i = 0; i < images && !c->fast.on; i++)
    for (int s = 0; s < j->nstats; s++) sk_image_stats(&j->stats[s], j->y, n0 + i);
}

static void stats_task(void *arg, int n, int worker) {
  (void)worker;
  sk_conv_job *j = arg;
  for (int s = 0; s < j->nstats; s++) sk_image_stats(&j->stats[s], j->y, n);
}

void sk_conv_forward(sk_conv *c, const sk_view *x, const sk_tensor *y, int nstats, const sk_stats *stats, const sk_batch *b) {
  // Images of a group share the weights while those are in cache; the group changes no sum, so it may depend on the workers.
  int group = max(1, min(min(c->group, GROUP_FLOATS / c->ximage), b->n / (4 * sk_pool_workers(c->pool))));
  sk_conv_job j = {.c = c, .x = x, .y = y, .nstats = nstats, .stats = stats, .batch = b, .group = group};
  if (c->direct) sk_parallel(c->pool, ceil_div(b->n, group), forward_task, &j);
  if (c->fast.on) sk_fast_forward(&j);
  if (c->direct && c->fast.on && nstats) sk_parallel(c->pool, b->n, stats_task, &j);
}

// The direct data gradient of run i's blocks, from staged dy.
static void data_gradient(const sk_conv *c, int images, const float *ds, float *raw, int i) {
  int st = c->s.stride, h = c->s.h, w = c->s.w;
  sk_walk walk = {.x = ds, .ximage = c->dimage, .xrow = c->drow, .yimage = c->rawimage, .yblock = c->rawblock, .yrow = st * c->rawrow,
                  .ypx = st * SK_B, .images = images};
  const sk_run *run = &c->d.run[i * c->d.phases];
  for (int phase = 0; phase < c->d.phases; phase++) {
    int fi = phase / st, fj = phase % st;
    walk.y = raw + fi * c->rawrow + fj * SK_B;
    walk.rows = (h - fi + st - 1) / st;
    walk.cols = (w - fj + st - 1) / st;
    sk_isa->conv->gemm(&run[phase], c->d.step + run[phase].step0, c->d.w, &walk);
  }
}

// Runs lo .. hi-1 of the data gradient of images n0 ..
static void data_gradients(const sk_conv_job *j, int n0, int images, const float *ds, float *raw, int lo, int hi) {
  const sk_conv *c = j->c;
  const int step = max(1, GROUP_FLOATS / c->dimage);
  for (; images > 0; images -= step, n0 += step, ds += step * c->dimage)
    for (int i = lo; i < hi; i++) {
      const sk_run *run = &c->d.run[i * c->d.phases];
      int some = min(step, images);
      data_gradient(c, some, ds, raw, i);
      for (int n = 0; n < some; n++) sk_isa->conv->finish(j, j->dx, 0, n0 + n, run->b0, run->nb, raw + n * c->rawimage, c->rawrow, c->rawblock);
    }
}

static void backward_task(void *arg, int task, int worker) {
  sk_conv_job *j = arg;
  sk_conv *c = j->c;
  int chunk = task / j->slices, slice = task % j->slices;
  int flo = slice * c->f.runs / j->slices, fhi = (slice + 1) * c->f.runs / j->slices;
  int dlo = slice * c->d.runs / j->slices, dhi = (slice + 1) * c->d.runs / j->slices;
  float *xs = sk_scratch(c->pool, worker), *ds = xs + c->group * c->ximage, *raw = ds + c->group * c->dimage;
  float *acc = sk_shared(c->pool) + chunk * slot_floats(c);
  int begin = chunk * c->chunk, end = min(begin + c->chunk, j->batch->n);
  for (int n0 = begin; n0 < end; n0 += c->group) {
    int images = min(c->group, end - n0);
    for (int i = 0; i < images; i++) {
      sk_isa->conv->stage_grads(c, j->ndy, j->dy, j->batch, n0 + i, ds + i * c->dimage);
      sk_isa->conv->stage_view(c, j->x, j->batch, n0 + i, xs + i * c->ximage);
    }
    if (j->dx) data_gradients(j, n0, images, ds, raw, dlo, dhi);
    for (int i = flo; i < fhi; i++) sk_isa->conv->weights(c, &c->f.run[i], xs, ds, images, n0 == begin, acc);
    if (j->slices > 1 || c->fast.on) continue; // dx is not whole yet
    for (int i = 0; i < images; i++)
      for (int s = 0; s < j->nsums; s++) sk_image_sums(&j->sums[s], j->batch, n0 + i);
  }
}

static void sums_task(void *arg, int n, int worker) {
  (void)worker;
  sk_conv_job *j = arg;
  for (int s = 0; s < j->nsums; s++) sk_image_sums(&j->sums[s], j->batch, n);
}

// Adds up the slots of run i of a plan, whose accumulators start at `slots`, at every frequency.
static void merge_run(const sk_conv_job *j, const sk_plan *p, int i, float *slots) {
  const sk_run *run = &p->run[i];
  const int chunks = ceil_div(j->batch->n, j->c->chunk);
  if (!run->steps || chunks == 1) return;
  const sk_step *last = &p->step[run->step0 + run->steps - 1];
  int64_t lo = p->step[run->step0].w, hi = last->w + (int64_t)last->nc * run->nb * SK_B;
  for (int64_t f = 0; f < p->wfloats; f += p->floats)
    sk_isa->conv->merge(slots + f + lo, slot_floats(j->c), chunks, hi - lo);
}

static void merge_task(void *arg, int i, int worker) {
  (void)worker;
  sk_conv_job *j = arg;
  const sk_conv *c = j->c;
  const sk_run *run = &c->f.run[i];
  float *slots = sk_shared(c->pool), *fast = slots + c->f.floats;
  merge_run(j, &c->f, i, slots);
  if (c->fast.on) merge_run(j, &c->fast.f, i, fast);
  for (int b = 0; b < run->nb; b++) sk_plan_unpack(c, run->b0 + b, slots, fast, j->grads);
}

void sk_conv_backward(sk_conv *c, const sk_view *x, int ndy, const sk_grad *dy, const sk_conv_dx *dx, int nsums, const sk_sums *sums,
                      const sk_batch *b, float *grads) {
  int chunks = ceil_div(b->n, c->chunk), workers = sk_pool_workers(c->pool);
  // Slices do not change any sum, so they may depend on the workers.
  int slices = min(max(1, workers / chunks), max(c->f.runs, c->d.runs));
  sk_conv_job j = {.c = c, .x = x, .ndy = ndy, .dy = dy, .dx = dx, .nsums = nsums, .sums = sums, .batch = b, .grads = grads, .slices = slices};
  if (c->direct) sk_parallel(c->pool, chunks * slices, backward_task, &j);
  if (c->fast.on) sk_fast_backward(&j, sk_shared(c->pool) + c->f.floats, slot_floats(c));
  if (c->direct && (slices > 1 || c->fast.on) && nsums) sk_parallel(c->pool, b->n, sums_task, &j);
  sk_parallel(c->pool, c->f.runs, merge_task, &j);
}
