// clip.cu: the norm of the gradient of all parameters, and its limit.
//
//   norm = inverse*sqrt(sum of g*g)    factor = min(1, MOST/(norm + 1e-6))
//
// inverse is the inverse of the loss scale (1 without a scaler). The sum is float64: of each
// thread, of the block as a tree, and of the blocks as another, in an order that n alone decides.
// The factor of a norm that is NaN is NaN.
//
// clip(g, scaler, partial, counter, clip, n): float[n]; partial double[gridDim.x]; clip is factor
// and norm, two floats, overwritten. 4 bytes an element.
__device__ inline double sk_tree(double sum) {
  __shared__ double sums[256];
  const int t = threadIdx.x;
  __syncthreads();
  sums[t] = sum;
  for (int h = 128; h > 0; h /= 2) {
    __syncthreads();
    if (t < h) sums[t] += sums[t + h];
  }
  __syncthreads();
  return sums[0];
}

extern "C" __global__ void __launch_bounds__(256)
    clip(const float *g, const sk_scaler *scaler, float *partial, unsigned int *counter,
         float *clip, long long n) {
  __shared__ bool last;
  double *slots = (double *)partial;
  const int t = threadIdx.x;
  double sum = 0;
  sk_begin();
  for (i64 i = ((i64)blockIdx.x * 256 + t) * 4; i < n; i += (i64)gridDim.x * 1024) {
    if (i + 4 <= n) {
      const sk_vector<0, 4> r = *(const sk_vector<0, 4> *)(g + i);
#pragma unroll
      for (int j = 0; j < 4; j++) sum += (double)r.w[j] * r.w[j];
    } else {
#pragma unroll 1
      for (i64 j = i; j < n; j++) sum += (double)g[j] * g[j];
    }
  }
  sum = sk_tree(sum);
  if (t == 0) {
    slots[blockIdx.x] = sum;
    last = sk_take_ticket(counter) == gridDim.x - 1;
    if (last) counter[0] = 0;
  }
  __syncthreads();
  if (!last) return;
  sum = 0;
  for (int i = t; i < gridDim.x; i += 256) sum += *(const volatile double *)(slots + i);
  sum = sk_tree(sum);
  if (t > 0) return;
  const double norm = sqrt(sum) * (scaler ? (double)scaler->inverse : 1.0);
  const double factor = MOST / (norm + 1e-6);
  clip[0] = factor >= 1 ? 1.0f : (float)factor;
  clip[1] = (float)norm;
}
