// gradsum.cu: completes a gradient, and takes the backward sums of the norms that it belongs to.
//
//   dst = (ACCUMULATE ? dst : 0) + [x > 0, if masked] * dx + sum of the terms (grad.cu), as T
//   S1, S2, dx_g, dx_x, dx_1, grads at gamma_at and beta_at of the norms with gradient dst
//   (norm_backward.cu)
//
// gradsum(step, dst, dx, x, g_k, mask_k, y_k, norm_k, block_k for every term k, mask_j, y_j,
// norm_j, block_j, gamma_at_j, beta_at_j for every sum j, params, grads, partial, counter, n):
// without WRITE dst is only read. dx may be dst. dx_g, dx_x, dx_1 of the norms' channels and their
// grads at gamma_at and beta_at are overwritten. sizeof(T) bytes an element of each operand (dst
// twice with ACCUMULATE); 5 FLOPs for each sum.
constexpr int PER = COEFS > 0 ? COEFS : 1;

// The operands of each segment: the entry point's arguments, the pointers of terms and sums in
// tables, the coefficients beta of its images, PER an image, and shared memory for the sums.
struct sk_gradsum {
  void *dst;
  const void *dx, *x;
  const sk_pointers *term, *sum;
  const sk_sum_pointers *of;
  const float *beta, *params;
  float *grads, *partial;
  unsigned int *counter;
  int n;
  double *shared;
};

// A segment S of dst: OFF, C, PITCH; its slices of dx and of x; GATE, the mask that all its sums
// share, if they share one. The sums then have no mask of their own.
template <class S, class Terms, class Sums> struct sk_segment;

template <class S, class... A, class... B>
struct sk_segment<S, sk_members<sk_term, A...>, sk_members<sk_sum, B...>> {
  static __device__ __forceinline__ void run(const sk_gradsum &o, int chunk) {
    const sk_span s = sk_slot(blockIdx.x, blockIdx.y, gridDim.y, o.n);
    const int c = (chunk * COLUMNS + threadIdx.x % COLUMNS) * V, row = threadIdx.x / COLUMNS;
    sk_members<sk_term, A...> terms;
    sk_members<sk_sum, B...> sums;
    sk_source<typename S::GATE> gate;
    sums.each([&](auto &m) { m.clear(); });
    if (c < S::C && s.lo < s.hi) {
      terms.each([&](auto &m) { m.init(o.term, s.replica, c); });
      sums.each([&](auto &m) { m.init(o.sum, s.replica, c); });
      const float *beta = o.beta;
      for (int image = s.lo; image < s.hi; image++, beta += PER) {
        T *out = sk_at<S>((T *)o.dst, image, c);
        const T *in = HAS_DX ? sk_at<typename S::DX>((const T *)o.dx, image, c) : 0,
                *sign = HAS_X ? sk_at<typename S::X>((const T *)o.x, image, c) : 0;
        terms.each([&](auto &m) { m.image(o.term, image, c); });
        sums.each([&](auto &m) { m.image(o.sum, image, c); });
        gate.mask_image(o.sum, image, c);
        for (int p = s.from + row; p < s.to; p += ROWS * UNROLL) {
          raw ro[UNROLL], ri[UNROLL], rx[UNROLL];
          SK_EACH(q, u, p, s.to, ROWS) {
            if (ACCUMULATE || !WRITE) ro[u] = sk_load<S>(out, q);
            if (HAS_DX) ri[u] = sk_load<typename S::DX>(in, q);
            if (HAS_X) rx[u] = sk_load<typename S::X>(sign, q);
            terms.each([&](auto &m) { m.load(u, q); });
            sums.each([&](auto &m) { m.load(u, q); });
            gate.mask_load(u, q);
          }
          SK_EACH(q, u, p, s.to, ROWS) {
            float f[V];
            raw r;
            if constexpr (WRITE) {
              if constexpr (HAS_DX) {
                sk_up<TYPE, V>(f, ri[u]);
                if constexpr (HAS_X) {
                  float g[V];
                  sk_up<TYPE, V>(g, rx[u]);
                  sk_mask(f, g);
                }
              } else {
#pragma unroll
                for (int i = 0; i < V; i++) f[i] = 0;
              }
              if constexpr (ACCUMULATE) {
                float g[V];
                sk_up<TYPE, V>(g, ro[u]);
#pragma unroll
                for (int i = 0; i < V; i++) f[i] += g[i];
              }
              terms.each([&](auto &m) { m.add(f, beta, u); });
              sk_down<TYPE, V>(r, f);
              sk_put(out + q * S::PITCH, r);
            } else {
              r = ro[u];
            }
            sk_up<TYPE, V>(f, r);
            gate.mask(f, u);
            sums.each([&](auto &m) { m.add(f, beta, u); });
          }
        }
      }
    }
    if constexpr (sizeof...(B) > 0) {
      sums.each([&](auto &m) { m.put(o.partial, (float *)o.shared, chunk, S::C); });
      if (sk_last(o.counter))
        (sk_finish<B, S::C>(o.of, o.params, o.grads, o.partial, chunk, o.n, o.shared), ...);
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
  if (i % PER == coef) beta[i] = sk_beta<D>(step, block, s.lo + i / PER, s.replica, branch);
#define RUN(first, end, S, A, B) \
  if (chunk >= first && chunk < end) sk_segment<S, A, B>::run(operands, chunk - first);

extern "C" __global__ void __launch_bounds__(THREADS, 2)
    gradsum(const sk_step *step, void *dst, const void *dx, const void *x,
            EACH_TERM(TERM_PARAMETER) EACH_SUM(SUM_PARAMETER) const float *params, float *grads,
            float *partial, unsigned int *counter, int n) {
  const sk_pointers term[] = {EACH_TERM(TERM_POINTERS){0, 0, 0, 0, 0}},
                    sum[] = {EACH_SUM(SUM_POINTERS){0, 0, 0, 0, 0}};
  const sk_sum_pointers of[] = {EACH_SUM(SUM_NORMS){0, 0, 0}};
  const int chunk = blockIdx.z;
  __shared__ double shared[SUMS > 0 ? SHARED : 1];
  __shared__ float beta[32 * PER];
  if (COEFS > 0) {
    const sk_span s = sk_slot(blockIdx.x, blockIdx.y, gridDim.y, n);
    for (int i = threadIdx.x; i < (s.hi - s.lo) * PER; i += THREADS) {
      EACH_COEFFICIENT(COEFFICIENT)
    }
    __syncthreads();
  }
  sk_begin();
  const sk_gradsum operands = {dst,    dx,    x,       term,    sum, of,    beta,
                               params, grads, partial, counter, n,   shared};
  SEGMENTS(RUN)
}
