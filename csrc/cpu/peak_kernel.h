// peak_kernel.h: multiply-adds on registers alone, and a walk through memory.
#ifndef SK_PEAK_KERNEL_H
#define SK_PEAK_KERNEL_H
#include "vec_kernel.h"

// Independent sums: enough to cover the latency of one, few enough for the registers.
enum { PEAK_SUMS = SK_W == 4 ? 12 : 14 };

static double peak(int64_t rounds) {
  vf a[PEAK_SUMS];
  volatile float one = 0.999f;  // unknown to the compiler
  const vf m = vf_set(one), s = vf_set(1 - one);
  for (int i = 0; i < PEAK_SUMS; i++) a[i] = vf_set(i);
  for (int64_t r = 0; r < rounds; r++) UNROLL for (int i = 0; i < PEAK_SUMS; i++) a[i] = a[i] * m + s;
  for (int i = 1; i < PEAK_SUMS; i++) a[0] += a[i];
  one = a[0][0];  // used
  return 2.0 * SK_W * PEAK_SUMS * rounds;
}

// a = b + c/2 of n floats, a multiple of 16, on cache lines; `past`: stores go past the cache.
static void triad(float *a, const float *b, const float *c, int64_t n, int past) {
  const vf half = vf_set(0.5f);
  if (past) {
    for (int64_t i = 0; i < n; i += SK_W) vf_stream(a + i, vf_load(b + i) + vf_load(c + i) * half);
    vf_streamed();
    return;
  }
  for (int64_t i = 0; i < n; i += SK_W) vf_store(a + i, vf_load(b + i) + vf_load(c + i) * half);
}
#endif
