// The mathematical functions and intrinsics that kernels call. The fast ones are as exact as the
// others here.
#pragma once
#include "thread.h"

#define SK_INLINE static __forceinline__
#define SK_MATH1(F)                                             \
  SK_INLINE double F(double x) { return __builtin_##F(x); }     \
  SK_INLINE float F##f(float x) { return __builtin_##F##f(x); } \
  SK_INLINE float F(float x) { return __builtin_##F##f(x); }
#define SK_MATH2(F)                                                         \
  SK_INLINE double F(double x, double y) { return __builtin_##F(x, y); }    \
  SK_INLINE float F##f(float x, float y) { return __builtin_##F##f(x, y); } \
  SK_INLINE float F(float x, float y) { return __builtin_##F##f(x, y); }
SK_MATH1(sqrt);
SK_MATH1(cbrt);
SK_MATH1(exp);
SK_MATH1(exp2);
SK_MATH1(expm1);
SK_MATH1(log);
SK_MATH1(log2);
SK_MATH1(log10);
SK_MATH1(log1p);
SK_MATH1(sin);
SK_MATH1(cos);
SK_MATH1(tan);
SK_MATH1(tanh);
SK_MATH1(erf);
SK_MATH1(fabs);
SK_MATH1(floor);
SK_MATH1(ceil);
SK_MATH1(trunc);
SK_MATH1(rint);
SK_MATH1(round);
SK_MATH1(nearbyint);
SK_MATH2(pow);
SK_MATH2(fmod);
SK_MATH2(fmin);
SK_MATH2(fmax);
SK_MATH2(copysign);
SK_MATH2(hypot);
SK_MATH2(atan2);
#undef SK_MATH1
#undef SK_MATH2

SK_INLINE double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
SK_INLINE float fmaf(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
SK_INLINE float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
SK_INLINE double rsqrt(double x) { return 1 / __builtin_sqrt(x); }
SK_INLINE float rsqrtf(float x) { return (float)(1 / __builtin_sqrt((double)x)); }
SK_INLINE float __expf(float x) { return __builtin_expf(x); }
SK_INLINE float __exp10f(float x) { return __builtin_powf(10, x); }
SK_INLINE float __logf(float x) { return __builtin_logf(x); }
SK_INLINE float __log2f(float x) { return __builtin_log2f(x); }
SK_INLINE float __sinf(float x) { return __builtin_sinf(x); }
SK_INLINE float __cosf(float x) { return __builtin_cosf(x); }
SK_INLINE float __powf(float x, float y) { return __builtin_powf(x, y); }
SK_INLINE float __fdividef(float x, float y) { return x / y; }
SK_INLINE float __saturatef(float x) { return x > 0 ? x < 1 ? x : 1 : 0; }
SK_INLINE float __frcp_rn(float x) { return 1 / x; }
SK_INLINE float __frsqrt_rn(float x) { return rsqrtf(x); }
SK_INLINE float __fsqrt_rn(float x) { return __builtin_sqrtf(x); }
SK_INLINE float __fadd_rn(float x, float y) { return x + y; }
SK_INLINE float __fsub_rn(float x, float y) { return x - y; }
SK_INLINE float __fmul_rn(float x, float y) { return x * y; }
SK_INLINE float __fdiv_rn(float x, float y) { return x / y; }
SK_INLINE float __fmaf_rn(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
SK_INLINE double __dadd_rn(double x, double y) { return x + y; }
SK_INLINE double __dsub_rn(double x, double y) { return x - y; }
SK_INLINE double __dmul_rn(double x, double y) { return x * y; }
SK_INLINE double __ddiv_rn(double x, double y) { return x / y; }
SK_INLINE double __fma_rn(double a, double b, double c) { return __builtin_fma(a, b, c); }
template <class T> SK_INLINE bool isnan(T x) { return __builtin_isnan(x); }
template <class T> SK_INLINE bool isinf(T x) { return __builtin_isinf(x); }
template <class T> SK_INLINE bool isfinite(T x) { return __builtin_isfinite(x); }
template <class T> SK_INLINE bool signbit(T x) { return __builtin_signbit(x); }

SK_INLINE float __int_as_float(int i) { return sk_value_of<float>((unsigned)i); }
SK_INLINE float __uint_as_float(unsigned i) { return sk_value_of<float>(i); }
SK_INLINE int __float_as_int(float f) { return (int)sk_bits_of(f); }
SK_INLINE unsigned __float_as_uint(float f) { return (unsigned)sk_bits_of(f); }
SK_INLINE double __longlong_as_double(long long i) {
  return sk_value_of<double>((unsigned long long)i);
}
SK_INLINE long long __double_as_longlong(double d) { return (long long)sk_bits_of(d); }
// Conversions saturate, and a NaN becomes 0, as on a card.
template <class I, class F> SK_INLINE I sk_to(F x) {
  constexpr bool sign = (I)-1 < 0;
  constexpr I top =
      sign ? (I)(((I)1 << (sizeof(I) * 8 - 2)) - 1 + ((I)1 << (sizeof(I) * 8 - 2))) : (I)-1;
  return x != x ? 0 : x >= (F)top ? top : x <= (F)(I)~top ? (I)(sign ? ~top : 0) : (I)x;
}
SK_INLINE int __float2int_rn(float x) { return sk_to<int>(__builtin_rintf(x)); }
SK_INLINE int __float2int_rz(float x) { return sk_to<int>(__builtin_truncf(x)); }
SK_INLINE int __float2int_rd(float x) { return sk_to<int>(__builtin_floorf(x)); }
SK_INLINE int __float2int_ru(float x) { return sk_to<int>(__builtin_ceilf(x)); }
SK_INLINE unsigned __float2uint_rn(float x) { return sk_to<unsigned>(__builtin_rintf(x)); }
SK_INLINE unsigned __float2uint_rz(float x) { return sk_to<unsigned>(__builtin_truncf(x)); }
SK_INLINE float __double2float_rn(double x) { return (float)x; }
SK_INLINE int __double2int_rn(double x) { return sk_to<int>(__builtin_rint(x)); }
SK_INLINE float __int2float_rn(int i) { return (float)i; }
SK_INLINE float __uint2float_rn(unsigned i) { return (float)i; }

SK_INLINE int __clz(int i) { return i ? __builtin_clz((unsigned)i) : 32; }
SK_INLINE int __clzll(long long i) { return i ? __builtin_clzll((unsigned long long)i) : 64; }
SK_INLINE int __ffs(int i) { return __builtin_ffs(i); }
SK_INLINE int __popc(unsigned i) { return __builtin_popcount(i); }
SK_INLINE int __popcll(unsigned long long i) { return __builtin_popcountll(i); }
SK_INLINE unsigned __brev(unsigned x) {
  unsigned r = 0;
  for (int i = 0; i < 32; i++) r |= (x >> i & 1) << (31 - i);
  return r;
}
SK_INLINE unsigned __umulhi(unsigned a, unsigned b) {
  return (unsigned)((unsigned long long)a * b >> 32);
}
SK_INLINE int __mulhi(int a, int b) { return (int)((long long)a * b >> 32); }
SK_INLINE unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return (unsigned long long)((unsigned __int128)a * b >> 64);
}
SK_INLINE unsigned __funnelshift_l(unsigned lo, unsigned hi, unsigned n) {
  return (unsigned)((((unsigned long long)hi << 32 | lo) << (n & 31)) >> 32);
}
SK_INLINE unsigned __funnelshift_r(unsigned lo, unsigned hi, unsigned n) {
  return (unsigned)(((unsigned long long)hi << 32 | lo) >> (n & 31));
}
SK_INLINE unsigned __byte_perm(unsigned a, unsigned b, unsigned s) {
  const unsigned long long v = (unsigned long long)b << 32 | a;
  unsigned r = 0;
  for (int i = 0; i < 4; i++) {
    unsigned c = (unsigned)(v >> (s >> 4 * i & 7) * 8) & 255;
    if (s >> 4 * i & 8) c = c & 128 ? 255 : 0;
    r |= c << 8 * i;
  }
  return r;
}

#define SK_ORDER(T)                                   \
  SK_INLINE T min(T a, T b) { return b < a ? b : a; } \
  SK_INLINE T max(T a, T b) { return a < b ? b : a; }
SK_ORDER(int);
SK_ORDER(unsigned);
SK_ORDER(long);
SK_ORDER(unsigned long);
SK_ORDER(long long);
SK_ORDER(unsigned long long);
#undef SK_ORDER
SK_INLINE float min(float a, float b) { return __builtin_fminf(a, b); }
SK_INLINE float max(float a, float b) { return __builtin_fmaxf(a, b); }
SK_INLINE double min(double a, double b) { return __builtin_fmin(a, b); }
SK_INLINE double max(double a, double b) { return __builtin_fmax(a, b); }
SK_INLINE int abs(int a) { return a < 0 ? -a : a; }
SK_INLINE long long abs(long long a) { return a < 0 ? -a : a; }
SK_INLINE float abs(float a) { return __builtin_fabsf(a); }
SK_INLINE double abs(double a) { return __builtin_fabs(a); }

#define SK_LOAD(f) \
  template <class T> SK_INLINE T f(const T *p) { return *p; }
SK_LOAD(__ldg);
SK_LOAD(__ldca);
SK_LOAD(__ldcg);
SK_LOAD(__ldcs);
SK_LOAD(__ldlu);
SK_LOAD(__ldcv);
#undef SK_LOAD
#define SK_STORE(f) \
  template <class T> SK_INLINE void f(T *p, T v) { *p = v; }
SK_STORE(__stwb);
SK_STORE(__stcg);
SK_STORE(__stcs);
SK_STORE(__stwt);
#undef SK_STORE
SK_INLINE void *memcpy(void *to, const void *from, size_t n) {
  return __builtin_memcpy(to, from, n);
}
SK_INLINE void *memset(void *to, int c, size_t n) { return __builtin_memset(to, c, n); }
#undef SK_INLINE
