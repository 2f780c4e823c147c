// gradsum.cu: completes a gradient, and takes the backward sums of the norms that it belongs to.
//
//   dst = (ACCUMULATE ? dst : 0) + [x > 0, if masked] * dx + sum of the terms (grad.cu), as T
//   S1, S2, ca, cb, cc, gradients of gamma and beta of the norms with gradient dst
//   (norm_backward.cu)
//
// gradsum(step, dst, dx, x, g_k, mask_k, y_k, norm_k, block_k for every term k, mask_j, y_j,
// norm_j, block_j, gamma_at_j, beta_at_j for every sum j, params, grads, partial, counter, n):
// without WRITE dst is only read. dx may be dst. ca, cb, cc of the norms' channels and the
// gradients of gamma and beta are overwritten. sizeof(T) bytes an element of each operand (dst
// twice with ACCUMULATE); 5 FLOPs for each sum.
constexpr int PER = COEFS > 0 ? COEFS : 1;

// A term with its own g.
template <class M> struct sh_term {
  sh_source<M> source;
  sh_grad<M> grad;

  __device__ __forceinline__ void init(const sh_pointers *p, int replica, int c) {
    grad.init(p, replica, c);
  }
  __device__ __forceinline__ void image(const sh_pointers *p, int image, int c) {
    source.image(p, image, c);
    grad.behind.image(p, image, c);
  }
  __device__ __forceinline__ void load(int u, int q) {
    source.load(u, q);
    grad.behind.load(u, q);
  }
  __device__ __forceinline__ void add(float *sum, const float *beta, int u) const {
    float g[V], f[V];
    source.value(g, u);
    grad.value(f, g, beta, u);
#pragma unroll
    for (int i = 0; i < V; i++) sum[i] += f[i];
  }
};

// A segment S of dst: OFF, C, PITCH; its slices of dx and of x; GATE, the mask that all its sums
// share, if they share one. The sums then have no mask of their own.
template <class S, class Terms, class Sums> struct sh_segment;

template <class S, class... A, class... B>
struct sh_segment<S, sh_list<sh_term, A...>, sh_list<sh_sum, B...>> {
  static __device__ __forceinline__ void run(void *dst, const void *dx, const void *x,
                                             const sh_pointers *term, const sh_pointers *sum,
                                             const sh_sum_pointers *of, const float *beta,
                                             const float *params, float *grads, float *partial,
                                             unsigned int *counter, int chunk, int n,
                                             double *shared) {
    const sh_span s = sh_slot(blockIdx.x, blockIdx.y, gridDim.y, n);
    const int c = (chunk * COLUMNS + threadIdx.x % COLUMNS) * V, row = threadIdx.x / COLUMNS;
    sh_list<sh_term, A...> terms;
    sh_list<sh_sum, B...> sums;
    sh_source<typename S::GATE> gate;
    sums.each([&](auto &m) { m.clear(); });
    if (c < S::C && s.lo < s.hi) {
      terms.each([&](auto &m) { m.init(term, s.replica, c); });
      sums.each([&](auto &m) { m.init(sum, s.replica, c); });
      for (int image = s.lo; image < s.hi; image++, beta += PER) {
        T *out = sh_at<S>((T *)dst, image, c);
        const T *in = HAS_DX ? sh_at<typename S::DX>((const T *)dx, image, c) : 0,
                *sign = HAS_X ? sh_at<typename S::X>((const T *)x, image, c) : 0;
        terms.each([&](auto &m) { m.image(term, image, c); });
        sums.each([&](auto &m) { m.image(sum, image, c); });
        gate.mask_image(sum, image, c);
        for (int p = s.from + row; p < s.to; p += ROWS * UNROLL) {
          raw ro[UNROLL], ri[UNROLL], rx[UNROLL];
          SH_EACH(q, u, p, s.to, ROWS) {
            if (ACCUMULATE || !WRITE) ro[u] = sh_load<S>(out, q);
            if (HAS_DX) ri[u] = sh_load<typename S::DX>(in, q);
            if (HAS_X) rx[u] = sh_load<typename S::X>(sign, q);
            terms.each([&](auto &m) { m.load(u, q); });
            sums.each([&](auto &m) { m.load(u, q); });
            gate.mask_load(u, q);
          }
          SH_EACH(q, u, p, s.to, ROWS) {
            float f[V];
            raw r;
            if constexpr (WRITE) {
              if constexpr (HAS_DX) {
                sh_up<TYPE, V>(f, ri[u]);
                if constexpr (HAS_X) {
                  float g[V];
                  sh_up<TYPE, V>(g, rx[u]);
                  sh_mask(f, g);
                }
              } else {
#pragma unroll
                for (int i = 0; i < V; i++) f[i] = 0;
              }
              if constexpr (ACCUMULATE) {
                float g[V];
                sh_up<TYPE, V>(g, ro[u]);
#pragma unroll
                for (int i = 0; i < V; i++) f[i] += g[i];
              }
              terms.each([&](auto &m) { m.add(f, beta, u); });
              sh_down<TYPE, V>(r, f);
              sh_put(out + q * S::PITCH, r);
            } else {
              r = ro[u];
            }
            sh_up<TYPE, V>(f, r);
            gate.mask(f, u);
            sums.each([&](auto &m) { m.add(f, beta, u); });
          }
        }
      }
    }
    if constexpr (sizeof...(B) > 0) {
      sums.each([&](auto &m) { m.put(partial, (float *)shared, chunk, S::C); });
      if (sh_last(counter)) (sh_finish<B, S::C>(of, params, grads, partial, chunk, n, shared), ...);
    }
  }
};

