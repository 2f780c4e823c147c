// sgd.cu: one step of stochastic gradient descent on flat arrays, in place.
//
//   g' = g*inverse + DECAY*w    v = MOMENTUM*v + g'    w -= lr*(NESTEROV ? g' + MOMENTUM*v : v)    copy = w rounded to T
//
// inverse is that of loss scaling (1 without a scaler); a step whose scaler says Bad changes nothing. v starts as zeros, which makes the first v the gradient.
//
// sgd(step, scaler, w, v, g, copy, n): float[n] each, copy T[n] (TYPE 0: none). Four elements a thread; 20 bytes an element and sizeof(T), 7 FLOPs.
typedef sh_type<TYPE>::store T;

__device__ __forceinline__ float sh_update(float &w, float &v, float g, float lr, float inverse) {
  const float d = fmaf(DECAY, w, g * inverse);
  v = fmaf(MOMENTUM, v, d);
  w = fmaf(-lr, NESTEROV ? fmaf(MOMENTUM, v, d) : v, w);
  return w;
}

extern "C" __global__ void __launch_bounds__(256) sgd(const sh_step *step, const sh_scaler *scaler, float *w, float *v, const float *g, void *copy, long long n) {
  const float lr = step->lr, inverse = scaler ? scaler->inverse : 1;
  if (scaler && scaler->bad) return;
  for (i64 i = ((i64)blockIdx.x * 256 + threadIdx.x) * 4; i < n; i += (i64)gridDim.x * 1024) {
    if (i + 4 <= n) {
      sh_raw<float, 4> a = *(const sh_raw<float, 4> *)(w + i), b = *(const sh_raw<float, 4> *)(v + i);
      const sh_raw<float, 4> c = *(const sh_raw<float, 4> *)(g + i);
#pragma unroll
      for (int j = 0; j < 4; j++) sh_update(a.v[j], b.v[j], c.v[j], lr, inverse);
      *(sh_raw<float, 4> *)(w + i) = a;
      *(sh_raw<float, 4> *)(v + i) = b;
      if (TYPE != 0) {
        sh_raw<T, 4> r;
        sh_down<TYPE, 4>(r, a.v);
        *(sh_raw<T, 4> *)((T *)copy + i) = r;
      }
    } else {
      for (i64 j = i; j < n; j++) {
        sh_update(w[j], v[j], g[j], lr, inverse);
        if (TYPE != 0) ((T *)copy)[j] = sh_type<TYPE>::down(w[j]);
      }
    }
  }
}
