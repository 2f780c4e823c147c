// peak.h: the highest speed of the arithmetic units and of the memory.
#ifndef SK_PEAK_H
#define SK_PEAK_H
#include "threads.h"

// Runs `rounds` rounds of independent multiply-adds in registers on every worker at once. Returns
// the number of floating-point operations.
double sk_peak(sk_pool *, int64_t rounds);

// Has every worker compute a = b + c/2 `rounds` times, on three arrays of its own of `floats` each,
// a multiple of 16. memory holds 3*floats a worker. `past`: a is stored past the cache. Returns the
// number of bytes that were read and written.
double sk_triad(sk_pool *, float *memory, int64_t floats, int rounds, int past);
#endif
