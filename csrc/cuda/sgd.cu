// sgd.cu: one step of stochastic gradient descent on flat arrays, in place.
//
//   g' = g*inverse*factor + DECAY*w    v = MOMENTUM*v + g'
//   w -= lr*(NESTEROV ? g' + MOMENTUM*v : v)    copy = w rounded to T
//   average = KEEP*average + REST*w, with AVERAGED; in iteration 0 it is w
//
// inverse is the inverse of the loss scale (1 without a scaler), factor that of clip.cu (1 without
// clip); a step whose scaler says Bad changes nothing but the average. v starts as zeros, so the
// first v is the gradient.
//
// sgd(step, scaler, clip, w, v, g, average, copy, n): float[n] each, copy T[n] (TYPE 0: none). Four
// elements a thread; 20 bytes an element, sizeof(T), and 8 with an average; 7 FLOPs, and 3.
typedef sk_type<TYPE>::store T;

__device__ __forceinline__ float sk_update(float &w, float &v, float g, float lr, float inverse) {
  const float d = fmaf(DECAY, w, g * inverse);
  v = fmaf(MOMENTUM, v, d);
  w = fmaf(-lr, NESTEROV ? fmaf(MOMENTUM, v, d) : v, w);
  return w;
}

extern "C" __global__ void __launch_bounds__(256)
    sgd(const sk_step *step, const sk_scaler *scaler, const float *clip, float *w, float *v,
        const float *g, float *average, void *copy, long long n) {
  sk_begin();
  const float lr = step->lr, inverse = (scaler ? scaler->inverse : 1) * (clip ? clip[0] : 1);
  const float keep = step->iteration ? KEEP : 0, rest = step->iteration ? REST : 1;
  const bool bad = scaler && scaler->bad;
  if (bad && !AVERAGED) return;
  for (i64 i = ((i64)blockIdx.x * 256 + threadIdx.x) * 4; i < n; i += (i64)gridDim.x * 1024) {
    if (i + 4 <= n) {
      sk_vector<0, 4> a = *(const sk_vector<0, 4> *)(w + i), b = *(const sk_vector<0, 4> *)(v + i);
      const sk_vector<0, 4> c = *(const sk_vector<0, 4> *)(g + i);
      if (!bad) {
#pragma unroll
        for (int j = 0; j < 4; j++) sk_update(a.w[j], b.w[j], c.w[j], lr, inverse);
        sk_put(w + i, a);
        sk_put(v + i, b);
        if (TYPE != 0) {
          sk_vector<TYPE, 4> r;
          sk_down<TYPE, 4>(r, a.w);
          sk_put((T *)copy + i, r);
        }
      }
      if (AVERAGED) {
        sk_vector<0, 4> e = *(const sk_vector<0, 4> *)(average + i);
#pragma unroll
        for (int j = 0; j < 4; j++) e.w[j] = fmaf(keep, e.w[j], rest * a.w[j]);
        sk_put(average + i, e);
      }
    } else {
#pragma unroll 1
      for (i64 j = i; j < n; j++) {
        if (!bad) {
          sk_update(w[j], v[j], g[j], lr, inverse);
          if (TYPE != 0) ((T *)copy)[j] = sk_type<TYPE>::down(w[j]);
        }
        if (AVERAGED) average[j] = fmaf(keep, average[j], rest * w[j]);
      }
    }
  }
}
