// correlate.c: moments over a batch, a task an image.
#include "correlate.h"
#include "dispatch.h"

typedef struct {
  const sk_correlate *correlate;
  const sk_batch *batch;
} job;

static void task(void *arg, int n, int worker) {
  (void)worker;
  const job *j = arg;
  sk_isa->correlate(j->correlate, j->batch, n);
}

void sk_correlate_run(sk_pool *p, const sk_correlate *c, const sk_batch *b) {
  sk_parallel(p, b->n, task, &(job){c, b});
}
