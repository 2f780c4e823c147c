// vec_kernel.h: one register of the instruction set in force as a GCC vector, and its operations.
//
// A block of 16 lanes is one register of AVX-512, two of AVX2, four of SSE2 or NEON. Kernels go
// through a block strip by strip, SK_W lanes a strip. (One 64-byte vector for all reads better, but
// GCC keeps a vector that is wider than a register in memory and compares it one element at a time,
// which makes AVX2 ten times slower.)
//
// isa_avx512.c, isa_avx2.c and isa_portable.c define SK_ISA and the target. A kernel header that is
// opened alone is the portable one.
#ifndef SK_VEC_KERNEL_H
#define SK_VEC_KERNEL_H
#include "tensor.h"
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef SK_ISA
#define SK_ISA portable
#define SK_ISA_NAME "portable"
#endif
#define SK_CAT2(a, b) a##_##b
#define SK_CAT(a, b) SK_CAT2(a, b)
#define SK_(name) SK_CAT(name, SK_ISA)  // one name for each instruction set
#define SK_INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

#if defined(SK_AVX512)
enum { SK_W = 16 };
#elif defined(SK_AVX2)
enum { SK_W = 8 };
#else
enum { SK_W = 4 };
#endif
enum { STRIPS = SK_LANES / SK_W };  // strips of a block

typedef float vf __attribute__((vector_size(4 * SK_W), may_alias));
typedef float vf_unaligned __attribute__((vector_size(4 * SK_W), aligned(4), may_alias));
typedef int32_t vf_bits __attribute__((vector_size(4 * SK_W), may_alias));

SK_INLINE vf vf_load(const float *p) { return *(const vf *)p; }  // aligned to its size
SK_INLINE void vf_store(float *p, vf v) { *(vf *)p = v; }

// A store past the cache, for results that are not read soon: whole lines of 64 bytes.
// vf_streamed() must follow before another thread reads them.
SK_INLINE void vf_stream(float *p, vf v) {
#if defined(SK_AVX512)
  __builtin_ia32_movntps512(p, v);
#elif defined(SK_AVX2)
  __builtin_ia32_movntps256(p, v);
#else
  vf_store(p, v);
#endif
}
SK_INLINE void vf_streamed(void) {
#if defined(SK_AVX512) || defined(SK_AVX2)
  __builtin_ia32_sfence();
#endif
}

SK_INLINE vf vf_set(float f) { return f - (vf){}; }
// max(v, 0). NaN stays NaN, so that a diverged network does not look like one whose activations
// are 0.
SK_INLINE vf vf_relu(vf v) { return (vf)((vf_bits)v & ~(vf_bits)(v < (vf){})); }
// m > 0 ? v : 0
SK_INLINE vf vf_where_pos(vf m, vf v) { return (vf)((vf_bits)v & (vf_bits)(m > (vf){})); }
#endif
