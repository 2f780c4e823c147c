// finite.cu: sets scaler.bad where a gradient is an infinity or a NaN.
//
// check_finite(g, scaler, n): float[n]. 4 bytes an element.
extern "C" __global__ void __launch_bounds__(256)
    check_finite(const float *g, sh_scaler *scaler, long long n) {
  bool bad = false;
  for (i64 i = ((i64)blockIdx.x * 256 + threadIdx.x) * 4; i < n; i += (i64)gridDim.x * 1024) {
    if (i + 4 <= n) {
      const sh_vector<0, 4> r = *(const sh_vector<0, 4> *)(g + i);
#pragma unroll
      for (int j = 0; j < 4; j++) bad |= (sh_float_bits(r.w[j]) & 0x7f800000) == 0x7f800000;
    } else {
#pragma unroll 1
      for (i64 j = i; j < n; j++) bad |= (sh_float_bits(g[j]) & 0x7f800000) == 0x7f800000;
    }
  }
  if (bad) scaler->bad = 1;  // all writers write the same
}
