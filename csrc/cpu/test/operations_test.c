// operations_test.c: every operation but convolutions on odd shapes, in memory cut to size, for the
// sanitizers to watch. Any number of workers must give the same bits, and every instruction set
// those of the portable one. (A test in Go compares the numbers with float64.)
#include "augment.h"
#include "clip.h"
#include "dispatch.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAXALLOCS = 256, CLASSES = 5 };

// All memory of a case, in order of allocation. Cases are compared by it.
static struct {
  int n;
  void *p[MAXALLOCS];
  int64_t bytes[MAXALLOCS];
  int floats[MAXALLOCS];
} mem;

static void *get(int64_t bytes, int floats) {
  if (mem.n == MAXALLOCS) abort();
  void *p = sk_aligned(bytes);
  mem.p[mem.n] = p, mem.bytes[mem.n] = bytes, mem.floats[mem.n++] = floats;
  return p;
}

static uint32_t state;
static float uniform(void) {
  state = state * 1664525u + 1013904223u;
  return (float)(state >> 8) / (1 << 23) - 1;
}

static float *random_floats(int64_t n) {
  float *p = get(n * 4, 1);
  for (int64_t i = 0; i < n; i++) p[i] = uniform();
  return p;
}

typedef struct {
  int n, replicas, c, h, w;
} shape;

static const sk_tensor *tensor(const shape *s) {
  sk_tensor *t = get(sizeof *t, 0);
  const int blocks = sk_blocks(s->c), hw = s->h * s->w;
  *t = (sk_tensor){.image_pitch = (int64_t)blocks * hw * SK_LANES,
                   .n = s->n,
                   .c = s->c,
                   .blocks = blocks,
                   .h = s->h,
                   .w = s->w};
  t->data = random_floats(s->n * t->image_pitch);
  for (int64_t i = 0; i < s->n * t->image_pitch; i++)
    if (i % t->image_pitch / (hw * SK_LANES) * SK_LANES + i % SK_LANES >= s->c) t->data[i] = 0;
  return t;
}

static sk_norm *norm(const shape *s) {
  const int wide = sk_blocks(s->c) * SK_LANES, all = s->replicas * wide;
  sk_norm *m = get(sizeof *m, 0);
  int32_t *gamma_at = get(4 * wide, 0), *beta_at = get(4 * wide, 0);
  for (int i = 0; i < wide; i++)
    gamma_at[i] = i < s->c ? i : -1, beta_at[i] = i < s->c ? s->c + i : -1;
  *m = (sk_norm){.channels = s->c,
                 .blocks = sk_blocks(s->c),
                 .replicas = s->replicas,
                 .most_images = s->n,
                 .positions = s->h * s->w,
                 .gamma_at = gamma_at,
                 .beta_at = beta_at};
  float **arrays[] = {&m->mean, &m->invstd, &m->scale,        &m->shift,      &m->dx_g,
                      &m->dx_x, &m->dx_1,   &m->running_mean, &m->running_var};
  for (int i = 0; i < 9; i++) *arrays[i] = get(4 * all, 1);
  m->partial = m->moments = get((int64_t)s->n * 2 * wide * 4, 1);
  m->moments_width = wide;
  return m;
}

