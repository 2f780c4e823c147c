// gradsum.c: sums of gradients over a batch, a task an image.
#include "gradsum.h"
#include "dispatch.h"

typedef struct {
  const sk_gradsum *gradsum;
  const sk_batch *batch;
} job;

static void task(void *arg, int n, int worker) {
  (void)worker;
  const job *j = arg;
  sk_isa->gradsum(j->gradsum, j->batch, n);
}

void sk_gradsum_run(sk_pool *p, const sk_gradsum *gradsum, const sk_batch *b) {
  sk_parallel(p, b->n, task, &(job){gradsum, b});
}
