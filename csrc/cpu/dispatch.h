// dispatch.h: one kernel source, compiled once per instruction set, and the table of its functions.
//
// How to add kernels: write NAME.inc.h against vec.h, every function `static`; isa.inc.h includes it, so it is
// compiled under each of isa_avx512.c, isa_avx2.c and isa_portable.c. End NAME.inc.h with one table
//     static const sk_NAME_kernels SK_(NAME) = {.f = f, ...};
// whose struct type stands in NAME.h, and give sk_kernels below a `const sk_NAME_kernels *NAME`, set in isa.inc.h. Callers outside
// write sk_isa->NAME->f(...). (The sources end in .h because the go command would compile a .c by itself.)
#ifndef SK_DISPATCH_H
#define SK_DISPATCH_H
#include "conv.h"
#include "elementwise.h"
#include "sk.h"

typedef struct {
  const char *name;
  double (*peak)(int64_t rounds); // peak.h
  const sk_conv_kernels *conv;
  const sk_fast_kernels *fast;
  const sk_elementwise_kernels *elementwise;
} sk_kernels;

extern const sk_kernels sk_isa_avx512, sk_isa_avx2, sk_isa_portable;

// The chosen table: the best one that the machine has until sk_isa_select names another. Never changed while an operation runs.
extern const sk_kernels *sk_isa;

// Chooses by name; NULL or "": the best. 0; -1: no such name; -2: the machine lacks it (nothing changes).
int sk_isa_select(const char *name);
#endif