static void run(const shape *s, int workers) {
  sk_pool *pool = sk_pool_new(workers);
  sk_batch *b = get(sizeof *b, 0);
  *b = (sk_batch){.n = s->n,
                  .replicas = s->replicas,
                  .replica = get(4 * s->n, 0),
                  .count = get(4 * s->replicas, 0)};
  for (int i = 0; i < s->n; i++) b->count[b->replica[i] = i * s->replicas / s->n]++;
  const int nparams = 2 * s->c + CLASSES * s->c + CLASSES;
  float *params = random_floats(nparams), *grads = get(4 * nparams, 1),
        *momentum = random_floats(nparams), *factors = random_floats(s->n);
  const sk_tensor *x0 = tensor(s), *x1 = tensor(s), *skip = tensor(s), *y = tensor(s),
                  *g = tensor(s), *dst = tensor(s);
  sk_norm *m = norm(s);

  const sk_stats stats = {m, 0, 0};
  const sk_stats_list stats_list = {1, &stats};
  sk_stats_run(pool, stats_list, x0, b);
  sk_norm_train(m, b, params, 0.1f);
  const int blocks = sk_blocks(s->c);
  const sk_view branch[] = {
      {x0, 0, blocks, m, 0, 0}, {x1, 0, blocks, NULL, 0, 0}, {x1, 0, blocks, NULL, 0, 1}};
  const sk_view raw = {skip, 0, blocks, NULL, 0, 0};
  const float *const alpha[] = {factors, factors, factors};
  for (int branches = 0; branches <= 3; branches++)  // the last one leaves y
    sk_join_run(pool, &(sk_join){branches, branch, alpha, &raw, y, branches & 1, stats_list}, b);
  sk_norm_train(m, b, params, 0.1f);

  sk_moments *moments = sk_aligned(s->n * sizeof *moments);  // doubles: compared as floats
  sk_correlate_run(pool, &(sk_correlate){branch[0], branch[2], s->c, moments}, b);
  float *compared = get(4 * 6 * s->n, 1);
  for (int i = 0; i < 6 * s->n; i++) compared[i] = (float)((double *)moments)[i];
  free(moments);

  const sk_grad of = {
      .g = g, .blocks = blocks, .mask = y, .beta = factors, .norm = m, .y = x0, .relu = 1};
  const sk_sums sums = {m, of};
  const sk_sums_list sums_list = {1, &sums};
  sk_sums_run(pool, sums_list, b);
  sk_norm_backward(m, b, params, grads);
  const sk_grad terms[] = {of, {.g = dst, .blocks = blocks}};
  sk_gradsum_run(pool, &(sk_gradsum){dst, 0, blocks, 1, &branch[0], 2, terms, sums_list}, b);

  uint16_t *labels = get(2 * s->n, 0);
  for (int i = 0; i < s->n; i++) labels[i] = (uint16_t)(i % CLASSES);
  sk_head h = {.x = &branch[0],
               .channels = s->c,
               .classes = CLASSES,
               .weight_at = 2 * s->c,
               .bias_at = 2 * s->c + CLASSES * s->c,
               .smoothing = 0.1,
               .dx = {.g = dst, .relu = 1},
               .sums = sums_list,
               .mean = get(4 * s->n * blocks * SK_LANES, 1),
               .dmean = get(4 * s->n * blocks * SK_LANES, 1),
               .logits = get(4 * s->n * CLASSES, 1),
               .dlogits = get(4 * s->n * CLASSES, 1),
               .loss = get(4 * s->n, 1),
               .wrong = get(s->n, 0)};
  sk_head_train(pool, &h, b, params, grads, &(sk_targets){labels, labels, 0.3});
  sk_clip_run(pool, grads, nparams, 1e-3);
  float *average = get(4 * nparams, 1);
  for (int flags = 0; flags < 4; flags++)
    sk_sgd_run(pool, &(sk_sgd){0.1f, 0.9f, 0.01f, 0.5f, 0.5f, flags & 1},
               &(sk_sgd_arrays){params, momentum, grads, flags & 2 ? average : 0}, nparams);

  const int pixels = s->c * s->h * s->w;
  uint8_t *pix = get(2 * pixels, 0), *flip = get(s->n, 0);
  int32_t *index = get(4 * s->n, 0), *partner = get(4 * s->n, 0);
  int8_t *dy = get(s->n, 0), *dx = get(s->n, 0);
  for (int i = 0; i < 2 * pixels; i++) pix[i] = (uint8_t)i;
  sk_hole *holes = get(2 * s->n * (int)sizeof *holes, 0);
  for (int i = 0; i < s->n; i++) {
    partner[i] = s->n - 1 - i;
    index[i] = i & 1, flip[i] = i >> 1 & 1, dy[i] = (int8_t)(i * 5 % 9);
    dx[i] = (int8_t)(8 - i % 9);
    holes[2 * i] = (sk_hole){0, (int16_t)s->h, 0, 1};
    holes[2 * i + 1] = (sk_hole){(int16_t)(s->h - 1), (int16_t)s->h, 0, (int16_t)s->w};
  }
  sk_augment_run(pool, &(sk_augment){pix, s->c, s->h, s->w, 4, random_floats(s->c * 256)}, b, index,
                 &(sk_augment_draws){flip, dy, dx, holes, partner, 0.3f, 0.7f}, tensor(s));
  sk_pool_free(pool);
}

static int failures;

// A case in every way, against the first.
static void check(const shape *s) {
  static const char *const isas[] = {"portable", "avx2", "avx512"};
  void *first[MAXALLOCS];
  for (int i = 0; i < 3; i++) {
    if (sk_isa_select(isas[i])) continue;
    void *one[MAXALLOCS];
    for (int workers = 1; workers <= 3; workers++) {
      mem.n = 0, state = 1;
      run(s, workers);
      for (int k = 0; k < mem.n; k++) {
        if (workers > 1 && mem.floats[k] && memcmp(one[k], mem.p[k], mem.bytes[k])) {
          printf("%s, %d workers, %dx%dx%dx%d: array %d has other bits than with one\n", isas[i],
                 workers, s->n, s->c, s->h, s->w, k);
          failures++;
        }
        if (workers == 1 && i > 0 && mem.floats[k])
          for (int64_t j = 0; j < mem.bytes[k] / 4; j++) {
            const float have = ((float *)mem.p[k])[j], want = ((float *)first[k])[j];
            if (fabsf(have - want) <= 1e-3f * (1 + fabsf(want))) continue;
            printf("%s, %dx%dx%dx%d: array %d[%lld] is %g, %g portably\n", isas[i], s->n, s->c,
                   s->h, s->w, k, (long long)j, have, want);
            failures++;
            break;
          }
        if (workers > 1) free(mem.p[k]);
      }
      if (workers == 1) memcpy(one, mem.p, sizeof one);
    }
    if (i == 0)
      memcpy(first, one, sizeof first);
    else
      for (int k = 0; k < mem.n; k++) free(one[k]);
  }
  for (int k = 0; k < mem.n; k++) free(first[k]);
}

int main(void) {
  static const shape shapes[] = {
      {1, 1, 3, 1, 1}, {5, 2, 16, 1, 7}, {3, 3, 17, 5, 3}, {4, 1, 40, 9, 15}, {2, 2, 32, 8, 8}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) check(&shapes[i]);
  if (!failures) puts("ok");
  return failures != 0;
}
