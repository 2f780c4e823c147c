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
  if (c >= X::C) return;
  sh_view<X> v;
  v.init(x, norm, image, sh_replica(image, n), c);
  T *out = sh_at<Y>((T *)y, image, c);
  for (int p = blockIdx.y * ROWS * UNROLL + threadIdx.x / COLUMNS; p < HW;
       p += gridDim.y * ROWS * UNROLL) {
    SH_EACH(q, u, p, HW, ROWS) v.load(u, q);
    SH_EACH(q, u, p, HW, ROWS) {
      float f[V];
      v.value(f, u);
      sh_store<Y>(out, q, f);
    }
  }
}
