// apply.cu: a view, stored.
//
//   y = relu?(norm?(x))
//
// apply(x, norm, y, n): x and y activations, norm the norm's arrays; y is overwritten. 2 sizeof(T)
// bytes and 2 FLOPs an element.
extern "C" __global__ void __launch_bounds__(THREADS)
    apply(const void *x, const float *norm, void *y, int n) {
  const int image = blockIdx.x, column = blockIdx.z * COLUMNS + threadIdx.x % COLUMNS,
            c = column * V;
  sk_begin();
  if (c >= X::C) return;
  sk_view<X> v;
  v.init(x, norm, image, sk_replica(image, n), c);
  T *out = sk_at<Y>((T *)y, image, c);
  for (int p = blockIdx.y * ROWS * UNROLL + threadIdx.x / COLUMNS; p < HW;
       p += gridDim.y * ROWS * UNROLL) {
    SK_EACH(q, u, p, HW, ROWS) v.load(u, q);
    SK_EACH(q, u, p, HW, ROWS) {
      float f[V];
      v.value(f, u);
      sk_store<Y>(out, q, f);
    }
  }
}
