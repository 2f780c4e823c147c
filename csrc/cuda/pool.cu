// pool.cu: the maximum or the mean of windows of pixels.
//
//   y[p][q] = max or mean over r < R, s < S of x[p*STRIDE + r - PAD][q*STRIDE + s - PAD]
//
// Pixels outside x are zeros to a mean and no candidates of a maximum, which keeps a NaN.
//
// pool(x, y, n): y is overwritten. R*S*sizeof(T) bytes read, mostly from the cache, and sizeof(T)
// written an element of y; R*S operations.
extern "C" __global__ void __launch_bounds__(THREADS) pool(const void *x, void *y, int n) {
  const int image = blockIdx.x, column = blockIdx.z * COLUMNS + threadIdx.x % COLUMNS,
            c = column * V;
  sk_begin();
  if (c >= X::C) return;
  const T *in = (const T *)x + (i64)image * H * W * X::PITCH + X::OFF + c;
  T *out = sk_at<Y>((T *)y, image, c);
  for (int o = blockIdx.y * ROWS + threadIdx.x / COLUMNS; o < HW; o += gridDim.y * ROWS) {
    const int h0 = o / Q * STRIDE - PAD, w0 = o % Q * STRIDE - PAD;
    float best[V];
    bool first = true;
    for (int i = 0; i < V; i++) best[i] = 0;
    for (int h = h0 < 0 ? 0 : h0; h < sk_min(h0 + R, H); h++)
      for (int w = w0 < 0 ? 0 : w0; w < sk_min(w0 + S, W); w++, first = false) {
        float f[V];
        sk_up<TYPE, V>(f, sk_load<X>(in, h * W + w));
        for (int i = 0; i < V; i++)
          if (!MAX)
            best[i] += f[i];
          else if (first || f[i] > best[i] || f[i] != f[i])
            best[i] = f[i];
      }
    if (!MAX)
      for (int i = 0; i < V; i++) best[i] /= R * S;
    sk_store<Y>(out, o, best);
  }
}
