// grad.cu: reading gradients, by the formula of engine.Grad. dx_g, dx_x and dx_1 are a norm's
// (norm_backward.cu).
//
// A member M describes one Grad at compile time: G, MASK, YS (slices), HAS_MASK, HAS_Y, NORM,
// NORM_C, NORM_OFF, RELU, DRAW, BRANCH, COEF (its place among the block's coefficients, -1: none)
// and INDEX (its place among the pointers).
struct sk_pointers {
  const void *g, *mask, *y;
  const float *norm;
  u32 block;
};

// y of a member, and the norm's effect on it.
template <class M> struct sk_behind {
  const T *y;
  float scale[V], shift[V];
  raw r[UNROLL];

  __device__ __forceinline__ void init(const sk_pointers *p, int replica, int c) {
    if constexpr (M::NORM && M::RELU) {
      sk_norm_load<M>(scale, p[M::INDEX].norm, SK_SCALE, replica, c);
      sk_norm_load<M>(shift, p[M::INDEX].norm, SK_SHIFT, replica, c);
    }
  }
  __device__ __forceinline__ void image(const sk_pointers *p, int image, int c) {
    if constexpr (M::HAS_Y) y = sk_at<typename M::YS>((const T *)p[M::INDEX].y, image, c);
  }
  __device__ __forceinline__ void load(int u, int q) {
    if constexpr (M::HAS_Y) r[u] = sk_load<typename M::YS>(y, q);
  }
  // g becomes [v(y) > 0] * g, f becomes y.
  __device__ __forceinline__ void mask(float *g, float *f, int u) const {
    if constexpr (M::HAS_Y) sk_up<TYPE, V>(f, r[u]);
    if constexpr (M::RELU) {
      float v[V];
#pragma unroll
      for (int i = 0; i < V; i++) v[i] = M::NORM ? fmaf(scale[i], f[i], shift[i]) : f[i];
      sk_mask(g, v);
    }
  }
};

// A whole member, given g masked by the parts that all members share.
template <class M> struct sk_grad {
  sk_behind<M> behind;
  float dx_g[V], dx_x[V], dx_1[V];

  __device__ __forceinline__ void init(const sk_pointers *p, int replica, int c) {
    behind.init(p, replica, c);
    if constexpr (M::NORM) {
      sk_norm_load<M>(dx_g, p[M::INDEX].norm, SK_DX_G, replica, c);
      sk_norm_load<M>(dx_x, p[M::INDEX].norm, SK_DX_X, replica, c);
      sk_norm_load<M>(dx_1, p[M::INDEX].norm, SK_DX_1, replica, c);
    }
  }
  __device__ __forceinline__ void value(float *out, const float *g, const float *beta,
                                        int u) const {
    float f[V];
#pragma unroll
    for (int i = 0; i < V; i++) out[i] = g[i];
    behind.mask(out, f, u);
#pragma unroll
    for (int i = 0; i < V; i++) {
      if constexpr (M::COEF >= 0) out[i] *= beta[M::COEF];
      if constexpr (M::NORM) out[i] = fmaf(dx_g[i], out[i], fmaf(dx_x[i], f[i], dx_1[i]));
    }
  }
};

// g and the mask that members share.
template <class M> struct sk_source {
  const T *g, *m;
  raw rg[UNROLL], rm[UNROLL];

  __device__ __forceinline__ void image(const sk_pointers *p, int image, int c) {
    g = sk_at<typename M::G>((const T *)p[M::INDEX].g, image, c);
    mask_image(p, image, c);
  }
  __device__ __forceinline__ void mask_image(const sk_pointers *p, int image, int c) {
    if constexpr (M::HAS_MASK) m = sk_at<typename M::MASK>((const T *)p[M::INDEX].mask, image, c);
  }
  __device__ __forceinline__ void load(int u, int q) {
    rg[u] = sk_load<typename M::G>(g, q);
    mask_load(u, q);
  }
  __device__ __forceinline__ void mask_load(int u, int q) {
    if constexpr (M::HAS_MASK) rm[u] = sk_load<typename M::MASK>(m, q);
  }
  __device__ __forceinline__ void value(float *out, int u) const {
    sk_up<TYPE, V>(out, rg[u]);
    mask(out, u);
  }
  __device__ __forceinline__ void mask(float *out, int u) const {
    if constexpr (M::HAS_MASK) {
      float f[V];
      sk_up<TYPE, V>(f, rm[u]);
      sk_mask(out, f);
    }
  }
};

// A list of items, each of its own type.
template <template <class> class E, class... M> struct sk_members {
  template <class F> __device__ __forceinline__ void each(F) {}
};

template <template <class> class E, class M, class... Rest> struct sk_members<E, M, Rest...> {
  E<M> head;
  sk_members<E, Rest...> tail;
  template <class F> __device__ __forceinline__ void each(F f) {
    f(head);
    tail.each(f);
  }
};

template <class M> struct sk_term;  // term.cu
template <class M> struct sk_sum;   // norm_backward.cu

// Arguments of gradient k, and its sk_pointers.
#define GRAD_PARAMETER(k)                                                        \
  const void *g##k, const void *mask##k, const void *y##k, const float *norm##k, \
      unsigned int block##k,
#define GRAD_POINTERS(k) {g##k, mask##k, y##k, norm##k, block##k},
