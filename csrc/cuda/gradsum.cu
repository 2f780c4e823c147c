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

// A segment S of dst (complete.cu) with GATE, the mask that all its sums share, if they share one.
// The sums then have no mask of their own.
template <class S, class Terms, class Sums> struct sk_segment;

template <class S, class Terms, class... B> struct sk_segment<S, Terms, sk_members<sk_sum, B...>> {
  static __device__ __forceinline__ void run(const sk_gradsum &o, int chunk) {
    const sk_span s = sk_slot(blockIdx.x, blockIdx.y, gridDim.y, o.n);
    const int c = (chunk * COLUMNS + threadIdx.x % COLUMNS) * V, row = threadIdx.x / COLUMNS;
    sk_completion<S, Terms> gradient;
    sk_members<sk_sum, B...> sums;
    sk_source<typename S::GATE> gate;
    sums.each([&](auto &m) { m.clear(); });
    if (c < S::C && s.lo < s.hi) {
      gradient.init(o.term, s.replica, c);
      sums.each([&](auto &m) { m.init(o.sum, s.replica, c); });
      const float *beta = o.beta;
      for (int image = s.lo; image < s.hi; image++, beta += PER) {
        gradient.image(o.dst, o.dx, o.x, o.term, image, c);
        sums.each([&](auto &m) { m.image(o.sum, image, c); });
        gate.mask_image(o.sum, image, c);
        for (int p = s.from + row; p < s.to; p += ROWS * UNROLL) {
          SK_EACH(q, u, p, s.to, ROWS) {
            gradient.load(u, q);
            sums.each([&](auto &m) { m.load(u, q); });
            gate.mask_load(u, q);
          }
          SK_EACH(q, u, p, s.to, ROWS) {
            float f[V];
            sk_up<TYPE, V>(f, gradient.store(beta, u, q));
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

#define RUN(first, end, S, A, B) \
  if (chunk >= first && chunk < end) sk_segment<S, A, B>::run(operands, chunk - first);

extern "C" __global__ void __launch_bounds__(THREADS, 2)
    gradsum(const sk_step *step, void *dst, const void *dx, const void *x,
            EACH_TERM(GRAD_PARAMETER) EACH_SUM(SUM_PARAMETER) const float *params, float *grads,
            float *partial, unsigned int *counter, int n) {
  const sk_pointers term[] = {EACH_TERM(GRAD_POINTERS){0, 0, 0, 0, 0}},
                    sum[] = {EACH_SUM(SUM_POINTERS){0, 0, 0, 0, 0}};
  const sk_sum_pointers of[] = {EACH_SUM(SUM_NORMS){0, 0, 0}};
  const int chunk = blockIdx.z;
  __shared__ double shared[SUMS > 0 ? SHARED : 1];
  __shared__ float beta[32 * PER];
  DRAW_COEFFICIENTS
  sk_begin();
  const sk_gradsum operands = {dst,    dx,    x,       term,    sum, of,    beta,
                               params, grads, partial, counter, n,   shared};
  SEGMENTS(RUN)
}
