// gradnorm.cu: a gradient completed and the backward sums of its norms (gradsum.cu), and the
// gradients in front of these norms (gradconcat.cu), in one cooperative launch. It does so for
// several parts side by side, each with a gradient of its own.
//
//   dst = (ACCUMULATE ? dst : 0) + [x > 0, if masked] * dx + sum of the terms (grad.cu), as T
//   S1, S2, dx_g, dx_x, dx_1, grads at gamma_at and beta_at of the norms with gradient dst
//   (norm_backward.cu)
//   dy_j = the gradient of sum j (grad.cu) with these dx_g, dx_x and dx_1
//
// Between sums and gradients the blocks of a chunk of channels wait for each other. Until then each
// thread keeps its own values of dst, behind the mask that its sums share, and of the norms' y in
// shared memory: those of the first PASSES passes over its pixels. The others it reads again. Every
// block adds up the slots of its replica; the first of each chunk does so for every replica and
// stores the coefficients and the gradients of the parameters. A part whose sums were taken before
// has gradients alone, from the coefficients of its norm.
//
// gradnorm(step, dst_i, dx_i, x_i for every part i, g_k, mask_k, y_k, norm_k, block_k for every
// term k, smask_j, sy_j, snorm_j, sblock_j, gamma_at_j, beta_at_j, dy_j for every sum j, params,
// grads, partial, counter, n): the outputs are dst, dx_g, dx_x, dx_1, grads at gamma_at and
// beta_at, and dy. No dy may share memory with another operand. sizeof(T) bytes an element of each
// operand, and of dst and y once more beyond PASSES; 8 to 11 FLOPs an element of each sum.
// The gradient in front of a norm.
template <class M> struct sk_front {
  sk_grad<M> grad;
  T *dy;

  __device__ __forceinline__ void init(const sk_pointers *p, const float *coefficients, int replica,
                                       int c) {
    if constexpr (M::KNOWN) {
      grad.init(p, replica, c);
    } else {
      grad.behind.init(p, replica, c);
      const float *at = coefficients + M::SUM * 3 * CHANNELS + threadIdx.x % COLUMNS * V;
#pragma unroll
      for (int i = 0; i < V; i++) {
        grad.dx_g[i] = at[i];
        grad.dx_x[i] = at[CHANNELS + i];
        grad.dx_1[i] = at[2 * CHANNELS + i];
      }
    }
  }
  __device__ __forceinline__ void image(const sk_pointers *p, void *const *to, int image, int c) {
    grad.behind.image(p, image, c);
    dy = sk_at<typename M::DYS>((T *)to[M::INDEX], image, c);
  }
  __device__ __forceinline__ void store(const float *g, const float *beta, int u, int q) {
    float out[V];
    grad.value(out, g, beta, u);
    sk_store<typename M::DYS>(dy, q, out);
  }
};

// The operands of each part, by its number, and of each term and sum by theirs; the coefficients
// beta of the block's images, PER an image.
struct sk_gradnorm {
  void *const *dst;
  const void *const *dx, *const *x;
  const sk_pointers *term, *sum;
  const sk_sum_pointers *of;
  void *const *dy;
  const float *beta, *params;
  float *grads, *partial;
  unsigned int *counter;
  int n;
  double *shared;
  float *coefficients;
  raw *kept;
};

