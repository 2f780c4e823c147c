// sgd.c: a step of SGD, a task a fixed number of parameters.
#include "sgd.h"
#include "dispatch.h"

enum { TASK_FLOATS = 1 << 14 };

typedef struct {
  const sk_sgd *sgd;
  const sk_sgd_arrays *of;
  int64_t n;
} job;

static void task(void *arg, int task, int worker) {
  (void)worker;
  const job *j = arg;
  const int64_t at = (int64_t)task * TASK_FLOATS, n = sk_min(j->n - at, TASK_FLOATS);
  sk_sgd_arrays a = *j->of;
  a.w += at, a.v += at, a.g += at;
  if (a.average) a.average += at;
  sk_isa->sgd(j->sgd, &a, n);
}

void sk_sgd_run(sk_pool *p, const sk_sgd *sgd, const sk_sgd_arrays *of, int64_t n) {
  sk_parallel(p, (int)sk_ceil_div(n, TASK_FLOATS), task, &(job){sgd, of, n});
}
