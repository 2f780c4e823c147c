// conv_transform.c: convolutions with fewer products than the direct ones, by bilinear algorithms.
//
// An algorithm transforms a tile of x and a filter g linearly, multiplies element by element, and
// transforms the products into a tile of y. Over channels each element is a matrix product,
// [output channels][input channels] times [input channels][tiles]. The gradients are the adjoints
// of the same maps, so the three directions share their transforms:
//
//   forward    V = B' x, M = U V summed over input blocks, y = A' M        U = G g, once a step
//   data       E = A dy, M = U' E summed over output blocks, dx += B M
//   weights    dU += V E over tiles, dg = G' dU once, after the merge      V and E as above
//
// The algorithms, and the products of a tile (maps in conv_winograd_maps_kernel.h and
// conv_strassen_kernel.h):
//
//   Winograd F(4x4, 3x3)   3x3 kernels, stride 1, pad 1: 36 products for 4x4 outputs instead of
//                          144. A tile reads 6x6 inputs; neighbours overlap by two.
//   Winograd, strided      3x3 kernels, stride 2, pad 1: 81 products instead of 144. Columns of a
//                          tile count from its border at -1: the even ones meet the outer taps as
//                          in F(4, 2), 5 products for 4 outputs, the odd ones the middle tap, 4;
//                          rows the same. The middle tap's products share their weights: 36
//                          filter elements.
//   Strassen               1x1 kernels: 7 products of quarters instead of 8. A tile is two blocks
//                          at two positions, half the channels and half the rows apart.
//
// Tiles are transformed a chunk at a time, so that V, E and M are read back from a near cache;
// nothing transformed outlives its chunk. The transforms read through the view and the gradients a
// few rows at a time, so nothing is staged. The matrix products are those of the direct kernels,
// with a chunk as a row of positions and an input block as a term. A task is some images of one
// island; backward, the images of one accumulator. Tasks follow each other island by island, so
// that an island's weights are fetched once where all of them do not fit the cache.
#include "conv_plan.h"
#include "dispatch.h"
#include <string.h>

// How an algorithm cuts images.
typedef struct {
  int outputs;                  // rows and columns of a tile of y; 0: a tile is a pair of positions
  int inputs, border;           // of a tile of x; neighbouring tiles start inputs - border apart
  int elements;                 // of a transformed filter
  int products;                 // of a transformed tile
  int chunk_floats;             // of transformed tiles in the works, where the next three allow
  int least_tiles, most_tiles;  // of a chunk
  int heavy_tiles;              // at least, where an island's weights come from far
} cut;

enum {
  // Transformed weights of an island: more do not stay in a core's part of the third-level cache.
  HEAVY_FLOATS = 1024 * 1024,
  MICRO_TILE_COLS = 12  // whole micro-tiles of the gemm
};

static const cut CUTS[SK_ALGORITHMS] = {
    [SK_WINOGRAD] = {.outputs = 4,
                     .inputs = 6,
                     .border = 2,
                     .elements = 36,
                     .products = 36,
                     .chunk_floats = 192 * 1024,
                     .least_tiles = 64,
                     .most_tiles = 96,
                     .heavy_tiles = 128},
    [SK_WINOGRAD_STRIDED] = {.outputs = 4,
                             .inputs = 9,
                             .border = 1,
                             .elements = 36,
                             .products = 81,
                             .chunk_floats = 1024 * 1024,
                             .least_tiles = 36,
                             .most_tiles = 96,
                             .heavy_tiles = 72},
    [SK_STRASSEN] = {.elements = 7,
                     .products = 7,
                     .chunk_floats = 192 * 1024,
                     .least_tiles = 128,
                     .most_tiles = 128,
                     .heavy_tiles = 128},
};

