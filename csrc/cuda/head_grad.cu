// head_grad.cu: the gradients of the classifier.
//
//   dW[k][c] = sum over images of dz[i][k]*m[i][c]    dbias[k] = sum of dz[i][k]
//
// head_grad(mean, dlogits, grads, n): mean float[n][C], dlogits float[n][CLASSES]; CLASSES*C floats
// of grads at WOFF and CLASSES at BOFF are overwritten. Block (x, k) has 64 channels of class k
// (channel C is the bias) and 4 threads a channel. Each of the 4 takes every 4th image; their sums
// are added in order.
extern "C" __global__ void __launch_bounds__(256)
    head_grad(const float *mean, const float *dlogits, float *grads, int n) {
  const int c = blockIdx.x * 64 + threadIdx.x % 64, lane = threadIdx.x / 64, k = blockIdx.y;
  __shared__ float sums[256];
  float sum = 0;
  sk_begin();
  if (c <= C)
    for (int i = lane; i < n; i += 4)
      sum = fmaf(dlogits[(i64)i * CLASSES + k], c < C ? mean[(i64)i * C + c] : 1.0f, sum);
  sums[threadIdx.x] = sum;
  __syncthreads();
  if (lane > 0 || c > C) return;
  sum = ((sums[c % 64] + sums[c % 64 + 64]) + sums[c % 64 + 128]) + sums[c % 64 + 192];
  if (c < C)
    grads[WOFF + (i64)k * C + c] = sum;
  else
    grads[BOFF + k] = sum;
}
