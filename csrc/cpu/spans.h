// spans.h: the work of each worker of a pool and its time, kept while a pool is watched.
#ifndef SK_SPANS_H
#define SK_SPANS_H
#include <stdint.h>

// One worker's share of one dispatch. Times are in nanoseconds.
typedef struct {
  int64_t start, end;  // by sk_clock
  int64_t processor;   // time in between in which the worker had a processor
  int32_t op;          // sk_spans.op at the time
  int32_t tasks;
} sk_span;

// The spans of one worker, on cache lines of its own.
typedef struct {
  _Alignas(64) sk_span *at;  // [most]
  int32_t n, most;
  int64_t lost;  // spans for which there was no room
} sk_span_log;

typedef struct {
  int32_t op;        // written by the caller between dispatches
  sk_span_log *log;  // [workers]
} sk_spans;

// The clocks of a worker at one time.
typedef struct {
  int64_t time, processor;
} sk_moment;

// The monotonic clock, in nanoseconds.
int64_t sk_clock(void);

// The moment of the calling thread.
sk_moment sk_now(void);

// Adds a worker's share of a dispatch, from `from` until now.
void sk_spans_add(sk_spans *, int worker, sk_moment from, int tasks);
#endif
