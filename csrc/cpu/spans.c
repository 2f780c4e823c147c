// spans.c: the clocks of workers, and the work between two readings of them.
#include "spans.h"
#include <time.h>

static int64_t read_clock(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t sk_clock(void) { return read_clock(CLOCK_MONOTONIC); }

sk_moment sk_now(void) { return (sk_moment){sk_clock(), read_clock(CLOCK_THREAD_CPUTIME_ID)}; }

void sk_spans_add(sk_spans *s, int worker, sk_moment from, int tasks) {
  sk_span_log *log = &s->log[worker];
  if (log->n == log->most) {
    log->lost++;
    return;
  }
  const sk_moment to = sk_now();
  log->at[log->n++] = (sk_span){from.time, to.time, to.processor - from.processor, s->op, tasks};
}
