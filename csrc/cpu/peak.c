// peak.c: the measured peak that benchmarks compare with.
#include "peak.h"
#include "dispatch.h"

enum { MOST_TASKS = 64 };

typedef struct {
  int64_t rounds;
  double flops[MOST_TASKS];  // of each task
} job;

static void task(void *arg, int t, int worker) {
  (void)worker;
  job *j = arg;
  j->flops[t] = sk_isa->peak(j->rounds);
}

double sk_peak(sk_pool *p, int64_t rounds) {
  job j = {.rounds = rounds};
  const int tasks = sk_min(sk_pool_workers(p), MOST_TASKS);
  sk_parallel(p, tasks, task, &j);
  double sum = 0;
  for (int i = 0; i < tasks; i++) sum += j.flops[i];
  return sum;
}
