// types.cu: storage types and vectors of channels. In front of every kernel; TYPE is 0 for float32,
// 1 for binary16, 2 for bfloat16.
//
// Arithmetic is float32; up gives floats, down rounds to nearest even. On the card a conversion is
// one instruction, from sm_80 on for two numbers at a time (bfloat16 before sm_80: integer
// arithmetic); elsewhere it is exact integer arithmetic, with the same bits. A NaN stays a NaN.
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

struct sk_step {
  u64 seed;
  u32 iteration, base, replica, images;
  float lr;
};

struct sk_scaler {
  float scale, inverse;
  u32 good, bad;
};

__device__ __forceinline__ int sk_min(int a, int b) { return a < b ? a : b; }

union sk_bits {
  float f;
  u32 u;
};

__device__ __forceinline__ u32 sk_float_bits(float f) {
  sk_bits b;
  b.f = f;
  return b.u;
}

__device__ __forceinline__ float sk_bits_float(u32 u) {
  sk_bits b;
  b.u = u;
  return b.f;
}

__device__ __forceinline__ u32 sk_word(u32 u) { return u; }
__device__ __forceinline__ u32 sk_word(float f) { return sk_float_bits(f); }

template <int TYPE> struct sk_type;

template <> struct sk_type<0> {
  typedef float store;
  static __device__ __forceinline__ float up(float x) { return x; }
  static __device__ __forceinline__ float down(float x) { return x; }
};

template <> struct sk_type<1> {
  typedef u16 store;
  static __device__ __forceinline__ float up(u16 h) {
#ifdef __CUDA_ARCH__
    float f;
    asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(h));
    return f;
#else
    const u32 sign = (u32)(h & 0x8000) << 16, rest = h & 0x7fff;
    if (rest >= 0x7c00) return sk_bits_float(sign | 0x7f800000 | (rest & 0x3ff) << 13);
    if (rest >= 0x400) return sk_bits_float(sign | ((rest << 13) + 0x38000000));
    const float f = (float)rest * 0x1p-24f;  // exact
    return sign ? -f : f;
#endif
  }
  static __device__ __forceinline__ u16 down(float x) {
#ifdef __CUDA_ARCH__
    u16 h;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(x));
    return h;
#else
    const u32 u = sk_float_bits(x), sign = u >> 16 & 0x8000, rest = u & 0x7fffffff;
    if (rest > 0x7f800000) return 0x7fff;
    if (rest >= 0x477ff000) return (u16)(sign | 0x7c00);  // 65520 and above
    if (rest < 0x38800000) {  // below 2^-14: a multiple of 2^-24, rounded by adding 0.75
      const u32 r = sk_float_bits(sk_bits_float(rest) + 0.75f) - 0x3f400000;
      return (u16)(sign | r);
    }
    return (u16)(sign | (rest + 0xfff + (rest >> 13 & 1) - 0x38000000) >> 13);
#endif
  }
};

template <> struct sk_type<2> {
  typedef u16 store;
  static __device__ __forceinline__ float up(u16 h) { return sk_bits_float((u32)h << 16); }
  static __device__ __forceinline__ u16 down(float x) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    u16 h;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(h) : "f"(x));
    return h;
#else
    const u32 u = sk_float_bits(x);
    if ((u & 0x7fffffff) > 0x7f800000) return 0x7fff;
    return (u16)((u + 0x7fff + (u >> 16 & 1)) >> 16);
#endif
  }
};

// lo and hi, rounded, side by side in one word.
template <int TYPE> __device__ __forceinline__ u32 sk_down2(float lo, float hi) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  u32 w;
  if constexpr (TYPE == 1)
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(w) : "f"(hi), "f"(lo));
  else
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(w) : "f"(hi), "f"(lo));
  return w;
#else
  return (u32)sk_type<TYPE>::down(lo) | (u32)sk_type<TYPE>::down(hi) << 16;
#endif
}

// V elements as one access of the memory: at most 16 bytes, at a multiple of its size. Two 16-bit
// elements are a word.
template <class W, int N> struct alignas(sizeof(W) * N) sk_pack {
  W w[N];
};

template <int TYPE, int V> struct sk_packed {
  typedef sk_pack<u32, V / 2> type;
};
template <int V> struct sk_packed<0, V> {
  typedef sk_pack<float, V> type;
};
template <> struct sk_packed<1, 1> {
  typedef sk_pack<u16, 1> type;
};
template <> struct sk_packed<2, 1> {
  typedef sk_pack<u16, 1> type;
};
template <int TYPE, int V> using sk_vector = typename sk_packed<TYPE, V>::type;

template <int TYPE, int V>
__device__ __forceinline__ void sk_up(float *out, const sk_vector<TYPE, V> &in) {
  if constexpr (TYPE == 0 || V == 1) {
#pragma unroll
    for (int i = 0; i < V; i++) out[i] = sk_type<TYPE>::up(in.w[i]);
  } else {
#pragma unroll
    for (int i = 0; i < V / 2; i++) {
      out[2 * i] = sk_type<TYPE>::up((u16)in.w[i]);
      out[2 * i + 1] = sk_type<TYPE>::up((u16)(in.w[i] >> 16));
    }
  }
}

template <int TYPE, int V>
__device__ __forceinline__ void sk_down(sk_vector<TYPE, V> &out, const float *in) {
  if constexpr (TYPE == 0 || V == 1) {
#pragma unroll
    for (int i = 0; i < V; i++) out.w[i] = sk_type<TYPE>::down(in[i]);
  } else {
#pragma unroll
    for (int i = 0; i < V / 2; i++) out.w[i] = sk_down2<TYPE>(in[2 * i], in[2 * i + 1]);
  }
}

// Stores a vector as one access. Without this the compiler takes vectors of 16-bit numbers apart,
// and a warp writes each sector many times.
template <class W, int N> __device__ __forceinline__ void sk_put(void *p, const sk_pack<W, N> &v) {
#ifdef __CUDA_ARCH__
  if constexpr (sizeof(W) == 4 && N == 4) {
    u32 b[4];
#pragma unroll
    for (int i = 0; i < 4; i++) b[i] = sk_word(v.w[i]);
    asm volatile("st.global.v4.b32 [%0], {%1, %2, %3, %4};" ::"l"(p), "r"(b[0]), "r"(b[1]),
                 "r"(b[2]), "r"(b[3])
                 : "memory");
    return;
  } else if constexpr (sizeof(W) == 4 && N == 2) {
    asm volatile("st.global.v2.b32 [%0], {%1, %2};" ::"l"(p), "r"(sk_word(v.w[0])),
                 "r"(sk_word(v.w[1]))
                 : "memory");
    return;
  }
#endif
  *(sk_pack<W, N> *)p = v;
}

// Adds 1 to a counter and returns its earlier value. The block's earlier stores are released to the
// card, and other blocks' released stores are acquired.
__device__ __forceinline__ u32 sk_take_ticket(unsigned int *counter) {
#ifdef __CUDA_ARCH__
  u32 before;
  asm volatile("atom.acq_rel.gpu.global.add.u32 %0, [%1], 1;"
               : "=r"(before)
               : "l"(counter)
               : "memory");
  return before;
#else
  __threadfence();
  return atomicAdd(counter, 1u);
#endif
}
