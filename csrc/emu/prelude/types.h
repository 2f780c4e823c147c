// Vector types and the qualifiers of CUDA C++.
#pragma once

typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ptrdiff_t;

#define __global__ __attribute__((used, visibility("default")))
#define __device__
#define __host__
#define __constant__
#define __shared__ thread_local  // blocks that run at one time are on different OS threads
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(n) __attribute__((aligned(n)))
#define __launch_bounds__(...)
#define __maxnreg__(...)
#define __cluster_dims__(...)
#define __grid_constant__

#define SK_VECTOR(name, type, alignment2, alignment4)                                \
  struct name##1 { type x; };                                                        \
  struct alignas(alignment2) name##2 { type x, y; };                                 \
  struct name##3 { type x, y, z; };                                                  \
  struct alignas(alignment4) name##4 { type x, y, z, w; };                           \
  static inline name##1 make_##name##1(type x) { return {x}; }                       \
  static inline name##2 make_##name##2(type x, type y) { return {x, y}; }            \
  static inline name##3 make_##name##3(type x, type y, type z) { return {x, y, z}; } \
  static inline name##4 make_##name##4(type x, type y, type z, type w) { return {x, y, z, w}; }
SK_VECTOR(char, signed char, 2, 4);
SK_VECTOR(uchar, unsigned char, 2, 4);
SK_VECTOR(short, short, 4, 8);
SK_VECTOR(ushort, unsigned short, 4, 8);
SK_VECTOR(int, int, 8, 16);
SK_VECTOR(uint, unsigned, 8, 16);
SK_VECTOR(float, float, 8, 16);
SK_VECTOR(double, double, 16, 16);
SK_VECTOR(longlong, long long, 16, 16);
SK_VECTOR(ulonglong, unsigned long long, 16, 16);
#undef SK_VECTOR

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
  constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
};
