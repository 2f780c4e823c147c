// poolgrad.cu: the gradient of pool.cu.
//
//   dx[h][w] = sum over the windows (p, q) that hold (h, w) of dy[p][q]/(R*S), or, of a maximum,
//   of dy[p][q] where (h, w) is the first of the largest of its window, by rows
//
// A maximum is found again from x, so no index is stored. Windows are added by rows.
//
// poolgrad(x, dy, dx, n): x is read by a maximum alone; dx is overwritten. Windows/STRIDE^2
// elements of dy are read for an element of dx, and for a maximum each window's of x, mostly from
// the cache.
extern "C" __global__ void __launch_bounds__(THREADS)
    poolgrad(const void *x, const void *dy, void *dx, int n) {
  const int image = blockIdx.x, column = blockIdx.z * COLUMNS + threadIdx.x % COLUMNS,
            c = column * V;
  sk_begin();
  if (c >= DX::C) return;
  const T *in = (const T *)x + (i64)image * HW * X::PITCH + X::OFF + c;
  const T *up = (const T *)dy + (i64)image * P * Q * DY::PITCH + DY::OFF + c;
  T *out = sk_at<DX>((T *)dx, image, c);
  for (int o = blockIdx.y * ROWS + threadIdx.x / COLUMNS; o < HW; o += gridDim.y * ROWS) {
    const int h = o / W, w = o % W;
    const int p0 = h + PAD < R ? 0 : (h + PAD - R) / STRIDE + 1,
              q0 = w + PAD < S ? 0 : (w + PAD - S) / STRIDE + 1;
    float sum[V];
    for (int i = 0; i < V; i++) sum[i] = 0;
    for (int p = p0; p < P && p * STRIDE <= h + PAD; p++)
      for (int q = q0; q < Q && q * STRIDE <= w + PAD; q++) {
        float g[V];
        sk_up<TYPE, V>(g, sk_load<DY>(up, p * Q + q));
        if (!MAX) {
          for (int i = 0; i < V; i++) sum[i] += g[i] / (R * S);
          continue;
        }
        const int h0 = p * STRIDE - PAD, w0 = q * STRIDE - PAD;
        float best[V];
        int at[V];
        bool first = true;
        for (int i = 0; i < V; i++) best[i] = 0, at[i] = 0;
        for (int y = h0 < 0 ? 0 : h0; y < sk_min(h0 + R, H); y++)
          for (int z = w0 < 0 ? 0 : w0; z < sk_min(w0 + S, W); z++, first = false) {
            float f[V];
            sk_up<TYPE, V>(f, sk_load<X>(in, y * W + z));
            for (int i = 0; i < V; i++)
              if (first || f[i] > best[i] || (f[i] != f[i] && best[i] == best[i]))
                best[i] = f[i], at[i] = y * W + z;
          }
        for (int i = 0; i < V; i++)
          if (at[i] == o) sum[i] += g[i];
      }
    sk_store<DX>(out, o, sum);
  }
}
