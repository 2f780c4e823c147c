// join.c: joins over a batch, a task an image.
#include "join.h"
#include "dispatch.h"

typedef struct {
  const sk_join *join;
  const sk_batch *batch;
} job;

static void task(void *arg, int n, int worker) {
  (void)worker;
  const job *j = arg;
  sk_isa->join(j->join, j->batch, n);
}

void sk_join_run(sk_pool *p, const sk_join *join, const sk_batch *b) {
  sk_parallel(p, b->n, task, &(job){join, b});
}
