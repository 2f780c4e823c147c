// conv.c: convolution forward, data gradient and weight gradient over a batch.
//
// An image is staged: read through its view (norm, ReLU) or its gradient (masks, coefficients,
// norm) into scratch of the worker, with zero borders and with columns split by stride phase. Every
// tap of every position is then one address plus a constant, and neighbouring positions are 64
// bytes apart. All three directions are block products, 16x16, from the lists of conv_plan.c:
//
//   forward    y[kb] = sum over (ib, tap) of w[kb][ib][tap] * x[ib] moved by tap
//   data       dx[ib], a phase of its positions at a time,
//                    = sum over (kb, tap) of w[kb][ib][tap]^T * dy[kb] moved by -tap
//   weights    dw[kb][ib][tap] = sum over positions of x[ib] moved by tap * dy[kb], the outer
//                    product held in registers
//
// Output blocks go through conv_transform.c instead where fewer products pay, after the direct
// ones; the data gradient adds both up.
//
// A task is some images forward, and backward the images of an accumulator. Each accumulator of
// weight gradients belongs to a range of images that the shape alone fixes, and they are merged in
// order. Where workers outnumber accumulators, a task does a slice of the output blocks.
#include "conv.h"
#include "conv_pack.h"
#include "conv_plan.h"
#include "dispatch.h"
#include <stdlib.h>
#include <string.h>

enum {
  MOST_ACCUMULATORS = 16,  // they cost memory
  // At least, so that writing and merging an accumulator (8 bytes a weight) stays a few percent.
  ACCUMULATOR_POSITIONS = 1024,
  STAGED_POSITIONS = 512,   // staged together, so that loading and storing an accumulator does
  GEMM_FLOATS = 128 * 1024  // read by each panel: they stay in half a second-level cache
};

// Floats from one accumulator to the next: the direct one and behind it the transform's.
static int64_t accumulator_pitch(const sk_conv *c) {
  return c->forward.floats + c->transform.forward.all_floats;
}

// Images that share an accumulator. A transformed accumulator of Winograd is 4 times as large as
// the weights. Strassen's matrix product has so many channels that fewer accumulators are too few
// to keep every worker busy to the end.
static int accumulator_images(const sk_conv *c) {
  const int64_t n = c->shape.n, positions = (int64_t)c->shape.p * c->shape.q;
  const int64_t least = !c->transform.on                        ? ACCUMULATOR_POSITIONS
                        : c->transform.algorithm == SK_STRASSEN ? ACCUMULATOR_POSITIONS / 2
                                                                : 2 * ACCUMULATOR_POSITIONS;
  const int64_t accumulators = sk_min(sk_min(MOST_ACCUMULATORS, n), n * positions / least);
  return sk_ceil_div(n, sk_max(1, accumulators));
}

sk_conv *sk_conv_new(sk_pool *pool, const sk_conv_shape *s, const sk_conv_part *parts) {
  sk_conv *c = sk_aligned(sizeof *c);
  c->pool = pool;
  c->shape = *s;
  c->part = sk_aligned(s->parts * sizeof *parts);
  memcpy(c->part, parts, s->parts * sizeof *parts);
  sk_conv_plan_make(c);

  const int64_t positions = (int64_t)s->p * s->q;
  c->accumulator_images = accumulator_images(c);
  c->staged_images = sk_min(c->accumulator_images, sk_max(1, STAGED_POSITIONS / positions));
  const int64_t image = c->x.image_pitch + c->dy.image_pitch + c->dx.image_pitch;
  const int64_t staged = c->direct ? c->staged_images * image : 0;
  const int64_t accumulators = sk_ceil_div(s->n, c->accumulator_images);
  sk_scratch_reserve(pool, sizeof(float) * sk_max(staged, sk_conv_transform_scratch(c)));
  sk_shared_reserve(pool, sizeof(float) * accumulators * accumulator_pitch(c));
  return c;
}

int64_t sk_conv_packed_bytes(const sk_conv *c) {
  return sizeof(float) * (c->forward.all_floats + c->backward.all_floats +
                          c->transform.forward.all_floats + c->transform.backward.all_floats);
}

void sk_conv_free(sk_conv *c) {
  sk_conv_plan_free(&c->forward);
  sk_conv_plan_free(&c->backward);
  sk_conv_plan_free(&c->transform.forward);
  sk_conv_plan_free(&c->transform.backward);
  free(c->transform.island);
  free(c->transform.x_place);
  free(c->transform.y_place);
  free(c->part);
  free(c->tap);
  free(c);
}

int sk_conv_transformed(const sk_conv *c) { return c->transform.on; }

typedef struct {
  sk_conv *conv;
  const float *params;
} pack_job;

