// complete.cu: a gradient that is completed from its parts, and the arguments of the kernels that
// do so and take the backward sums of its norms.
//
//   dst = (ACCUMULATE ? dst : 0) + [x > 0, if masked] * dx + sum of the terms (grad.cu), as T
//
// without WRITE dst is only read. dx may be dst.
constexpr int PER = COEFS > 0 ? COEFS : 1;  // coefficients beta of an image

// S has OFF, C and PITCH of dst, its slices DX and X, and WRITE, ACCUMULATE, HAS_DX and HAS_X.
template <class S, class Terms> struct sk_completion {
  Terms terms;
  T *out;
  const T *in, *sign;
  raw ro[UNROLL], ri[UNROLL], rx[UNROLL];

  __device__ __forceinline__ void init(const sk_pointers *term, int replica, int c) {
    terms.each([&](auto &m) { m.init(term, replica, c); });
  }
  __device__ __forceinline__ void image(void *dst, const void *dx, const void *x,
                                        const sk_pointers *term, int image, int c) {
    out = sk_at<S>((T *)dst, image, c);
    if (S::HAS_DX) in = sk_at<typename S::DX>((const T *)dx, image, c);
    if (S::HAS_X) sign = sk_at<typename S::X>((const T *)x, image, c);
    terms.each([&](auto &m) { m.image(term, image, c); });
  }
  __device__ __forceinline__ void load(int u, int q) {
    if (S::ACCUMULATE || !S::WRITE) ro[u] = sk_load<S>(out, q);
    if (S::HAS_DX) ri[u] = sk_load<typename S::DX>(in, q);
    if (S::HAS_X) rx[u] = sk_load<typename S::X>(sign, q);
    terms.each([&](auto &m) { m.load(u, q); });
  }
  // Stores and returns dst at pixel q.
  __device__ __forceinline__ raw store(const float *beta, int u, int q) {
    if constexpr (!S::WRITE) {
      return ro[u];
    } else {
      float f[V], g[V];
#pragma unroll
      for (int i = 0; i < V; i++) f[i] = 0;
      if constexpr (S::HAS_DX) sk_up<TYPE, V>(f, ri[u]);
      if constexpr (S::HAS_X) {
        sk_up<TYPE, V>(g, rx[u]);
        sk_mask(f, g);
      }
      if constexpr (S::ACCUMULATE) {
        sk_up<TYPE, V>(g, ro[u]);
#pragma unroll
        for (int i = 0; i < V; i++) f[i] += g[i];
      }
      terms.each([&](auto &m) { m.add(f, beta, u); });
      raw r;
      sk_down<TYPE, V>(r, f);
      sk_put(out + q * S::PITCH, r);
      return r;
    }
  }
};

// Arguments of sum j, and the tables that a kernel makes from all sums.
#define SUM_PARAMETER(j)                                                            \
  const void *smask##j, const void *sy##j, float *snorm##j, unsigned int sblock##j, \
      const int *gamma_at##j, const int *beta_at##j,
#define SUM_POINTERS(j) {0, smask##j, sy##j, snorm##j, sblock##j},
#define SUM_NORMS(j) {gamma_at##j, beta_at##j, snorm##j},

// Draws the coefficients of a block's images, PER an image, into beta.
#define COEFFICIENT(block, coef, D, branch) \
  if (i % PER == coef) beta[i] = sk_beta<D>(step, block, s.lo + i / PER, s.replica, branch);
#define DRAW_COEFFICIENTS                                              \
  if (COEFS > 0) {                                                     \
    const sk_span s = sk_slot(blockIdx.x, blockIdx.y, gridDim.y, n);   \
    for (int i = threadIdx.x; i < (s.hi - s.lo) * PER; i += THREADS) { \
      EACH_COEFFICIENT(COEFFICIENT)                                    \
    }                                                                  \
    __syncthreads();                                                   \
  }
