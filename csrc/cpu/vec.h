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
SK_INLINE v16 vrelu(v16 v) { return (v16)((v16i)v & (v16i)(v > (v16){})); }           // NaN becomes 0
SK_INLINE v16 vwhere_pos(v16 m, v16 v) { return (v16)((v16i)v & (v16i)(m > (v16){})); } // m > 0 ? v : 0
