// threads.c: worker threads that take tasks from one atomic counter.
//
// A dispatch costs a few microseconds. Operations follow each other closely within a training step,
// so workers spin for a short while after the last task and sleep on a condition variable after
// that; the caller, waiting for them, does the same. Denormals are flushed in every worker, and in
// the caller's thread while it runs tasks: gradients underflow, and a denormal costs a hundred
// cycles. A pool that is not watched reads no clock.
#include "threads.h"
#include "spans.h"
#include "tensor.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { SPINS = 1000 };  // 15 to 50 microseconds: a pause takes 40 to 140 cycles

typedef struct {
  _Alignas(64) float *p;
  int64_t bytes;
} scratch;

struct sk_pool {
  int workers;
  scratch *scratch;  // [workers]
  scratch shared;
  pthread_t *threads;
  struct start {
    sk_pool *pool;
    int worker;
  } *starts;
  pthread_mutex_t lock;
  pthread_cond_t wake, idle;
  int asleep;              // workers in wake, under lock
  _Atomic int waiting;     // the caller is in idle, or about to be
  _Atomic uint32_t round;  // bumped to publish a job; 0: none yet
  _Atomic int stop;
  void (*fn)(void *, int, int);  // the job: written before round, read after it
  void *arg;
  int tasks;
  sk_spans *spans;                   // NULL: the pool is not watched
  _Alignas(64) _Atomic int next;     // task
  _Alignas(64) _Atomic int running;  // workers that have not finished this round
};

static inline void relax(void) {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// Flushes denormals to zero and returns the state to restore.
static inline uint64_t flush_denormals(void) {
#if defined(__x86_64__)
  unsigned old = _mm_getcsr();
  _mm_setcsr(old | 0x8040);  // FTZ, DAZ
  return old;
#elif defined(__aarch64__)
  uint64_t old;
  __asm__ volatile("mrs %0, fpcr" : "=r"(old));
  __asm__ volatile("msr fpcr, %0" : : "r"(old | 1 << 24));  // FZ
  return old;
#else
  return 0;
#endif
}

static inline void restore_denormals(uint64_t old) {
#if defined(__x86_64__)
  _mm_setcsr(old);
#elif defined(__aarch64__)
  __asm__ volatile("msr fpcr, %0" : : "r"(old));
#endif
  (void)old;
}

static void take_tasks(sk_pool *p, int worker) {
  sk_spans *spans = p->spans;
  const sk_moment from = spans ? sk_now() : (sk_moment){0, 0};
  int taken = 0;
  for (int t; (t = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed)) < p->tasks;
       taken++)
    p->fn(p->arg, t, worker);
  if (spans && taken) sk_spans_add(spans, worker, from, taken);
}

// Runs a job on the caller alone.
static void run_alone(sk_pool *p, int tasks, void (*fn)(void *, int, int), void *arg) {
  const sk_moment from = p->spans ? sk_now() : (sk_moment){0, 0};
  for (int t = 0; t < tasks; t++) fn(arg, t, 0);
  if (p->spans && tasks) sk_spans_add(p->spans, 0, from, tasks);
}

// Waits for a round other than `seen`.
static uint32_t await(sk_pool *p, uint32_t seen) {
  uint32_t r;
  for (int i = 0; i < SPINS; i++) {
    if ((r = atomic_load_explicit(&p->round, memory_order_acquire)) != seen) return r;
    relax();
  }
  pthread_mutex_lock(&p->lock);
  p->asleep++;
  while ((r = atomic_load_explicit(&p->round, memory_order_acquire)) == seen)
    pthread_cond_wait(&p->wake, &p->lock);
  p->asleep--;
  pthread_mutex_unlock(&p->lock);
  return r;
}

static void *work(void *arg) {
  struct start s = *(struct start *)arg;
  flush_denormals();
  for (uint32_t seen = 0;;) {
    seen = await(s.pool, seen);
    if (atomic_load_explicit(&s.pool->stop, memory_order_relaxed)) return NULL;
    take_tasks(s.pool, s.worker);
    if (atomic_fetch_sub(&s.pool->running, 1) == 1 && atomic_load(&s.pool->waiting)) {
      pthread_mutex_lock(&s.pool->lock);
      pthread_cond_signal(&s.pool->idle);
      pthread_mutex_unlock(&s.pool->lock);
    }
  }
}

