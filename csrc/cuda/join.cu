// join.cu: the shaken sum of a block.
//
//   y[i] = relu?(skip[i] + sum over branches k of alpha_k[i] * branch_k[i])
//   every operand a view: relu?(norm?(x))
//
// alpha_k is drawn here (philox.cu); in evaluation it is the expected one.
//
// join(step, block, skip, skip_norm, x_k, norm_k for every branch k, y, copy, n): skip and its norm
// are 0 for a block without skip; y is overwritten, and copy, unless it is 0, by relu(y). sizeof(T)
// bytes an element of each operand and of y; 4 FLOPs an element and branch.
#define PARAMETER(k) const void *x##k, const float *norm##k,
#define READER(k) sk_view<X##k> v##k;
#define INIT(k) v##k.init(x##k, norm##k, image, replica, c);
#define LOAD(k) v##k.load(u, q);
#define ADD(k)                                                                           \
  {                                                                                      \
    float f[V];                                                                          \
    v##k.value(f, u);                                                                    \
    _Pragma("unroll") for (int i = 0; i < V; i++) sum[i] = fmaf(alpha[k], f[i], sum[i]); \
  }

extern "C" __global__ void __launch_bounds__(THREADS)
    join(const sk_step *step, unsigned int block, const void *skip, const float *skip_norm,
         EACH_BRANCH(PARAMETER) void *y, void *copy, int n) {
  const int image = blockIdx.x, replica = sk_replica(image, n),
            column = blockIdx.z * COLUMNS + threadIdx.x % COLUMNS,
            c = column * V < Y::C ? column * V : 0;
  __shared__ float alpha[D::BRANCHES];
  for (int k = threadIdx.x; k < D::BRANCHES; k += THREADS)
    alpha[k] = EVAL ? (float)D::expected() : sk_alpha<D>(step, block, image, replica, k);
  sk_begin();
  sk_view<SKIP> vs;
  if (SKIP::PRESENT) vs.init(skip, skip_norm, image, replica, c);
  EACH_BRANCH(READER)
  EACH_BRANCH(INIT)
  T *out = sk_at<Y>((T *)y, image, c), *also = HAS_COPY ? sk_at<COPY>((T *)copy, image, c) : 0;
  const auto load = [&](int p) {
    SK_EACH(q, u, p, HW, ROWS) {
      if (SKIP::PRESENT) vs.load(u, q);
      EACH_BRANCH(LOAD)
    }
  };
  int p = blockIdx.y * ROWS * UNROLL + threadIdx.x / COLUMNS;
  load(p);          // in flight while alpha is drawn
  __syncthreads();  // alpha is drawn
  if (column * V >= Y::C) return;
  for (; p < HW; load(p += gridDim.y * ROWS * UNROLL)) {
    SK_EACH(q, u, p, HW, ROWS) {
      float sum[V];
      if (SKIP::PRESENT)
        vs.value(sum, u);
      else
        for (int i = 0; i < V; i++) sum[i] = 0;
      EACH_BRANCH(ADD)
      if (RELU)
        for (int i = 0; i < V; i++) sum[i] = sk_relu(sum[i]);
      sk_store<Y>(out, q, sum);
      if (HAS_COPY) {
        for (int i = 0; i < V; i++) sum[i] = sk_relu(sum[i]);
        sk_store<COPY>(also, q, sum);
      }
    }
  }
}
