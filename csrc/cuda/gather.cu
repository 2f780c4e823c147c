// gather.cu: packs filters that a convolution cannot read where they stand, unpacks their gradients, converts storage types.
//
//   y[i] = index[i] < 0 ? 0 : x[index[i]]      (without INDEXED: x[i]), rounded to TO
//
// gather(x, index, y, n): x of type FROM, y of type TO and n elements, index int[n]. sizeof(FROM) + sizeof(TO) + 4 bytes an element.
extern "C" __global__ void __launch_bounds__(256) gather(const void *x, const int *index, void *y, long long n) {
  for (i64 i = (i64)blockIdx.x * 256 + threadIdx.x; i < n; i += (i64)gridDim.x * 256) {
    const i64 at = INDEXED ? (i64)index[i] : i;
    const float f = at < 0 ? 0 : sh_type<FROM>::up(((const sh_type<FROM>::store *)x)[at < 0 ? 0 : at]);
    ((sh_type<TO>::store *)y)[i] = sh_type<TO>::down(f);
  }
}
