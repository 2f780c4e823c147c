// vec.h: sixteen floats, one block of channels at one position. GCC's vector extensions make of it one 512-bit register, two of 256 bits
// or four of 128, as the instruction set in force says. Included by isa.inc.h only.
#include <stdint.h>
#include <string.h>

#define SK_CAT2(a, b) a##_##b
#define SK_CAT(a, b) SK_CAT2(a, b)
#define SK_(name) SK_CAT(name, SK_ISA) // one name per instruction set
#define SK_INLINE static inline __attribute__((always_inline))

typedef float v16 __attribute__((vector_size(64), may_alias));
typedef int32_t v16i __attribute__((vector_size(64), may_alias));

SK_INLINE v16 vload(const float *p) { return *(const v16 *)p; } // 64-byte aligned
SK_INLINE void vstore(float *p, v16 v) { *(v16 *)p = v; }
SK_INLINE v16 vset(float f) { return f - (v16){}; }
// NaN stays NaN, so that a diverged network does not look like one whose activations are 0.
SK_INLINE v16 vrelu(v16 v) { return (v16)((v16i)v & ~(v16i)(v < (v16){})); }
SK_INLINE v16 vwhere_pos(v16 m, v16 v) { return (v16)((v16i)v & (v16i)(m > (v16){})); } // m > 0 ? v : 0

// vf is one register: SK_W of a block's 16 channels. GCC keeps vectors wider than a register in memory and compares them one element at a time
// (a v16 under AVX2 runs ten times slower than two vf), so loops that have to be fast under every instruction set use vf, strip by strip.
#if defined(SK_AVX512)
enum { SK_W = 16 };
#elif defined(SK_AVX2)
enum { SK_W = 8 };
#else
enum { SK_W = 4 };
#endif
typedef float vf __attribute__((vector_size(4 * SK_W), may_alias));
typedef float vfu __attribute__((vector_size(4 * SK_W), aligned(4), may_alias)); // anywhere in memory
typedef int32_t vfi __attribute__((vector_size(4 * SK_W), may_alias));

SK_INLINE vf vf_load(const float *p) { return *(const vf *)p; } // aligned to its size
SK_INLINE void vf_store(float *p, vf v) { *(vf *)p = v; }
SK_INLINE vf vf_set(float f) { return f - (vf){}; }
SK_INLINE vf vf_relu(vf v) { return (vf)((vfi)v & ~(vfi)(v < (vf){})); }
SK_INLINE vf vf_where_pos(vf m, vf v) { return (vf)((vfi)v & (vfi)(m > (vf){})); }