static void publish(sk_pool *p) {
  atomic_fetch_add_explicit(&p->round, 1, memory_order_seq_cst);
  // Without the lock a worker could test the round, miss this wake and sleep.
  pthread_mutex_lock(&p->lock);
  int asleep = p->asleep;
  pthread_mutex_unlock(&p->lock);
  if (asleep) pthread_cond_broadcast(&p->wake);
}

// Starts a worker's thread. Tests put one that fails in its place.
int (*sk_thread_create)(pthread_t *, const pthread_attr_t *, void *(*)(void *),
                        void *) = pthread_create;

sk_pool *sk_pool_new(int workers) {
  sk_pool *p = sk_aligned(sizeof *p);
  p->workers = 1;
  p->scratch = sk_aligned(workers * sizeof *p->scratch);
  p->threads = sk_aligned(workers * sizeof *p->threads);
  p->starts = sk_aligned(workers * sizeof *p->starts);
  pthread_mutex_init(&p->lock, NULL);
  pthread_cond_init(&p->wake, NULL);
  pthread_cond_init(&p->idle, NULL);
  for (int i = 1; i < workers; i++) {
    p->starts[i] = (struct start){p, i};
    // Fewer workers compute the same bits: a system at its limit costs speed only.
    if (sk_thread_create(&p->threads[i], NULL, work, &p->starts[i])) break;
    p->workers++;
  }
  return p;
}

void sk_pool_free(sk_pool *p) {
  atomic_store(&p->stop, 1);
  publish(p);
  for (int i = 1; i < p->workers; i++) pthread_join(p->threads[i], NULL);
  for (int i = 0; i < p->workers; i++) sk_unmap(p->scratch[i].p, p->scratch[i].bytes);
  sk_unmap(p->shared.p, p->shared.bytes);
  pthread_cond_destroy(&p->wake);
  pthread_cond_destroy(&p->idle);
  pthread_mutex_destroy(&p->lock);
  free(p->scratch);
  free(p->threads);
  free(p->starts);
  free(p);
}

int sk_pool_workers(const sk_pool *p) { return p->workers; }

void sk_pool_watch(sk_pool *p, sk_spans *s) { p->spans = s; }

// Spins, then sleeps: a worker may share its core with another program, which runs on this core
// then.
static void wait_for_workers(sk_pool *p) {
  for (int i = 0; i < SPINS; i++) {
    if (!atomic_load_explicit(&p->running, memory_order_acquire)) return;
    relax();
  }
  pthread_mutex_lock(&p->lock);
  atomic_store(&p->waiting,
               1);  // before running is read again, as workers do it the other way round
  while (atomic_load(&p->running)) pthread_cond_wait(&p->idle, &p->lock);
  atomic_store(&p->waiting, 0);
  pthread_mutex_unlock(&p->lock);
}

void sk_parallel(sk_pool *p, int tasks, void (*fn)(void *, int, int), void *arg) {
  uint64_t csr = flush_denormals();
  if (p->workers == 1 || tasks <= 1) {
    run_alone(p, tasks, fn, arg);
    restore_denormals(csr);
    return;
  }
  p->fn = fn;
  p->arg = arg;
  p->tasks = tasks;
  atomic_store_explicit(&p->next, 0, memory_order_relaxed);
  atomic_store_explicit(&p->running, p->workers - 1, memory_order_relaxed);
  publish(p);
  take_tasks(p, 0);
  wait_for_workers(p);
  restore_denormals(csr);
}

static void grow(scratch *s, int64_t bytes) {
  if (s->bytes >= bytes) return;
  if (s->p) sk_unmap(s->p, s->bytes);
  *s = (scratch){sk_map(bytes), bytes};
}

void sk_scratch_reserve(sk_pool *p, int64_t bytes) {
  for (int i = 0; i < p->workers; i++) grow(&p->scratch[i], bytes);
}

float *sk_scratch(sk_pool *p, int worker) { return p->scratch[worker].p; }

void sk_shared_reserve(sk_pool *p, int64_t bytes) { grow(&p->shared, bytes); }

float *sk_shared(sk_pool *p) { return p->shared.p; }

int64_t sk_scratch_bytes(const sk_pool *p) {
  int64_t bytes = p->shared.bytes;
  for (int i = 0; i < p->workers; i++) bytes += p->scratch[i].bytes;
  return bytes;
}
