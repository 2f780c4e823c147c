// peak.c: the measured peaks that benchmarks and profiles compare with.
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

typedef struct {
  float *memory;
  int64_t floats;
  int rounds, past;
} walk;

static void triad_task(void *arg, int t, int worker) {
  (void)worker;
  const walk *j = arg;
  float *a = j->memory + 3 * j->floats * t, *b = a + j->floats, *c = b + j->floats;
  for (int i = 0; i < j->rounds; i++) sk_isa->triad(a, b, c, j->floats, j->past);
}

double sk_triad(sk_pool *p, float *memory, int64_t floats, int rounds, int past) {
  const int workers = sk_pool_workers(p);
  sk_parallel(p, workers, triad_task, &(walk){memory, floats, rounds, past});
  return 3.0 * sizeof *memory * floats * rounds * workers;
}
