// gather.cu: packs filters that a convolution cannot read in place, unpacks their gradients,
// converts storage types.
//
//   y[i] = index[i] < 0 ? 0 : x[index[i]]      (without INDEXED: x[i]), rounded to TO
//
// gather(x, index, y, n): x of type FROM, y of type TO and n elements, index int[n]. Four elements
// a thread; sizeof(FROM) + sizeof(TO) + 4 bytes an element.
__device__ __forceinline__ float sk_element(const void *x, i64 at) {
  return at < 0 ? 0 : sk_type<FROM>::up(((const sk_type<FROM>::store *)x)[at < 0 ? 0 : at]);
}

extern "C" __global__ void __launch_bounds__(256)
    gather(const void *x, const int *index, void *y, long long n) {
  sk_type<TO>::store *out = (sk_type<TO>::store *)y;
  sk_begin();
  for (i64 i = ((i64)blockIdx.x * 256 + threadIdx.x) * 4; i < n; i += (i64)gridDim.x * 1024) {
    if (i + 4 <= n) {
      float f[4];
      if constexpr (INDEXED) {
        const sk_pack<int, 4> at = *(const sk_pack<int, 4> *)(index + i);
#pragma unroll
        for (int j = 0; j < 4; j++) f[j] = sk_element(x, at.w[j]);
      } else {
        const sk_vector<FROM, 4> r =
            *(const sk_vector<FROM, 4> *)((const sk_type<FROM>::store *)x + i);
        sk_up<FROM, 4>(f, r);
      }
      sk_vector<TO, 4> r;
      sk_down<TO, 4>(r, f);
      sk_put(out + i, r);
    } else {
#pragma unroll 1
      for (i64 j = i; j < n; j++)
        out[j] = sk_type<TO>::down(sk_element(x, INDEXED ? (i64)index[j] : j));
    }
  }
}
