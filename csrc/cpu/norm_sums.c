// norm_sums.c: statistics and sums over a batch, a task an image.
#include "norm_sums.h"
#include "dispatch.h"

void sk_image_stats(sk_stats_list stats, const sk_tensor *t, int n) {
  for (int i = 0; i < stats.count; i++) sk_isa->stats(&stats.each[i], t, n, 0, t->blocks);
}

void sk_image_sums(sk_sums_list sums, const sk_batch *b, int n) {
  for (int i = 0; i < sums.count; i++) sk_isa->sums(&sums.each[i], b, n);
}

typedef struct {
  sk_stats_list stats;
  const sk_tensor *tensor;
} stats_job;

static void stats_task(void *arg, int n, int worker) {
  (void)worker;
  const stats_job *job = arg;
  sk_image_stats(job->stats, job->tensor, n);
}

void sk_stats_run(sk_pool *p, sk_stats_list stats, const sk_tensor *t, const sk_batch *b) {
  sk_parallel(p, b->n, stats_task, &(stats_job){stats, t});
}

typedef struct {
  sk_sums_list sums;
  const sk_batch *batch;
} sums_job;

static void sums_task(void *arg, int n, int worker) {
  (void)worker;
  const sums_job *job = arg;
  sk_image_sums(job->sums, job->batch, n);
}

void sk_sums_run(sk_pool *p, sk_sums_list sums, const sk_batch *b) {
  sk_parallel(p, b->n, sums_task, &(sums_job){sums, b});
}
