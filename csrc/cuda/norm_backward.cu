// norm_backward.cu: the backward pass of batch normalisation y -> dst (gradsum.cu takes the sums
// while it has dst at hand).
//
//   dx_g = params[gamma_at]*invstd    dx_x = -dx_g*invstd*S2/P
//   dx_1 = dx_g*(mean*invstd*S2 - S1)/P
//   grads[gamma_at] = sum of S2 over replicas    grads[beta_at] = sum of S1
//
// for each Grad whose g is dst, per replica. S1, S2 and P are those of engine.Grad's formula. A sum
// is 5 FLOPs an element. A thread's sums are float32; the merge of the slots is float64.
struct sk_sum_pointers {
  const int *gamma_at, *beta_at;
  float *norm;
};

// S1 and S2 of a member, whose g is the value just stored.
template <class M> struct sk_sum {
  sk_source<M> source;
  sk_behind<M> behind;
  float mean[V], a[2][V];

  __device__ __forceinline__ void init(const sk_pointers *p, int replica, int c) {
#pragma unroll
    for (int i = 0; i < V; i++) a[0][i] = a[1][i] = mean[i] = 0;
    behind.init(p, replica, c);
    sk_norm_load<M>(mean, p[M::INDEX].norm, SK_MEAN, replica, c);
  }
  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int i = 0; i < V; i++) a[0][i] = a[1][i] = 0;
  }
  __device__ __forceinline__ void image(const sk_pointers *p, int image, int c) {
    source.mask_image(p, image, c);
    behind.image(p, image, c);
  }
  __device__ __forceinline__ void load(int u, int q) {
    source.mask_load(u, q);
    behind.load(u, q);
  }
  __device__ __forceinline__ void add(const float *dst, const float *beta, int u) {
    float g[V], f[V];
#pragma unroll
    for (int i = 0; i < V; i++) g[i] = dst[i];
    source.mask(g, u);
    behind.mask(g, f, u);
#pragma unroll
    for (int i = 0; i < V; i++) {
      if constexpr (M::COEF >= 0) g[i] *= beta[M::COEF];
      a[0][i] += g[i];
      a[1][i] = fmaf(g[i], f[i] - mean[i], a[1][i]);
    }
  }
  __device__ __forceinline__ void put(float *partial, float *shared, int chunk, int C) {
    __syncthreads();  // the member before may still read shared
    sk_column_sum<2>(a, shared);
    __syncthreads();
    const int c = chunk * CHANNELS + threadIdx.x;
    if (threadIdx.x >= CHANNELS || c >= C) return;
    float *slot = partial + ((i64)blockIdx.x * gridDim.y + blockIdx.y) * SLOT + M::BASE + c;
    slot[0] = sk_column_total(shared, 0, threadIdx.x);
    slot[C] = sk_column_total(shared, 1, threadIdx.x);
  }
};

// Merges a member's slots, those of all replicas at once, and turns its sums into coefficients.
template <class M, int C>
__device__ inline void sk_finish(const sk_sum_pointers *pointers, const float *params, float *grads,
                                 const float *partial, int chunk, int n, double *shared) {
  const sk_sum_pointers &p = pointers[M::INDEX];
  const int channel = threadIdx.x % CHANNELS, which = threadIdx.x / CHANNELS,
            c = chunk * CHANNELS + channel, slots = sk_chunks(n) * gridDim.y;
  const i64 array = (i64)REPLICAS * M::NORM_C;
  const int at = c < C ? p.gamma_at[M::NORM_OFF + c] : -1,
            beta_at = at < 0 ? -1 : p.beta_at[M::NORM_OFF + c];
  const float gamma = at < 0 ? 0 : params[at];
  double dgamma = 0, dbeta = 0;  // of thread 0 .. CHANNELS-1
  for (int r0 = 0; r0 < REPLICAS; r0 += AT_ONCE) {
    const int r = r0 + which, images = r < REPLICAS ? sk_first(r + 1, n) - sk_first(r, n) : 0;
    const bool mine = which < AT_ONCE && c < C && images > 0;
    const i64 i = (i64)r * M::NORM_C + M::NORM_OFF + c;
    const double invstd = mine ? p.norm[SK_INVSTD * array + i] : 0,
                 mean = mine ? p.norm[SK_MEAN * array + i] : 0;
    sk_sum_slots<2, 2, C>(partial + M::BASE, chunk, slots, r0, shared,
                          [](int, int, const float (*v)[WIDE], double (*a)[WIDE]) {
#pragma unroll
                            for (int w = 0; w < WIDE; w++) a[0][w] += v[0][w], a[1][w] += v[1][w];
                          });
    double s1 = 0, s2 = 0;
    if (mine) {
      const double dx_g = gamma * invstd, share = 1 / ((double)images * HW);
      s1 = sk_slot_sum(shared, 0), s2 = sk_slot_sum(shared, 1) * invstd;
      p.norm[SK_DX_G * array + i] = (float)dx_g;
      p.norm[SK_DX_X * array + i] = (float)(-dx_g * invstd * s2 * share);
      p.norm[SK_DX_1 * array + i] = (float)(dx_g * (mean * invstd * s2 - s1) * share);
    }
    if constexpr (REPLICAS > 1) {
      __syncthreads();
      shared[threadIdx.x] = s1, shared[THREADS + threadIdx.x] = s2;
      __syncthreads();
      if (which == 0)
        for (int k = 0; k < AT_ONCE; k++)
          dbeta += shared[k * CHANNELS + channel],
              dgamma += shared[THREADS + k * CHANNELS + channel];
      __syncthreads();
    } else {
      dbeta = s1, dgamma = s2;
    }
  }
  if (which == 0 && at >= 0) {
    grads[at] = (float)dgamma;
    grads[beta_at] = (float)dbeta;
  }
}
