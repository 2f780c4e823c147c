// norm_backward.cu: the backward pass of batch normalisation y -> dst (gradsum.cu takes the sums while it has dst at hand).
//
//   S1 = sum g'    S2 = sum g'*(y - mean)*invstd    for each Grad whose g is dst, per replica of P numbers a channel
//   ca = gamma*invstd    cb = -ca*invstd*S2/P    cc = ca*(mean*invstd*S2 - S1)/P    so that dy = ca*g' + cb*y + cc
//   gradient of gamma = sum of S2 over replicas, of beta = sum of S1
//
// A sum is 5 FLOPs an element. Sums are float32 in a thread and float64 where slots are merged.
struct sh_sum_pointers {
  const int *gamma_at, *beta_at;
  float *norm;
};

// S1 and S2 of a member, whose g is what was just stored.
template <class M> struct sh_sum {
  sh_source<M> source;
  sh_behind<M> behind;
  float mean[V], a[2][V];

  __device__ __forceinline__ void init(const sh_pointers *p, int replica, int c) {
#pragma unroll
    for (int i = 0; i < V; i++) a[0][i] = a[1][i] = mean[i] = 0;
    behind.init(p, replica, c);
    sh_norm_load<M>(mean, p[M::INDEX].norm, SH_MEAN, replica, c);
  }
  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int i = 0; i < V; i++) a[0][i] = a[1][i] = 0;
  }
  __device__ __forceinline__ void image(const sh_pointers *p, int image, int c) {
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
  __device__ __forceinline__ void put(float *partial, float *shared, int c, int C) {
    sh_column_sum<2>(a, shared);
    if (threadIdx.x >= COLUMNS || c >= C) return;
    float *slot = partial + ((i64)blockIdx.x * gridDim.y + blockIdx.y) * SLOT + M::BASE + c;
#pragma unroll
    for (int i = 0; i < V; i++) slot[i] = a[0][i], slot[C + i] = a[1][i];
  }
};

// Merges a member's slots and turns its sums into coefficients.
template <class M, int C> __device__ inline void sh_finish(const sh_sum_pointers *pointers, const float *params, float *grads, const volatile float *partial, int chunk, int n,
                                                           double *shared) {
  const sh_sum_pointers &p = pointers[M::INDEX];
  const int channel = threadIdx.x % (COLUMNS * V), lane = threadIdx.x / (COLUMNS * V), c = chunk * COLUMNS * V + channel, chunks = sh_chunks(n);
  const int at = c < C ? p.gamma_at[M::NORM_OFF + c] : -1;
  const float gamma = at < 0 ? 0 : params[at];
  double dgamma = 0, dbeta = 0;
  for (int r = 0; r < REPLICAS; r++) {
    const int images = sh_first(r + 1, n) - sh_first(r, n), slots = chunks * gridDim.y;
    if (images == 0) continue;
    double a[2] = {0, 0};
    if (lane < LANES && c < C) sh_each_slot<2, C>(partial + (i64)r * slots * SLOT + M::BASE + c, slots, [&](int, const float *v) { a[0] += v[0], a[1] += v[1]; });
    sh_lane_sum<2>(a, shared);
    if (lane > 0 || c >= C) continue;
    const i64 i = (i64)r * M::NORM_C + M::NORM_OFF + c, array = (i64)REPLICAS * M::NORM_C;
    const double invstd = p.norm[SH_INVSTD * array + i], mean = p.norm[SH_MEAN * array + i], ca = gamma * invstd, count = (double)images * HW;
    const double s1 = a[0], s2 = a[1] * invstd;
    dbeta += s1, dgamma += s2;
    p.norm[SH_CA * array + i] = (float)ca;
    p.norm[SH_CB * array + i] = (float)(-ca * invstd * s2 / count);
    p.norm[SH_CC * array + i] = (float)(ca * (mean * invstd * s2 - s1) / count);
  }
  if (lane == 0 && at >= 0) {
    grads[at] = (float)dgamma;
    grads[p.beta_at[M::NORM_OFF + c]] = (float)dbeta;
  }
}
