// threads.h: worker threads that take tasks from one counter, and their scratch memory.
#ifndef SK_THREADS_H
#define SK_THREADS_H
#include "spans.h"

typedef struct sk_pool sk_pool;

// A pool of `workers` workers, the caller counted. Where the system refuses a thread the pool has
// fewer: the threads started before it, and the caller at least.
sk_pool *sk_pool_new(int workers);
void sk_pool_free(sk_pool *);
int sk_pool_workers(const sk_pool *);

// Runs fn(arg, task, worker) for tasks 0 .. tasks-1, taken in order from one counter, and returns
// when all are done. The caller is worker 0.
void sk_parallel(sk_pool *, int tasks, void (*fn)(void *arg, int task, int worker), void *arg);

// From the next dispatch on every worker adds its spans to `s`; NULL ends that. Only the caller may
// watch a pool, between dispatches.
void sk_pool_watch(sk_pool *, sk_spans *s);

// Scratch of each worker: at least `bytes`, aligned to 64 bytes, kept from call to call. Only the
// caller may reserve, between dispatches.
void sk_scratch_reserve(sk_pool *, int64_t bytes);
float *sk_scratch(sk_pool *, int worker);

// One piece of scratch for all workers: holds the results that one dispatch leaves to the next.
void sk_shared_reserve(sk_pool *, int64_t bytes);
float *sk_shared(sk_pool *);

// The bytes of all scratch.
int64_t sk_scratch_bytes(const sk_pool *);
#endif
