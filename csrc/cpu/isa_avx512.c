// isa_avx512.c: the kernels for AVX-512 (F, BW, DQ, VL).
#if defined(__x86_64__)
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi2,prefer-vector-width=512")
#define SK_ISA avx512
#define SK_ISA_NAME "avx512"
#define SK_AVX512 1
#include "isa_kernel.h"
#endif
