// philox.cu: the coefficients of the shaken sums, bit-equal to engine.Draw and internal/rng.
//
//   words = Philox 4x32-10(key = seed; counter = iteration, block, index, purpose)
//   u = (word >> 8) / 2^24
//   two branches: alpha = (low + u*(high-low), 1 - that); more: spacings of sorted uniforms
//   beta by the mode of the backward pass
//   with gates: 1 where the gate's uniform is below open, else uniform in the pass's range
//
// About 80 integer and 10 float64 operations a draw, done once a block and branch; float64 products
// are rounded before they are added.
__device__ __forceinline__ double sk_mul(double a, double b) {
#ifdef __CUDA_ARCH__
  return __dmul_rn(a, b);
#else
  volatile double p = a * b;
  return p;
#endif
}

__device__ __forceinline__ double sk_add(double a, double b) {
#ifdef __CUDA_ARCH__
  return __dadd_rn(a, b);
#else
  volatile double s = a + b;
  return s;
#endif
}

struct sk_words {
  u32 w[4];
};

__device__ __forceinline__ u32 sk_high(u32 a, u32 b) { return (u32)((u64)a * b >> 32); }

__device__ inline sk_words sk_philox(u64 seed, u32 c0, u32 c1, u32 c2, u32 c3) {
  u32 k0 = (u32)seed, k1 = (u32)(seed >> 32);
#pragma unroll
  for (int i = 0; i < 10; i++) {
    const u32 h0 = sk_high(0xD2511F53u, c0), l0 = 0xD2511F53u * c0, h1 = sk_high(0xCD9E8D57u, c2),
              l1 = 0xCD9E8D57u * c2;
    c0 = h1 ^ c1 ^ k0, c1 = l1, c2 = h0 ^ c3 ^ k1, c3 = l0;
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  const sk_words r = {{c0, c1, c2, c3}};
  return r;
}

__device__ __forceinline__ double sk_uniform(u32 word) { return (double)(word >> 8) * 0x1p-24; }

__device__ __forceinline__ u32 sk_below(u32 word, u32 n) { return sk_high(word, n); }

enum { SK_ALPHA = 4, SK_BETA = 5, SK_AUGMENT = 3, SK_DROPOUT = 16 };

// A fresh draw of a purpose for one branch. D: BRANCHES, FORWARD and BACKWARD (SK_EVEN to SK_M5,
// which the spec numbers), BATCH (level), low(), high().
template <class D>
__device__ inline double sk_fresh(u64 seed, u32 iteration, u32 block, u32 index, u32 purpose,
                                  int branch) {
  if constexpr (D::BRANCHES == 2) {
    const double u = sk_uniform(sk_philox(seed, iteration, block, index, purpose).w[0]);
    const double a = sk_add(D::low(), sk_mul(u, D::high() - D::low()));
    return branch == 0 ? a : 1 - a;
  } else if constexpr (D::BRANCHES == 1) {
    return 1;
  } else {
    double cuts[D::BRANCHES - 1];
    sk_words words;
    for (int j = 0; j < D::BRANCHES - 1; j++) {
      if (j % 4 == 0) words = sk_philox(seed, iteration, block, index, purpose | (u32)(j / 4) << 8);
      const double u = sk_uniform(words.w[j % 4]);
      int at = j;
      for (; at > 0 && cuts[at - 1] > u; at--) cuts[at] = cuts[at - 1];
      cuts[at] = u;
    }
    const double lower = branch == 0 ? 0 : cuts[branch - 1];
    return (branch == D::BRANCHES - 1 ? 1 : cuts[branch]) - lower;
  }
}

// ShakeDrop: whether the gate of a branch is open, and the uniform that draws a closed one's alpha.
template <class D>
__device__ inline bool sk_gate(u64 seed, u32 iteration, u32 block, u32 index, int branch,
                               double *u) {
  const sk_words w = sk_philox(seed, iteration, block, index, SK_ALPHA | (u32)branch << 8);
  *u = sk_uniform(w.w[1]);
  return sk_uniform(w.w[0]) < D::open();
}

template <class D>
__device__ inline double sk_forward(u64 seed, u32 iteration, u32 block, u32 index, int branch) {
  if constexpr (D::FORWARD == SK_SHAKEN)
    return sk_fresh<D>(seed, iteration, block, index, SK_ALPHA, branch);
  if constexpr (D::FORWARD == SK_DROP) {
    double u;
    if (sk_gate<D>(seed, iteration, block, index, branch, &u)) return 1;
    return sk_add(D::low(), sk_mul(u, D::high() - D::low()));
  }
  return 1 / (double)D::BRANCHES;
}

// beta of the first of two branches from its alpha and a fresh r in [0, 1).
template <int MODE> __device__ inline double sk_rule(double a, double r) {
  const bool low = a < 0.5;
  if constexpr (MODE == SK_M1) return 1 - a;
  if constexpr (MODE == SK_M2) return low ? sk_mul(r, a) : sk_add(sk_mul(r, 1 - a), a);
  if constexpr (MODE == SK_M3)
    return low ? sk_add(sk_mul(r, 0.5 - a), a) : sk_add(sk_mul(r, a - 0.5), 0.5);
  if constexpr (MODE == SK_M4)
    return low ? sk_add(sk_mul(r, 0.5 - a), 0.5) : sk_add(sk_mul(r, 0.5 - (1 - a)), 1 - a);
  return low ? sk_add(sk_mul(r, a), 1 - a) : sk_mul(r, 1 - a);
}

template <class D>
__device__ inline double sk_backward(u64 seed, u32 iteration, u32 block, u32 index, int branch) {
  if constexpr (D::BACKWARD == SK_SHAKEN)
    return sk_fresh<D>(seed, iteration, block, index, SK_BETA, branch);
  if constexpr (D::BACKWARD == SK_KEEP) return sk_forward<D>(seed, iteration, block, index, branch);
  if constexpr (D::BACKWARD == SK_DROP) {
    double u;
    if (sk_gate<D>(seed, iteration, block, index, branch, &u)) return 1;
    u = sk_uniform(sk_philox(seed, iteration, block, index, SK_BETA | (u32)branch << 8).w[0]);
    return sk_add(D::back_low(), sk_mul(u, D::back_high() - D::back_low()));
  }
  if constexpr (D::BACKWARD >= SK_M1 && D::BACKWARD <= SK_M5) {
    const double r = sk_uniform(sk_philox(seed, iteration, block, index, SK_BETA).w[0]);
    const double b = sk_rule<D::BACKWARD>(sk_forward<D>(seed, iteration, block, index, 0), r);
    return branch == 0 ? b : 1 - b;
  }
  return 1 / (double)D::BRANCHES;
}

// The coefficient of local image `image` of local replica `replica`.
template <class D>
__device__ inline float sk_alpha(const sk_step *s, u32 block, int image, int replica, int branch) {
  return (float)sk_forward<D>(s->seed, s->iteration, block,
                              D::BATCH ? s->replica + replica : s->base + image, branch);
}

template <class D>
__device__ inline float sk_beta(const sk_step *s, u32 block, int image, int replica, int branch) {
  return (float)sk_backward<D>(s->seed, s->iteration, block,
                               D::BATCH ? s->replica + replica : s->base + image, branch);
}
