// peak.h: what the arithmetic units can do at most.
#ifndef SK_PEAK_H
#define SK_PEAK_H
#include "sk.h"

// Runs rounds of independent multiply-adds in registers on every worker at once; returns how many floating point operations that was.
double sk_peak(sk_pool *, int64_t rounds);
#endif