// The coefficients of a sum's norm for the block's channels and its replica, in shared memory; the
// first block of the chunk stores those of every replica, and the gradients of the parameters.
template <class M, int C>
__device__ inline void sk_own_finish(const sk_gradnorm &o, int chunk, int replica) {
  const sk_sum_pointers &p = o.of[M::INDEX];
  const bool first = blockIdx.x == 0 && blockIdx.y == 0;
  const int c = chunk * CHANNELS + threadIdx.x, slots = sk_chunks(o.n) * gridDim.y;
  const bool mine = threadIdx.x < CHANNELS && c < C;
  const i64 array = (i64)REPLICAS * M::NORM_C;
  const int at = mine ? p.gamma_at[M::NORM_OFF + c] : -1,
            beta_at = at < 0 ? -1 : p.beta_at[M::NORM_OFF + c];
  const float gamma = at < 0 ? 0 : o.params[at];
  double dgamma = 0, dbeta = 0;
  for (int r = 0; r < REPLICAS; r++) {
    const int images = sk_first(r + 1, o.n) - sk_first(r, o.n);
    if (images == 0 || !first && r != replica) continue;
    const i64 i = (i64)r * M::NORM_C + M::NORM_OFF + c;
    const double invstd = mine ? p.norm[SK_INVSTD * array + i] : 0,
                 mean = mine ? p.norm[SK_MEAN * array + i] : 0;
    sk_own_slots<2, C>(o.partial + (i64)r * slots * SLOT + M::BASE, chunk, slots, o.shared);
    if (!mine) continue;
    const double dx_g = gamma * invstd, share = 1 / ((double)images * HW),
                 s1 = sk_own_sum(o.shared, 0), s2 = sk_own_sum(o.shared, 1) * invstd;
    const float by_g = (float)dx_g, by_x = (float)(-dx_g * invstd * s2 * share),
                by_1 = (float)(dx_g * (mean * invstd * s2 - s1) * share);
    dbeta += s1, dgamma += s2;
    if (r == replica) {
      float *to = o.coefficients + M::SUM * 3 * CHANNELS + threadIdx.x;
      to[0] = by_g, to[CHANNELS] = by_x, to[2 * CHANNELS] = by_1;
    }
    if (first) {
      p.norm[SK_DX_G * array + i] = by_g;
      p.norm[SK_DX_X * array + i] = by_x;
      p.norm[SK_DX_1 * array + i] = by_1;
    }
  }
  if (first && at >= 0) {
    o.grads[at] = (float)dgamma;
    o.grads[beta_at] = (float)dbeta;
  }
}

// A part S (complete.cu) with INDEX; GATE, the mask of its sums; PASSES, and KEEPS, the values kept
// a pixel. B are its sums, D those with a dy.
template <class S, class Terms, class Sums, class Fronts> struct sk_part;

template <class S, class Terms, class... B, class... D>
struct sk_part<S, Terms, sk_members<sk_sum, B...>, sk_members<sk_front, D...>> {
  // The place of a kept value.
  static __device__ __forceinline__ raw &kept(const sk_gradnorm &o, int pass, int u, int k) {
    return o.kept[((pass * UNROLL + u) * S::KEEPS + k) * THREADS + threadIdx.x];
  }

  template <class M>
  static __device__ __forceinline__ void keep(const sk_gradnorm &o, const sk_sum<M> &m, int pass,
                                              int u) {
    if constexpr (M::KEPT > 0) kept(o, pass, u, M::KEPT) = m.behind.r[u];
  }
  template <class M>
  static __device__ __forceinline__ void take(const sk_gradnorm &o, sk_front<M> &m, int pass,
                                              int u) {
    m.grad.behind.r[u] = kept(o, pass, u, M::KEPT);
  }

