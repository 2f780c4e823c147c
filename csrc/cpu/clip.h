// clip.h: the norm of the gradient of all parameters, and its limit.
#ifndef SK_CLIP_H
#define SK_CLIP_H
#include "threads.h"

// norm = sqrt(sum of g*g);  g *= most/(norm + 1e-6) where that is below 1. Returns the norm of
// before. The sum is in double, in an order that n alone decides.
double sk_clip_run(sk_pool *, float *g, int64_t n, double most);
#endif
