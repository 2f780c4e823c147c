// vec.h: one register of the instruction set in force, as a GCC vector, and what to do with it. Included by isa.inc.h only.
//
// A block of 16 channels is one register of AVX-512, two of AVX2, four of SSE2 or NEON: kernels go through it strip by strip, SK_W channels
// a strip. (One 64-byte vector for all would read better, but GCC keeps vectors wider than a register in memory and compares them one element at
// a time, which makes AVX2 ten times slower.)
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SK_CAT2(a, b) a##_##b
#define SK_CAT(a, b) SK_CAT2(a, b)
#define SK_(name) SK_CAT(name, SK_ISA) // one name per instruction set
#define SK_INLINE static inline __attribute__((always_inline))

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
// A store past the cache, of what will not be read soon; whole lines of 64 bytes. vf_streamed() before another thread reads it.
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
// max(v, 0). NaN stays NaN, so that a diverged network does not look like one whose activations are 0.
SK_INLINE vf vf_relu(vf v) { return (vf)((vfi)v & ~(vfi)(v < (vf){})); }
SK_INLINE vf vf_where_pos(vf m, vf v) { return (vf)((vfi)v & (vfi)(m > (vf){})); } // m > 0 ? v : 0