// Measured, Winograd over direct: 1.7 to 2.7 times the speed on maps that tiles fill, 1.1 to 1.4
// where they fill 9/16 (6x6, 9x9), 0.9 to 1.1 at 25/64 (5x5). From 16 channels on a transform is
// worth 1.2 to 1.8; with 8, half of whose vectors is padding, 0.8 forward, and with 3 0.5.
int sk_conv_transform_pays(const sk_conv_shape *s, int algorithm, int inputs) {
  if (algorithm == SK_STRASSEN) return inputs >= 8 * SK_LANES;
  const int64_t tile = CUTS[algorithm].outputs, positions = (int64_t)s->p * s->q;
  const int64_t covered = sk_ceil_div(s->p, tile) * tile * sk_ceil_div(s->q, tile) * tile;
  return inputs >= SK_LANES && 2 * positions > covered;
}

static void measure_products(sk_conv_transform *w, const cut *a) {
  w->elements = a->elements;
  w->products = a->products;
  for (int e = 0; e < a->elements; e++) {
    // Strided, a middle tap is the last of six elements each way and has four products each way.
    const int rows = e / 6 == 5 ? 4 : 1, cols = e % 6 == 5 ? 4 : 1;
    const int shared = a->products == a->elements ? 1 : rows * cols;
    w->first_product[e + 1] = w->first_product[e] + shared;
    w->most_shared = sk_max(w->most_shared, shared);
  }
}

// Tiles of an image, the scratch of their rows, and raw dx of x_blocks blocks.
static void measure_tiles(sk_conv_transform *w, const cut *a, const sk_conv_shape *s,
                          int x_blocks) {
  sk_conv_raw_dx *raw = &w->raw_dx;
  if (a->outputs) {
    const int advance = a->inputs - a->border;
    w->tile_rows = sk_ceil_div(s->p, a->outputs);
    w->tile_cols = sk_ceil_div(s->q, a->outputs);
    raw->row_pitch = (int64_t)(advance * w->tile_cols + a->border) * SK_LANES;
    raw->block_pitch = (advance * w->tile_rows + a->border) * raw->row_pitch;
    raw->first = raw->row_pitch + SK_LANES;  // behind a border of one row and one column
    w->row_floats = a->inputs * raw->row_pitch;
  } else {
    w->tile_rows = s->p / 2;
    w->tile_cols = s->q;
    raw->row_pitch = (int64_t)s->w * SK_LANES;
    raw->block_pitch = s->h * raw->row_pitch;
    w->row_floats = 4 * (int64_t)w->tile_cols * SK_LANES;  // a row of each quarter
  }
  raw->adds = a->border || w->tile_rows * 2 * w->tile_cols < s->h * s->w;
  raw->image_pitch = x_blocks * raw->block_pitch;
}

// Tiles of a chunk, and its layout, for islands of at most x_blocks and y_blocks transformed
// blocks.
static void measure_chunks(sk_conv_transform *w, const cut *a, int n, int x_blocks, int y_blocks) {
  const int tiles = w->tile_rows * w->tile_cols;
  const int64_t weights = (int64_t)a->elements * x_blocks * y_blocks * SK_LANES * SK_LANES;
  const int tile_floats = a->products * SK_LANES * sk_max(1, x_blocks + y_blocks);
  const int fits = a->chunk_floats / tile_floats / MICRO_TILE_COLS * MICRO_TILE_COLS;
  const int least = weights > HEAVY_FLOATS ? a->heavy_tiles : a->least_tiles;
  const int64_t chunk = sk_max(least, sk_min(a->most_tiles, fits));
  w->chunk_tiles = sk_max(1, sk_min(chunk, tiles * n));
  w->task_images = sk_ceil_div(w->chunk_tiles, sk_max(1, tiles));
  w->block_pitch = w->chunk_tiles * SK_LANES;
  // An odd number of cache lines from one product to the next: the products of a tile spread over
  // the sets of the first-level cache.
  w->product_pitch = (sk_max(x_blocks, y_blocks) * w->chunk_tiles | 1) * SK_LANES;
}

