// copy.cu: y = x in pieces of 16 bytes: the yardstick of bandwidth.
//
// copy(x, y, n): n pieces. 32 bytes a piece.
extern "C" __global__ void __launch_bounds__(256) copy(const void *x, void *y, long long n) {
  const sk_pack<u32, 4> *in = (const sk_pack<u32, 4> *)x;
  sk_pack<u32, 4> *out = (sk_pack<u32, 4> *)y;
  const i64 step = (i64)gridDim.x * 256;
  i64 i = (i64)blockIdx.x * 256 + threadIdx.x;
  sk_begin();
  for (; i + 3 * step < n; i += 4 * step) {
    const sk_pack<u32, 4> a = in[i], b = in[i + step], c = in[i + 2 * step], d = in[i + 3 * step];
    out[i] = a, out[i + step] = b, out[i + 2 * step] = c, out[i + 3 * step] = d;
  }
  for (; i < n; i += step) out[i] = in[i];
}
