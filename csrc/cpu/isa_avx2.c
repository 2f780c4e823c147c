// isa_avx2.c: the kernels for AVX2 with FMA.
#if defined(__x86_64__)
#pragma GCC target("avx2,fma,bmi2")
#define SK_ISA avx2
#define SK_ISA_NAME "avx2"
#define SK_AVX2 1
#include "isa_kernel.h"
#endif
