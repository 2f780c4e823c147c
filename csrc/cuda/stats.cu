// stats.cu: the statistics of batch normalisation, of channels of an activation that may belong to
// several norms: stats_slots.cu has the formulas. The number that a block's sums are about is one
// from its own middle.
//
// stats(x, gamma_at_k, beta_at_k, norm_k, running_k for every norm k, params, partial, counter, n):
// norm's mean, invstd, scale and shift are overwritten. sizeof(T) bytes and 4 FLOPs an element.

template <class S>
__device__ inline void sk_channel_stats(const void *x, const sk_norm_pointers &p,
                                        const sk_leave &to, int chunk, int n) {
  const sk_span s = sk_slot(blockIdx.x, blockIdx.y, gridDim.y, n);
  const int c = (chunk * COLUMNS + threadIdx.x % COLUMNS) * V, row = threadIdx.x / COLUMNS,
            count = sk_count(s);
  float about[V], a[2][V];
#pragma unroll
  for (int i = 0; i < V; i++) a[0][i] = a[1][i] = about[i] = 0;
  if (c < S::C && count > 0) {
    sk_up<TYPE, V>(about, sk_load<S>(sk_at<S>((const T *)x, s.lo, c), (s.from + s.to) / 2));
    for (int image = s.lo; image < s.hi; image++) {
      const T *in = sk_at<S>((const T *)x, image, c);
      for (int p = s.from + row; p < s.to; p += ROWS * UNROLL) {
        raw r[UNROLL];
        SK_EACH(q, u, p, s.to, ROWS) r[u] = sk_load<S>(in, q);
        SK_EACH(q, u, p, s.to, ROWS) sk_slot_add(a, about, r[u]);
      }
    }
  }
  sk_finish_slot<S>(a, about, count, p, to, chunk, n);
}

#define PARAMETER(k) \
  const int *gamma_at##k, const int *beta_at##k, float *norm##k, float *running##k,
#define RUN(first, end, k)                                                     \
  if (chunk >= first && chunk < end) {                                         \
    const sk_norm_pointers p = {gamma_at##k, beta_at##k, norm##k, running##k}; \
    sk_channel_stats<S##k>(x, p, to, chunk - first, n);                        \
  }

extern "C" __global__ void __launch_bounds__(THREADS, 2)
    stats(const void *x, EACH_NORM(PARAMETER) const float *params, float *partial,
          unsigned int *counter, int n) {
  __shared__ double shared[SHARED];
  const sk_leave to = {params, partial, counter, shared};
  const int chunk = blockIdx.z;
  sk_begin();
  SEGMENTS(RUN)
}
