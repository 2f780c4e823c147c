// widen.cu: some channels of a tensor, and zeros behind them.
//
//   y[c] = c < C of x ? x[c] : 0, for every channel of y's pixels
//
// widen(x, y, n): y is overwritten, the lanes behind its last channel too. 2*sizeof(T) bytes an
// element.
extern "C" __global__ void __launch_bounds__(THREADS) widen(const void *x, void *y, int n) {
  const int image = blockIdx.x, column = blockIdx.z * COLUMNS + threadIdx.x % COLUMNS,
            c = column * V;
  sk_begin();
  if (c >= Y::C) return;
  const bool inside = c < X::C;
  const T *in = sk_at<X>((const T *)x, image, inside ? c : 0);
  T *out = sk_at<Y>((T *)y, image, c);
  for (int p = blockIdx.y * ROWS + threadIdx.x / COLUMNS; p < HW; p += gridDim.y * ROWS) {
    float f[V];
    for (int i = 0; i < V; i++) f[i] = 0;
    if (inside) sk_up<TYPE, V>(f, sk_load<X>(in, p));
    sk_store<Y>(out, p, f);
  }
}
