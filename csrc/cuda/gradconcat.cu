// gradconcat.cu: gradients of several tensors side by side on channels: the dy of a merged
// convolution.
//
//   dy[.., channels of grad k] = the k-th Grad (grad.cu)
//
// Grads with the same g and mask form a segment, which reads those once.
//
// gradconcat(step, g_k, mask_k, y_k, norm_k, block_k for every grad k, dy, n): a missing operand of
// a grad is 0; dy is overwritten. sizeof(T) bytes an element of each y, of dy, and of each g and
// mask of a segment; 3 to 6 FLOPs an element of dy.
template <class M> struct sk_piece {
  sk_grad<M> grad;
  T *dy;

  __device__ __forceinline__ void init(const sk_pointers *p, void *out, int image, int replica,
                                       int c) {
    grad.init(p, replica, c);
    grad.behind.image(p, image, c);
    dy = sk_at<typename M::DYS>((T *)out, image, c);
  }
  __device__ __forceinline__ void load(int u, int q) { grad.behind.load(u, q); }
  __device__ __forceinline__ void store(const float *g, const float *beta, int u, int q) {
    float out[V];
    grad.value(out, g, beta, u);
    sk_store<typename M::DYS>(dy, q, out);
  }
};

// A segment of C channels. Some threads of the block are still writing beta.
template <int C, class First, class... M>
__device__ __forceinline__ void segment(const sk_pointers *p, void *dy, const float *beta,
                                        int image, int replica, int chunk) {
  const int column = chunk * COLUMNS + threadIdx.x % COLUMNS, c = column * V < C ? column * V : 0;
  sk_source<First> source;
  sk_members<sk_piece, First, M...> pieces;
  source.image(p, image, c);
  pieces.each([&](auto &m) { m.init(p, dy, image, replica, c); });
  const auto load = [&](int from) {
    SK_EACH(q, u, from, HW, ROWS) {
      source.load(u, q);
      pieces.each([&](auto &m) { m.load(u, q); });
    }
  };
  int from = blockIdx.y * ROWS * UNROLL + threadIdx.x / COLUMNS;
  load(from);       // in flight while the coefficients are drawn
  __syncthreads();  // the coefficients are drawn
  if (column * V >= C) return;
  for (; from < HW; load(from += gridDim.y * ROWS * UNROLL)) {
    SK_EACH(q, u, from, HW, ROWS) {
      float g[V];
      source.value(g, u);
      pieces.each([&](auto &m) { m.store(g, beta, u, q); });
    }
  }
}

#define COEFFICIENT(k, coef, D, branch) \
  if (threadIdx.x == coef % THREADS)    \
    beta[coef] = sk_beta<D>(step, block##k, image, replica, branch);
#define RUN(first, end, C, ...)      \
  if (chunk >= first && chunk < end) \
    segment<C, __VA_ARGS__>(p, dy, beta, image, replica, chunk - first);

extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS)
    gradconcat(const sk_step *step, EACH_GRAD(GRAD_PARAMETER) void *dy, int n) {
  const sk_pointers p[] = {EACH_GRAD(GRAD_POINTERS)};
  const int image = blockIdx.x, replica = sk_replica(image, n), chunk = blockIdx.z;
  __shared__ float beta[COEFS + 1];
  EACH_COEFFICIENT(COEFFICIENT)
  sk_begin();
  SEGMENTS(RUN)
}