void sk_conv_transform_measure(sk_conv *c) {
  sk_conv_transform *w = &c->transform;
  const cut *a = &CUTS[w->algorithm];
  int all_x = 0, x_blocks = 0, y_blocks = 0;  // the most of an island
  for (const sk_conv_island *i = w->island; i < w->island + w->islands; i++) {
    all_x = sk_max(all_x, i->x1 - i->x0);
    x_blocks = sk_max(x_blocks, i->x_blocks);
    y_blocks = sk_max(y_blocks, i->y_blocks);
  }
  measure_products(w, a);
  measure_tiles(w, a, &c->shape, all_x);
  measure_chunks(w, a, c->shape.n, x_blocks, y_blocks);
}

int64_t sk_conv_transform_scratch(const sk_conv *c) {
  const sk_conv_transform *w = &c->transform;
  if (!w->on) return 0;
  return w->row_floats + 2 * w->products * w->product_pitch +
         w->task_images * w->raw_dx.image_pitch;
}

// Sets k to chunk i of some images' tiles, which are cut into nearly equal chunks, of whole rows of
// tiles where a chunk is as long as one. Returns 0 behind the last.
static int next_chunk(const sk_conv_transform *w, int images, int i, sk_conv_chunk *k) {
  const int unit = w->tile_cols <= w->chunk_tiles ? w->tile_cols : 1;
  const int units = images * w->tile_rows * w->tile_cols / unit;
  const int chunks = sk_ceil_div(units, w->chunk_tiles / unit);
  k->tile0 = (int64_t)units * i / chunks * unit;
  k->tiles = (int64_t)units * (i + 1) / chunks * unit - k->tile0;
  return i < chunks;
}

typedef struct {
  const sk_conv_pass *pass;
  int tasks;  // of an island
} forward_job;

static void forward_task(void *arg, int task, int worker) {
  const forward_job *j = arg;
  const sk_conv *c = j->pass->conv;
  const sk_conv_operands *o = j->pass->operands;
  const sk_conv_transform *w = &c->transform;
  const sk_conv_transform_kernels *kernels = sk_isa->transform;
  const sk_conv_algorithm *maps = &kernels->algorithm[w->algorithm];
  const int64_t images = j->pass->batch->n, part = task % j->tasks;
  const int n0 = images * part / j->tasks, n1 = images * (part + 1) / j->tasks;
  sk_conv_chunk k = {
      .island = w->island + task / j->tasks, .image0 = n0, .rows = sk_scratch(c->pool, worker)};
  // m and v overlap: by the time an element's products are written, those they replace were read.
  float *m = k.rows + w->row_floats, *v = m + w->most_shared * w->product_pitch;
  for (int i = 0; next_chunk(w, n1 - n0, i, &k); i++) {
    maps->input(j->pass, &k, v);
    kernels->forward(c, &k, v, m);
    maps->output(c, &k, m, o->y);
  }
  for (int n = n0; n < n1 && !c->direct; n++)
    for (int s = 0; s < o->stats.count; s++)
      sk_isa->stats(&o->stats.each[s], o->y, n, k.island->y0, k.island->y1);
}

void sk_conv_transform_forward(const sk_conv_pass *pass) {
  const sk_conv_transform *w = &pass->conv->transform;
  const int n = pass->batch->n, workers = sk_pool_workers(pass->conv->pool);
  // The images of a task change no sum, so they may depend on the workers: as many tasks for each.
  int tasks = sk_ceil_div(n, w->task_images);
  while (tasks < n && tasks * w->islands % workers) tasks++;
  sk_parallel(pass->conv->pool, w->islands * tasks, forward_task, &(forward_job){pass, tasks});
}

typedef struct {
  const sk_conv_pass *pass;
  int accumulators, slices;
  float *acc;
  int64_t accumulator_pitch;  // floats
} backward_job;

// Some images of one accumulator: the panels of both gradients that the task computes.
typedef struct {
  const sk_conv_pass *pass;
  int images;
  sk_conv_panels forward, backward;
  int first;  // overwrite the accumulator
  float *acc;
} share;

