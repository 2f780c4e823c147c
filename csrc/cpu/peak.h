// peak.h: the highest speed of the arithmetic units.
#ifndef SK_PEAK_H
#define SK_PEAK_H
#include "threads.h"

// Runs `rounds` rounds of independent multiply-adds in registers on every worker at once. Returns
// the number of floating-point operations.
double sk_peak(sk_pool *, int64_t rounds);
#endif