  static __device__ __forceinline__ void sums(const sk_gradnorm &o, const sk_span &s, int chunk,
                                              int c, int row) {
    sk_completion<S, Terms> gradient;
    sk_members<sk_sum, B...> sums;
    sk_source<typename S::GATE> gate;
    sums.each([&](auto &m) { m.clear(); });
    if (c < S::C && s.lo < s.hi) {
      gradient.init(o.term, s.replica, c);
      sums.each([&](auto &m) { m.init(o.sum, s.replica, c); });
      const float *beta = o.beta;
      int pass = 0;
      for (int image = s.lo; image < s.hi; image++, beta += PER) {
        gradient.image(o.dst[S::INDEX], o.dx[S::INDEX], o.x[S::INDEX], o.term, image, c);
        sums.each([&](auto &m) { m.image(o.sum, image, c); });
        gate.mask_image(o.sum, image, c);
        for (int p = s.from + row; p < s.to; p += ROWS * UNROLL, pass++) {
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
            if (pass < S::PASSES) {
              raw g;
              sk_down<TYPE, V>(g, f);  // exact: f is of type T
              kept(o, pass, u, 0) = g;
              sums.each([&](auto &m) { keep(o, m, pass, u); });
            }
          }
        }
      }
    }
    sums.each([&](auto &m) { m.put(o.partial, (float *)o.shared, chunk, S::C); });
    sk_meet(o.counter);
    (sk_own_finish<B, S::C>(o, chunk, s.replica), ...);
    __syncthreads();
  }

  static __device__ __forceinline__ void fronts(const sk_gradnorm &o, const sk_span &s, int c,
                                                int row) {
    sk_members<sk_front, D...> fronts;
    sk_source<typename S::GATE> gate;
    if (c >= S::C || s.lo >= s.hi) return;
    fronts.each([&](auto &m) { m.init(o.sum, o.coefficients, s.replica, c); });
    const float *beta = o.beta;
    int pass = 0;
    for (int image = s.lo; image < s.hi; image++, beta += PER) {
      const T *in = sk_at<S>((const T *)o.dst[S::INDEX], image, c);
      fronts.each([&](auto &m) { m.image(o.sum, o.dy, image, c); });
      gate.mask_image(o.sum, image, c);
      for (int p = s.from + row; p < s.to; p += ROWS * UNROLL, pass++) {
        raw r[UNROLL];
        const bool again = pass >= S::PASSES;
        if (again) {
          SK_EACH(q, u, p, s.to, ROWS) {
            r[u] = sk_load<S>(in, q);
            fronts.each([&](auto &m) { m.grad.behind.load(u, q); });
            gate.mask_load(u, q);
          }
        } else {
          SK_EACH(q, u, p, s.to, ROWS) {
            r[u] = kept(o, pass, u, 0);
            fronts.each([&](auto &m) { take(o, m, pass, u); });
          }
        }
        SK_EACH(q, u, p, s.to, ROWS) {
          float g[V];
          sk_up<TYPE, V>(g, r[u]);
          if (again) gate.mask(g, u);
          fronts.each([&](auto &m) { m.store(g, beta, u, q); });
        }
      }
    }
  }

  static __device__ __forceinline__ void run(const sk_gradnorm &o, int chunk) {
    const sk_span s = sk_slot(blockIdx.x, blockIdx.y, gridDim.y, o.n);
    const int c = (chunk * COLUMNS + threadIdx.x % COLUMNS) * V, row = threadIdx.x / COLUMNS;
    if constexpr (sizeof...(B) > 0) sums(o, s, chunk, c, row);
    fronts(o, s, c, row);
    if constexpr (sizeof...(B) > 0) sk_leave(o.counter);
  }
};

#define PART_PARAMETER(i) void *dst##i, const void *dx##i, const void *x##i,
#define DY_PARAMETER(j) SUM_PARAMETER(j) void *dy##j,
#define SUM_DY(j) dy##j,
#define PART_DST(i) dst##i,
#define PART_DX(i) dx##i,
#define PART_X(i) x##i,
#define RUN(first, end, ...) \
  if (chunk >= first && chunk < end) sk_part<__VA_ARGS__>::run(operands, chunk - first);

extern "C" __global__ void __launch_bounds__(THREADS, 2)
    gradnorm(const sk_step *step,
             EACH_PART(PART_PARAMETER) EACH_TERM(GRAD_PARAMETER) EACH_SUM(DY_PARAMETER)
                 const float *params,
             float *grads, float *partial, unsigned int *counter, int n) {
  extern __shared__ __align__(16) unsigned char tensors[];
  const sk_pointers term[] = {EACH_TERM(GRAD_POINTERS){0, 0, 0, 0, 0}},
                    sum[] = {EACH_SUM(SUM_POINTERS){0, 0, 0, 0, 0}};
  const sk_sum_pointers of[] = {EACH_SUM(SUM_NORMS){0, 0, 0}};
  void *const dst[] = {EACH_PART(PART_DST)}, *const dy[] = {EACH_SUM(SUM_DY)};
  const void *const dx[] = {EACH_PART(PART_DX)}, *const x[] = {EACH_PART(PART_X)};
  const int chunk = blockIdx.z;
  __shared__ double shared[OWN_SHARED];
  __shared__ float coefficients[MOST_SUMS * 3 * CHANNELS];
  __shared__ float beta[32 * PER];
  static_assert(OWN_SHARED * 2 >= 2 * COLUMN_FLOATS, "room for a column's sums");
  DRAW_COEFFICIENTS
  sk_begin();
  const sk_gradnorm operands = {
      dst,    dx,    x,       term,    sum, of,     dy,           beta,
      params, grads, partial, counter, n,   shared, coefficients, (raw *)tensors};
  SEGMENTS(RUN)
}
