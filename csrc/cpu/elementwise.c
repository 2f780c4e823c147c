// elementwise.c: elementwise operations over a batch, a task an image; SGD over chunks of a fixed length.
#include "elementwise.h"
#include "dispatch.h"

typedef struct {
  const void *op;
  const sk_batch *b;
  const sk_tensor *t;
  int count;
} args;

static void join_task(void *a, int n, int worker) {
  (void)worker;
  sk_isa->elementwise->join(((args *)a)->op, ((args *)a)->b, n);
}

void sk_join_run(sk_pool *p, const sk_join *op, const sk_batch *b) { sk_parallel(p, b->n, join_task, &(args){.op = op, .b = b}); }

static void grad_apply_task(void *a, int n, int worker) {
  (void)worker;
  sk_isa->elementwise->grad_apply(((args *)a)->op, ((args *)a)->b, n);
}

void sk_grad_apply_run(sk_pool *p, const sk_grad_apply *op, const sk_batch *b) {
  sk_parallel(p, b->n, grad_apply_task, &(args){.op = op, .b = b});
}

void sk_image_stats(const sk_stats *s, const sk_tensor *t, int n) { sk_isa->elementwise->stats(s, t, n, 0, t->cb); }

static void stats_task(void *arg, int n, int worker) {
  (void)worker;
  const args *a = arg;
  const sk_stats *s = a->op;
  for (int i = 0; i < a->count; i++) sk_image_stats(s + i, a->t, n);
}

void sk_stats_run(sk_pool *p, const sk_tensor *t, int nstats, const sk_stats *s, const sk_batch *b) {
  sk_parallel(p, b->n, stats_task, &(args){.op = s, .t = t, .count = nstats});
}

void sk_image_sums(const sk_sums *s, const sk_batch *b, int n) { sk_isa->elementwise->sums(s, b, n); }

static void sums_task(void *arg, int n, int worker) {
  (void)worker;
  const args *a = arg;
  const sk_sums *s = a->op;
  for (int i = 0; i < a->count; i++) sk_image_sums(s + i, a->b, n);
}

void sk_sums_run(sk_pool *p, int nsums, const sk_sums *s, const sk_batch *b) {
  sk_parallel(p, b->n, sums_task, &(args){.op = s, .b = b, .count = nsums});
}

enum { CHUNK = 1 << 14 };

typedef struct {
  const sk_sgd *s;
  float *w, *v;
  const float *g;
  int64_t n;
} sgd_args;

static void sgd_task(void *arg, int task, int worker) {
  (void)worker;
  const sgd_args *a = arg;
  const int64_t lo = (int64_t)task * CHUNK, n = a->n - lo < CHUNK ? a->n - lo : CHUNK;
  sk_isa->elementwise->sgd(a->s, a->w + lo, a->v + lo, a->g + lo, n);
}

void sk_sgd_run(sk_pool *p, const sk_sgd *s, float *w, float *v, const float *g, int64_t n) {
  sk_parallel(p, (int)((n + CHUNK - 1) / CHUNK), sgd_task, &(sgd_args){s, w, v, g, n});
}
