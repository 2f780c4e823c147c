// tile.cu: a block's walk over activations, and its reads of them.
//
// A block has THREADS = COLUMNS * ROWS threads and works on COLUMNS vectors of V channels, the same
// ones for every pixel; thread t has column t % COLUMNS and every ROWS-th pixel from t / COLUMNS
// on. So a thread keeps the coefficients of its channels in registers, and neighbours read
// neighbouring addresses. blockIdx.z counts the chunks of COLUMNS vectors. Constants in front of
// this text: TYPE, V, HW, REPLICAS, COLUMNS, ROWS, UNROLL.
constexpr int THREADS = COLUMNS * ROWS;
typedef sk_type<TYPE>::store T;
typedef sk_vector<TYPE, V> raw;

// floor(image*R/n) is the r with ceil(r*n/R) <= image < ceil((r+1)*n/R). n*R is below 2^31: in 64
// bits the division would be a call.
__device__ __forceinline__ int sk_replica(int image, int n) {
  return REPLICAS == 1 ? 0 : (int)((u32)image * REPLICAS / (u32)n);
}
__device__ __forceinline__ int sk_first(int replica, int n) {
  return (int)(((u32)replica * n + REPLICAS - 1) / REPLICAS);
}

// V floats of one array of a norm for channel c of slice S.
template <class S>
__device__ __forceinline__ void sk_norm_load(float *out, const float *norm, int which, int replica,
                                             int c) {
  const float *p = norm + ((i64)which * REPLICAS + replica) * S::NORM_C + S::NORM_OFF + c;
  if constexpr (V % 4 == 0 && S::NORM_C % 4 == 0 && S::NORM_OFF % 4 == 0) {
#pragma unroll
    for (int i = 0; i < V; i += 4) {
      const sk_vector<0, 4> r = *(const sk_vector<0, 4> *)(p + i);
#pragma unroll
      for (int j = 0; j < 4; j++) out[i + j] = r.w[j];
    }
  } else {
#pragma unroll
    for (int i = 0; i < V; i++) out[i] = p[i];
  }
}

// The address of channel c of slice S at pixel 0 of an image; pixel q is q*PITCH further.
template <class S, class P> __device__ __forceinline__ P *sk_at(P *base, int image, int c) {
  return base + (i64)image * HW * S::PITCH + S::OFF + c;
}

template <class S> __device__ __forceinline__ raw sk_load(const T *p, int q) {
  return *(const raw *)(p + q * S::PITCH);
}

template <class S> __device__ __forceinline__ void sk_store(T *p, int q, const float *v) {
  raw r;
  sk_down<TYPE, V>(r, v);
  sk_put(p + q * S::PITCH, r);
}

// max(x, 0) that keeps a NaN.
__device__ __forceinline__ float sk_relu(float x) { return x < 0 ? 0 : x; }

// [x > 0] * v, elementwise; where x is a NaN the result is 0.
__device__ __forceinline__ void sk_mask(float *v, const float *x) {
#pragma unroll
  for (int i = 0; i < V; i++) v[i] = x[i] > 0 ? v[i] : 0;
}

// relu?(norm?(x)) of a vector. S: NORM, RELU.
template <class S>
__device__ __forceinline__ void sk_through(float *out, const raw &x, const float *scale,
                                           const float *shift) {
  sk_up<TYPE, V>(out, x);
#pragma unroll
  for (int i = 0; i < V; i++) {
    if constexpr (S::NORM) out[i] = fmaf(scale[i], out[i], shift[i]);
    if constexpr (S::RELU) out[i] = sk_relu(out[i]);
  }
}

// A view: v = relu?(norm?(x)). S: OFF, PITCH, NORM, RELU, NORM_C, NORM_OFF.
template <class S> struct sk_view {
  const T *p;
  float scale[V], shift[V];
  raw r[UNROLL];

  __device__ __forceinline__ void init(const void *x, const float *norm, int image, int replica,
                                       int c) {
    p = sk_at<S>((const T *)x, image, c);
    if constexpr (S::NORM) {
      sk_norm_load<S>(scale, norm, SK_SCALE, replica, c);
      sk_norm_load<S>(shift, norm, SK_SHIFT, replica, c);
    }
  }
  __device__ __forceinline__ void load(int u, int q) { r[u] = sk_load<S>(p, q); }
  __device__ __forceinline__ void value(float *out, int u) const {
    sk_through<S>(out, r[u], scale, shift);
  }
};

// The pixels of a block: f(q) loads of UNROLL pixels go out before the first is used.
#define SK_EACH(q, u, from, to, step) \
  _Pragma("unroll") for (int u = 0, q = from; u < UNROLL; u++, q += step) if (q < to)
