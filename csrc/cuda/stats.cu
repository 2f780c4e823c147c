// stats.cu: the statistics of batch normalisation, of channels of an activation that may belong to several norms.
//
//   mean = sum x / P    var = sum (x - mean)^2 / P    invstd = 1/sqrt(var + 1e-5)    scale = gamma*invstd    shift = beta - mean*scale
//   running mean += 0.1 (mean - running mean)         running var += 0.1 (var*P/(P-1) - running var)
//
// per replica of P numbers a channel, of x as it is stored. A block takes sums about a number from its own middle, so that nothing cancels; slots
// hold that number, the mean's distance from it, and M2, and are merged in float64 by Chan, Golub and LeVeque's formula. A replica without images keeps all it has.
//
// stats(x, gamma_at_k, beta_at_k, norm_k, running_k for every norm k, params, partial, counter, n): norm's mean, invstd, scale and shift are overwritten.
// sizeof(T) bytes and 4 FLOPs an element. 

struct sh_norm_pointers {
  const int *gamma_at, *beta_at;
  float *norm, *running;
};

template <class S> __device__ inline void sh_finalize(const sh_norm_pointers &p, const float *params, int replica, int c, double count, double mean, double m2) {
  const i64 i = (i64)replica * S::NORM_C + S::NORM_OFF + c, array = (i64)REPLICAS * S::NORM_C;
  const int at = p.gamma_at[S::NORM_OFF + c];
  const double invstd = 1 / sqrt(m2 / count + SH_EPSILON), gamma = at < 0 ? 0 : params[at], zero = at < 0 ? 0 : params[p.beta_at[S::NORM_OFF + c]];
  p.norm[SH_MEAN * array + i] = (float)mean;
  p.norm[SH_INVSTD * array + i] = (float)invstd;
  p.norm[SH_SCALE * array + i] = (float)(gamma * invstd);
  p.norm[SH_SHIFT * array + i] = (float)(zero - mean * gamma * invstd);
  if (at < 0) return;
  p.running[i] = (float)(p.running[i] + SH_NORM_MOMENTUM * (mean - p.running[i]));
  p.running[array + i] = (float)(p.running[array + i] + SH_NORM_MOMENTUM * (m2 / (count > 1 ? count - 1 : 1) - p.running[array + i]));
}

// Merges replica by replica. BASE is where S's numbers begin in a slot.
template <class S> __device__ inline void sh_merge(const sh_norm_pointers &p, const float *params, const volatile float *partial, int chunk, int n, double *shared) {
  const int channel = threadIdx.x % (COLUMNS * V), lane = threadIdx.x / (COLUMNS * V), c = chunk * COLUMNS * V + channel, parts = gridDim.y, slots = sh_chunks(n) * parts;
  for (int r = 0; r < REPLICAS; r++) {
    const int images = sh_first(r + 1, n) - sh_first(r, n);
    if (images == 0) continue;
    const volatile float *first = partial + (i64)r * slots * SLOT + S::BASE + c;
    const double about = c < S::C ? first[0] : 0.0;
    double a[3] = {0, 0, 0}; // sum P(mean - about), sum P(mean - about)^2, sum M2
    if (lane < LANES && c < S::C)
      sh_each_slot<3, S::C>(first, slots, [&](int s, const float *v) {
        const double count = sh_slot_count(s, parts, images, n), d = (v[0] - about) + v[1];
        a[0] += count * d;
        a[1] += count * d * d;
        a[2] += v[2];
      });
    sh_lane_sum<3>(a, shared);
    const double count = (double)images * HW;
    if (lane == 0 && c < S::C) sh_finalize<S>(p, params, r, c, count, about + a[0] / count, a[2] + (a[1] - a[0] * a[0] / count));
  }
}

template <class S> __device__ inline void sh_stats(const void *x, const sh_norm_pointers &p, const float *params, float *partial, unsigned int *counter, int chunk, int n, double *shared) {
  const sh_span s = sh_slot(blockIdx.x, blockIdx.y, gridDim.y, n);
  const int c = (chunk * COLUMNS + threadIdx.x % COLUMNS) * V, row = threadIdx.x / COLUMNS, count = sh_count(s);
  float about[V], a[2][V];
#pragma unroll
  for (int i = 0; i < V; i++) a[0][i] = a[1][i] = about[i] = 0;
  if (c < S::C && count > 0) {
    sh_up<TYPE, V>(about, sh_load<S>(sh_at<S>((const T *)x, s.lo, c), (s.from + s.to) / 2));
    for (int image = s.lo; image < s.hi; image++) {
      const T *in = sh_at<S>((const T *)x, image, c);
      for (int p = s.from + row; p < s.to; p += ROWS * UNROLL) {
        raw r[UNROLL];
        SH_EACH(q, u, p, s.to, ROWS) r[u] = sh_load<S>(in, q);
        SH_EACH(q, u, p, s.to, ROWS) {
          float f[V];
          sh_up<TYPE, V>(f, r[u]);
#pragma unroll
          for (int i = 0; i < V; i++) {
            const float d = f[i] - about[i];
            a[0][i] += d;
            a[1][i] = fmaf(d, d, a[1][i]);
          }
        }
      }
    }
  }
  sh_column_sum<2>(a, (float *)shared);
  if (row == 0 && c < S::C) {
    float *slot = partial + ((i64)blockIdx.x * gridDim.y + blockIdx.y) * SLOT + S::BASE + c;
#pragma unroll
    for (int i = 0; i < V; i++) {
      const float mean = count > 0 ? a[0][i] / count : 0;
      slot[i] = about[i];
      slot[S::C + i] = mean;
      slot[2 * S::C + i] = sh_relu(fmaf(-mean, a[0][i], a[1][i]));
    }
  }
  if (sh_last(counter)) sh_merge<S>(p, params, partial, chunk, n, shared);
}

#define PARAMETER(k) const int *gamma_at##k, const int *beta_at##k, float *norm##k, float *running##k,
#define RUN(first, end, k)                                                                                                                           \
  if (chunk >= first && chunk < end) {                                                                                                               \
    const sh_norm_pointers p = {gamma_at##k, beta_at##k, norm##k, running##k};                                                                             \
    sh_stats<S##k>(x, p, params, partial, counter, chunk - first, n, shared);                                                                                \
  }

extern "C" __global__ void __launch_bounds__(THREADS) stats(const void *x, EACH_NORM(PARAMETER) const float *params, float *partial, unsigned int *counter, int n) {
  __shared__ double shared[SHARED];
  const int chunk = blockIdx.z;
  SEGMENTS(RUN)
}