#define TERM_PARAMETER(k)                                                        \
  const void *g##k, const void *mask##k, const void *y##k, const float *norm##k, \
      unsigned int block##k,
#define TERM_POINTERS(k) {g##k, mask##k, y##k, norm##k, block##k},
#define SUM_PARAMETER(j)                                                            \
  const void *smask##j, const void *sy##j, float *snorm##j, unsigned int sblock##j, \
      const int *gamma_at##j, const int *beta_at##j,
#define SUM_POINTERS(j) {0, smask##j, sy##j, snorm##j, sblock##j},
#define SUM_NORMS(j) {gamma_at##j, beta_at##j, snorm##j},
#define COEFFICIENT(block, coef, D, branch) \
  if (i % PER == coef) beta[i] = sh_beta<D>(step, block, s.lo + i / PER, s.replica, branch);
#define RUN(first, end, S, A, B)                                                               \
  if (chunk >= first && chunk < end)                                                           \
    sh_segment<S, A, B>::run(dst, dx, x, term, sum, of, beta, params, grads, partial, counter, \
                             chunk - first, n, shared);

extern "C" __global__ void __launch_bounds__(THREADS, 2)
    gradsum(const sh_step *step, void *dst, const void *dx, const void *x,
            EACH_TERM(TERM_PARAMETER) EACH_SUM(SUM_PARAMETER) const float *params, float *grads,
            float *partial, unsigned int *counter, int n) {
  const sh_pointers term[] = {EACH_TERM(TERM_POINTERS){0, 0, 0, 0, 0}},
                    sum[] = {EACH_SUM(SUM_POINTERS){0, 0, 0, 0, 0}};
  const sh_sum_pointers of[] = {EACH_SUM(SUM_NORMS){0, 0, 0}};
  const int chunk = blockIdx.z;
  __shared__ double shared[SUMS > 0 ? SHARED : 1];
  __shared__ float beta[32 * PER];
  if (COEFS > 0) {
    const sh_span s = sh_slot(blockIdx.x, blockIdx.y, gridDim.y, n);
    for (int i = threadIdx.x; i < (s.hi - s.lo) * PER; i += THREADS) {
      EACH_COEFFICIENT(COEFFICIENT)
    }
    __syncthreads();
  }
  SEGMENTS(RUN)
}
