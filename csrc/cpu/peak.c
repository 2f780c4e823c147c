// peak.c: the measured peak that benchmarks compare with.
#include "peak.h"
#include "dispatch.h"

typedef struct {
  int64_t rounds;
  double flops[64]; // of each task
} job;

static void task(void *arg, int t, int worker) {
  (void)worker;
  job *j = arg;
  j->flops[t] = sk_isa->peak(j->rounds);
}

double sk_peak(sk_pool *p, int64_t rounds) {
  job j = {.rounds = rounds};
  int tasks = sk_pool_workers(p) < 64 ? sk_pool_workers(p) : 64;
  sk_parallel(p, tasks, task, &j);
  double sum = 0;
  for (int i = 0; i < tasks; i++) sum += j.flops[i];
  return sum;
}
