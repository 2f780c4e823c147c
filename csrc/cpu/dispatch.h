// dispatch.h: one kernel source, compiled once for each instruction set, and the table of its
// functions.
//
// To add a kernel: write it in OPERATION_kernel.h against vec_kernel.h, as a static function; give
// sk_kernels below a pointer to it and set that in isa_kernel.h, which each of isa_avx512.c,
// isa_avx2.c and isa_portable.c compiles. Callers write sk_isa->OPERATION(...). (Kernels stand in
// headers because the go command compiles every .c file by itself.)
#ifndef SK_DISPATCH_H
#define SK_DISPATCH_H
#include "conv_kernels.h"
#include "correlate.h"
#include "gradsum.h"
#include "head.h"
#include "join.h"
#include "sgd.h"

// n is an image of the batch.
typedef struct {
  const char *name;
  double (*peak)(int64_t rounds);  // floating-point operations of some multiply-adds
  void (*triad)(float *a, const float *b, const float *c, int64_t n, int past);
  // Statistics of blocks begin .. end-1 of the tensor.
  void (*stats)(const sk_stats *, const sk_tensor *, int n, int begin, int end);
  void (*sums)(const sk_sums *, const sk_batch *, int n);
  void (*join)(const sk_join *, const sk_batch *, int n);
  void (*correlate)(const sk_correlate *, const sk_batch *, int n);
  void (*gradsum)(const sk_gradsum *, const sk_batch *, int n);
  void (*sgd)(const sk_sgd *, const sk_sgd_arrays *, int64_t n);  // n: floats
  void (*head_mean)(const sk_view *, const sk_batch *, int n, float *mean);
  void (*head_spread)(const float *d, const sk_view *x, const sk_head_dx *, const sk_batch *,
                      int n);
  const sk_conv_kernels *conv;
  const sk_conv_transform_kernels *transform;
} sk_kernels;

extern const sk_kernels sk_isa_avx512, sk_isa_avx2, sk_isa_portable;

// The table in force: the best that the machine has until sk_isa_select names another. It never
// changes while an operation runs.
extern const sk_kernels *sk_isa;

// Chooses a table by name; NULL or "" is the best. Returns 0; -1: no such name; -2: the machine
// lacks it. After an error the old one stays.
int sk_isa_select(const char *name);
#endif