// Puts raw dx of the share's blocks in its place; of Strassen's both halves.
static void put_dx(const share *a, const sk_conv_chunk *k, const float *raw) {
  const sk_conv_pass *pass = a->pass;
  const sk_conv *c = pass->conv;
  const sk_conv_transform *w = &c->transform;
  sk_conv_dx dx = *pass->operands->dx;
  sk_sums_list sums = pass->operands->sums;
  // Where some blocks are direct, their pass was there before, and sums are taken in the end.
  if (c->direct) dx.accumulate = 1, dx.residual = NULL, sums.count = 0;
  for (int i = a->backward.begin; i < a->backward.end; i++) {
    const sk_conv_panel *panel = &w->backward.panel[i];
    if (!panel->terms) continue;
    for (int b = panel->block0; b < k->island->x1; b += k->island->x_blocks)
      for (int n = 0; n < a->images; n++) {
        const float *at = raw + n * w->raw_dx.image_pitch + w->raw_dx.first;
        const sk_conv_raw from = {at + (b - k->island->x0) * w->raw_dx.block_pitch,
                                  w->raw_dx.row_pitch,
                                  w->raw_dx.block_pitch,
                                  k->image0 + n,
                                  b,
                                  panel->blocks};
        sk_isa->conv->put_dx(pass, &dx, sums, &from);
      }
  }
}

// Both gradients of a share, chunk by chunk.
static void gradients(const share *a, sk_conv_chunk k) {
  const sk_conv_pass *pass = a->pass;
  const sk_conv *c = pass->conv;
  const sk_conv_transform *w = &c->transform;
  const sk_conv_transform_kernels *kernels = sk_isa->transform;
  const sk_conv_algorithm *maps = &kernels->algorithm[w->algorithm];
  const int64_t transformed = w->products * w->product_pitch;
  float *v = k.rows + w->row_floats, *e = v + transformed, *raw = e + transformed;
  const int dx = pass->operands->dx != NULL;
  if (dx && w->raw_dx.adds) memset(raw, 0, a->images * w->raw_dx.image_pitch * sizeof *raw);
  for (int i = 0; next_chunk(w, a->images, i, &k); i++) {
    maps->output_gradient(pass, &k, e);
    if (dx) {
      kernels->backward(c, &k, a->backward, e, v);  // v is free until x is transformed
      maps->input_gradient(c, &k, a->backward, v, raw);
    }
    maps->input(pass, &k, v);
    kernels->weight_gradient(c, &k, a->forward, v, e, a->first && !i, a->acc);
  }
  if (dx) put_dx(a, &k, raw);
}

static sk_conv_panels slice_of(sk_conv_panels p, int slice, int slices) {
  const int n = p.end - p.begin;
  return (sk_conv_panels){p.begin + slice * n / slices, p.begin + (slice + 1) * n / slices};
}

static void backward_task(void *arg, int task, int worker) {
  const backward_job *j = arg;
  const sk_conv *c = j->pass->conv;
  const int slice = task % j->slices, accumulator = task / j->slices % j->accumulators;
  const sk_conv_island *island = c->transform.island + task / j->slices / j->accumulators;
  const int begin = accumulator * c->accumulator_images;
  const int end = sk_min(begin + c->accumulator_images, j->pass->batch->n);
  share a = {.pass = j->pass,
             .forward = slice_of(island->forward, slice, j->slices),
             .backward = slice_of(island->backward, slice, j->slices),
             .acc = j->acc + accumulator * j->accumulator_pitch};
  for (int n = begin; n < end; n += c->transform.task_images) {
    a.images = sk_min(c->transform.task_images, end - n);
    a.first = n == begin;
    gradients(&a,
              (sk_conv_chunk){.island = island, .image0 = n, .rows = sk_scratch(c->pool, worker)});
  }
}

void sk_conv_transform_backward(const sk_conv_pass *pass, float *acc, int64_t accumulator_pitch) {
  const sk_conv *c = pass->conv;
  const int accumulators = sk_ceil_div(pass->batch->n, c->accumulator_images);
  const int tasks = accumulators * c->transform.islands;
  // Slices change no sum, so they may depend on the workers; each transforms for itself.
  const int slices = sk_max(1, sk_pool_workers(c->pool) / tasks);
  backward_job j = {pass, accumulators, slices, acc, accumulator_pitch};
  sk_parallel(c->pool, tasks * slices, backward_task, &j);
}