static void pack_task(void *arg, int kb, int worker) {
  (void)worker;
  const pack_job *j = arg;
  sk_conv_pack_block(j->conv, kb, j->params);
}

void sk_conv_pack(sk_conv *c, const float *params) {
  sk_parallel(c->pool, c->y_blocks, pack_task, &(pack_job){c, params});
}

typedef struct {
  sk_conv_pass pass;
  int task_images;
} forward_job;

static void forward_task(void *arg, int task, int worker) {
  const forward_job *j = arg;
  const sk_conv *c = j->pass.conv;
  const sk_conv_operands *o = j->pass.operands;
  const int n0 = task * j->task_images, images = sk_min(j->task_images, j->pass.batch->n - n0);
  float *xs = sk_scratch(c->pool, worker);
  for (int i = 0; i < images; i++)
    sk_isa->conv->stage_x(&j->pass, n0 + i, xs + i * c->x.image_pitch);
  sk_conv_positions at = {.x = xs,
                          .x_image_pitch = c->x.image_pitch,
                          .x_row_pitch = c->shape.stride * c->x.row_pitch,
                          .y_image_pitch = o->y->image_pitch,
                          .y_block_pitch = (int64_t)c->shape.p * c->shape.q * SK_LANES,
                          .y_row_pitch = c->shape.q * SK_LANES,
                          .y_col_pitch = SK_LANES,
                          .images = images,
                          .rows = c->shape.p,
                          .cols = c->shape.q};
  for (int i = 0; i < c->forward.panels; i++) {
    const sk_conv_panel *panel = &c->forward.panel[i];
    if (c->transform.y_place[panel->block0] >= 0) continue;
    at.y = o->y->data + n0 * o->y->image_pitch + panel->block0 * at.y_block_pitch;
    sk_isa->conv->gemm(panel, c->forward.term + panel->term0, c->forward.weights, &at);
  }
  for (int i = 0; i < images && !c->transform.on; i++) sk_image_stats(o->stats, o->y, n0 + i);
}

void sk_conv_forward(sk_conv *c, const sk_conv_operands *o, const sk_batch *b) {
  // The images of a task share the weights while those are in cache. Their number changes no sum,
  // so it may depend on the workers.
  const int cached = sk_min(c->staged_images, GEMM_FLOATS / c->x.image_pitch);
  const int images = sk_max(1, sk_min(cached, b->n / (4 * sk_pool_workers(c->pool))));
  forward_job j = {.pass = {c, o, b}, .task_images = images};
  if (c->direct) sk_parallel(c->pool, sk_ceil_div(b->n, images), forward_task, &j);
  if (c->transform.on) sk_conv_transform_forward(&j.pass);
  if (c->direct && c->transform.on && o->stats.count) sk_stats_run(c->pool, o->stats, o->y, b);
}

// Raw dx of panel i's blocks, one phase of its positions after the other, from staged dy.
static void data_gradient(const sk_conv *c, int images, const float *ds, float *raw, int i) {
  const int stride = c->shape.stride;
  sk_conv_positions at = {.x = ds,
                          .x_image_pitch = c->dy.image_pitch,
                          .x_row_pitch = c->dy.row_pitch,
                          .y_image_pitch = c->dx.image_pitch,
                          .y_block_pitch = c->dx.block_pitch,
                          .y_row_pitch = stride * c->dx.row_pitch,
                          .y_col_pitch = stride * SK_LANES,
                          .images = images};
  const sk_conv_panel *panel = &c->backward.panel[i * c->backward.phases];
  for (int phase = 0; phase < c->backward.phases; phase++, panel++) {
    const int row = phase / stride, col = phase % stride;
    at.y = raw + row * c->dx.row_pitch + col * SK_LANES;
    at.rows = sk_ceil_div(c->shape.h - row, stride);
    at.cols = sk_ceil_div(c->shape.w - col, stride);
    sk_isa->conv->gemm(panel, c->backward.term + panel->term0, c->backward.weights, &at);
  }
}

// The data gradient of images n0 .. by some panels.
static void data_gradients(const sk_conv_pass *pass, int n0, int images, const float *ds,
                           float *raw, sk_conv_panels panels) {
  const sk_conv *c = pass->conv;
  const int cached = sk_max(1, GEMM_FLOATS / c->dy.image_pitch);
  for (; images > 0; images -= cached, n0 += cached, ds += cached * c->dy.image_pitch)
    for (int i = panels.begin; i < panels.end; i++) {
      const sk_conv_panel *panel = &c->backward.panel[i * c->backward.phases];
      const int some = sk_min(cached, images);
      data_gradient(c, some, ds, raw, i);
      for (int n = 0; n < some; n++) {
        const sk_conv_raw from = {raw + n * c->dx.image_pitch,
                                  c->dx.row_pitch,
                                  c->dx.block_pitch,
                                  n0 + n,
                                  panel->block0,
                                  panel->blocks};
        sk_isa->conv->put_dx(pass, pass->operands->dx, (sk_sums_list){0}, &from);
      }
    }
}

