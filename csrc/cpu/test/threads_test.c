// threads_test.c: every task of every dispatch runs once, workers see the caller's writes, scratch
// is kept, denormals are flushed, a watched pool has its spans, and a pool lives with the threads
// that it gets.
#include "threads.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void fail(const char *what) {
  fprintf(stderr, "threads_test: %s\n", what);
  exit(1);
}

typedef struct {
  sk_pool *pool;
  int tasks, round;
  int runs
      [500];  // not atomic: a task belongs to one worker, and the caller reads after all are done
  atomic_int workers;  // bit set
  volatile float tiny;
  int denormals;
} work;

static void task(void *arg, int t, int worker) {
  work *w = arg;
  w->runs[t] += w->round;
  sk_scratch(w->pool, worker)[t] = w->round;
  atomic_fetch_or(&w->workers, 1 << worker);
  if (t == 0) w->denormals = w->tiny * 0.5f != 0;
}

// Asks for `asked` workers and wants `workers`.
static void dispatches(int asked, int workers) {
  work w = {.pool = sk_pool_new(asked), .tiny = 1.5e-38f};
  if (sk_pool_workers(w.pool) != workers) fail("number of workers");
  sk_scratch_reserve(w.pool, 500 * sizeof(float));
  sk_shared_reserve(w.pool, 64);
  sk_shared(w.pool)[15] = 7;
  sk_shared_reserve(w.pool, 32);
  if (sk_shared(w.pool)[15] != 7) fail("a smaller reservation moved the shared scratch");
  for (w.round = 1; w.round <= 300; w.round++) {
    w.tasks = w.round * 7 % 500;
    memset(w.runs, 0, sizeof w.runs);
    sk_parallel(w.pool, w.tasks, task, &w);
    for (int t = 0; t < 500; t++)
      if (w.runs[t] != (t < w.tasks ? w.round : 0)) fail("a task ran not once");
#if defined(__x86_64__) || defined(__aarch64__)
    if (w.tasks && w.denormals) fail("a denormal survived in a task");
    if (w.tiny * 0.5f == 0) fail("the caller's rounding mode was not restored");
#endif
    if (w.round % 100 == 0) usleep(20000);  // workers go to sleep
  }
  if (atomic_load(&w.workers) >> workers) fail("a worker that does not exist");
  sk_pool_free(w.pool);
}

// Two watched dispatches, and one that is not: every task is in a span of its operation.
static void watched(int workers) {
  work w = {.pool = sk_pool_new(workers), .tasks = 400, .round = 1};
  sk_scratch_reserve(w.pool, 500 * sizeof(float));
  sk_span at[4][8];
  sk_span_log log[4];
  for (int i = 0; i < workers; i++) log[i] = (sk_span_log){.at = at[i], .most = 8};
  sk_spans spans = {.log = log};
  sk_pool_watch(w.pool, &spans);
  for (spans.op = 1; spans.op <= 2; spans.op++) sk_parallel(w.pool, w.tasks, task, &w);
  sk_pool_watch(w.pool, NULL);
  sk_parallel(w.pool, w.tasks, task, &w);
  int tasks[3] = {0};
  for (int i = 0; i < workers; i++)
    for (int j = 0; j < log[i].n; j++) {
      const sk_span s = at[i][j];
      if (s.end < s.start || s.processor < 0) fail("a span ends before it starts");
      tasks[s.op] += s.tasks;
    }
  if (tasks[1] != 400 || tasks[2] != 400) fail("tasks without a span");
  sk_pool_free(w.pool);
}

extern int (*sk_thread_create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
static int threads_left;

// A system at its limit of threads.
static int create_some(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *arg) {
  return threads_left-- > 0 ? pthread_create(t, a, fn, arg) : EAGAIN;
}

int main(void) {
  for (int workers = 1; workers <= 4; workers++) dispatches(workers, workers);
  for (int workers = 1; workers <= 4; workers++) watched(workers);
  sk_thread_create = create_some;
  for (int left = 0; left <= 2; left++) {
    threads_left = left;
    dispatches(4, left + 1);
  }
  sk_thread_create = pthread_create;
  for (int i = 0; i < 50; i++)
    sk_pool_free(sk_pool_new(3));  // stopping workers that have just started
  return 0;
}
