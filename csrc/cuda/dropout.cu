// dropout.cu: dropout, of activations or of their gradients.
//
//   y = x * (u >= rate ? 1/(1-rate) : 0)
//
// u is the uniform of engine.Kept, to the bit: word c%4 of counter (iteration, INDEX, position in
// the global batch, SK_DROPOUT) in chunk pixel*CHUNKS + c/4.
//
// dropout(step, x, y, n): y is overwritten. 2*sizeof(T) bytes and a quarter of a draw an element.
extern "C" __global__ void __launch_bounds__(THREADS)
    dropout(const sk_step *step, const void *x, void *y, int n) {
  const int image = blockIdx.x, column = blockIdx.z * COLUMNS + threadIdx.x % COLUMNS,
            c = column * V;
  sk_begin();
  if (c >= X::C) return;
  const T *in = sk_at<X>((const T *)x, image, c);
  T *out = sk_at<Y>((T *)y, image, c);
  for (int p = blockIdx.y * ROWS + threadIdx.x / COLUMNS; p < HW; p += gridDim.y * ROWS) {
    float f[V];
    sk_words r;
    sk_up<TYPE, V>(f, sk_load<X>(in, p));
#pragma unroll
    for (int i = 0; i < V; i++) {
      if (i % 4 ==
          0)  // a vector of four or more begins at a multiple of four, a shorter one is within
        r = sk_philox(step->seed, step->iteration, INDEX, step->base + image,
                      SK_DROPOUT | (u32)(p * CHUNKS + (c + i) / 4) << 8);
      f[i] = r.w[(c + i) % 4] >> 8 >= THRESHOLD ? f[i] * SCALE : 0;
    }
    sk_store<Y>(out, p, f);
  }
}