typedef struct {
  sk_conv_pass pass;
  int slices;  // tasks of an accumulator
  float *grads;
} backward_job;

// The panels of one slice.
static sk_conv_panels slice_of(const sk_conv_plan *p, int slice, int slices) {
  return (sk_conv_panels){slice * p->panels / slices, (slice + 1) * p->panels / slices};
}

static void backward_task(void *arg, int task, int worker) {
  const backward_job *j = arg;
  const sk_conv_pass *pass = &j->pass;
  const sk_conv *c = pass->conv;
  const int accumulator = task / j->slices, slice = task % j->slices;
  const sk_conv_panels forward = slice_of(&c->forward, slice, j->slices);
  const sk_conv_panels backward = slice_of(&c->backward, slice, j->slices);
  float *xs = sk_scratch(c->pool, worker), *ds = xs + c->staged_images * c->x.image_pitch;
  float *raw = ds + c->staged_images * c->dy.image_pitch;
  float *acc = sk_shared(c->pool) + accumulator * accumulator_pitch(c);
  const int begin = accumulator * c->accumulator_images;
  const int end = sk_min(begin + c->accumulator_images, pass->batch->n);
  for (int n0 = begin; n0 < end; n0 += c->staged_images) {
    const sk_conv_images images = {xs, ds, sk_min(c->staged_images, end - n0)};
    for (int i = 0; i < images.images; i++) {
      sk_isa->conv->stage_dy(pass, n0 + i, ds + i * c->dy.image_pitch);
      sk_isa->conv->stage_x(pass, n0 + i, xs + i * c->x.image_pitch);
    }
    if (pass->operands->dx) data_gradients(pass, n0, images.images, ds, raw, backward);
    for (int i = forward.begin; i < forward.end; i++)
      sk_isa->conv->weight_gradient(c, &c->forward.panel[i], &images, n0 == begin, acc);
    if (j->slices > 1 || c->transform.on) continue;  // dx is not whole yet
    for (int i = 0; i < images.images; i++)
      sk_image_sums(pass->operands->sums, pass->batch, n0 + i);
  }
}

// Adds up the accumulators of panel i of a plan, which start at acc, element by element.
static void merge_panel(const sk_conv_pass *pass, const sk_conv_plan *p, int i, float *acc) {
  const sk_conv_panel *panel = &p->panel[i];
  const int accumulators = sk_ceil_div(pass->batch->n, pass->conv->accumulator_images);
  if (!panel->terms || accumulators == 1) return;
  const sk_conv_term *first = &p->term[panel->term0], *last = first + panel->terms - 1;
  const int64_t end = last->weight_at + (int64_t)last->inputs * panel->blocks * SK_LANES;
  for (int64_t element = 0; element < p->all_floats; element += p->floats)
    sk_isa->conv->merge(acc + element + first->weight_at, accumulator_pitch(pass->conv),
                        accumulators, end - first->weight_at);
}

static void merge_task(void *arg, int i, int worker) {
  (void)worker;
  const backward_job *j = arg;
  const sk_conv *c = j->pass.conv;
  const sk_conv_panel *panel = &c->forward.panel[i];
  float *acc = sk_shared(c->pool), *transformed = acc + c->forward.floats;
  merge_panel(&j->pass, &c->forward, i, acc);
  if (c->transform.on) merge_panel(&j->pass, &c->transform.forward, i, transformed);
  for (int b = 0; b < panel->blocks; b++)
    sk_conv_unpack_block(c, panel->block0 + b, acc, transformed, j->grads);
}

void sk_conv_backward(sk_conv *c, const sk_conv_operands *o, const sk_batch *b, float *grads) {
  const int accumulators = sk_ceil_div(b->n, c->accumulator_images);
  // Slices change no sum, so they may depend on the workers.
  const int most = sk_max(c->forward.panels, c->backward.panels);
  const int slices = sk_min(sk_max(1, sk_pool_workers(c->pool) / accumulators), most);
  backward_job j = {.pass = {c, o, b}, .slices = slices, .grads = grads};
  if (c->direct) sk_parallel(c->pool, accumulators * slices, backward_task, &j);
  if (c->transform.on)
    sk_conv_transform_backward(&j.pass, sk_shared(c->pool) + c->forward.floats,
                               accumulator_pitch(c));
  if (c->direct && (slices > 1 || c->transform.on) && o->sums.count)
    sk_sums_run(c->pool, o->sums, b);
  sk_parallel(c->pool, c->forward.panels, merge_task, &j);
}
