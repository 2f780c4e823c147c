// correlate.h: the moments of two views, element by element.
#ifndef SK_CORRELATE_H
#define SK_CORRELATE_H
#include "norm.h"
#include "threads.h"

// Of n pairs: means, and sums of products of the differences from them.
typedef struct {
  double n, a, b, aa, bb, ab;
} sk_moments;

typedef struct {
  sk_view a, b;       // of the same channels and size
  int channels;       // lanes beyond them are no elements
  sk_moments *image;  // [most n] written
} sk_correlate;

void sk_correlate_run(sk_pool *, const sk_correlate *, const sk_batch *);
#endif
