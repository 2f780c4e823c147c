// clip.c: limits the norm of a gradient. Memory bounds it: 4 bytes a number, 12 where it is scaled.
#include "clip.h"
#include "tensor.h"
#include <math.h>

enum { TASK_FLOATS = 1 << 14, SUMS = 8 };

typedef struct {
  float *g;
  int64_t n;
  double *squares;  // of each task
  float factor;
} job;

static void square_task(void *arg, int task, int worker) {
  (void)worker;
  const job *j = arg;
  const int64_t at = (int64_t)task * TASK_FLOATS, n = sk_min(j->n - at, TASK_FLOATS);
  const float *g = j->g + at;
  double sums[SUMS] = {0}, sum = 0;
  int64_t i = 0;
  for (; i + SUMS <= n; i += SUMS)
    for (int k = 0; k < SUMS; k++) sums[k] += (double)g[i + k] * g[i + k];
  for (; i < n; i++) sum += (double)g[i] * g[i];
  for (int k = 0; k < SUMS; k++) sum += sums[k];
  j->squares[task] = sum;
}

static void scale_task(void *arg, int task, int worker) {
  (void)worker;
  const job *j = arg;
  const int64_t at = (int64_t)task * TASK_FLOATS, n = sk_min(j->n - at, TASK_FLOATS);
  for (int64_t i = 0; i < n; i++) j->g[at + i] *= j->factor;
}

double sk_clip_run(sk_pool *p, float *g, int64_t n, double most) {
  const int tasks = (int)sk_ceil_div(n, TASK_FLOATS);
  sk_shared_reserve(p, (int64_t)sizeof(double) * tasks);
  job j = {g, n, (double *)(void *)sk_shared(p), 0};
  sk_parallel(p, tasks, square_task, &j);
  double norm = 0;
  for (int i = 0; i < tasks; i++) norm += j.squares[i];
  norm = sqrt(norm);
  const double factor = most / (norm + 1e-6);
  if (!(factor >= 1)) {
    j.factor = (float)factor;
    sk_parallel(p, tasks, scale_task, &j);
  }
  return norm;
}
