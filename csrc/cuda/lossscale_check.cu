// lossscale_check.cu: sets scaler.bad where a gradient is an infinity or a NaN.
//
// lossscale_check(g, scaler, n): float[n]. 4 bytes an element.
extern "C" __global__ void __launch_bounds__(256)
    lossscale_check(const float *g, sk_scaler *scaler, long long n) {
  bool bad = false;
  sk_begin();
  for (i64 i = ((i64)blockIdx.x * 256 + threadIdx.x) * 4; i < n; i += (i64)gridDim.x * 1024) {
    if (i + 4 <= n) {
      const sk_vector<0, 4> r = *(const sk_vector<0, 4> *)(g + i);
#pragma unroll
      for (int j = 0; j < 4; j++) bad |= (sk_float_bits(r.w[j]) & 0x7f800000) == 0x7f800000;
    } else {
#pragma unroll 1
      for (i64 j = i; j < n; j++) bad |= (sk_float_bits(g[j]) & 0x7f800000) == 0x7f800000;
    }
  }
  if (bad) scaler->bad = 1;  // all writers write the same
}
