// wgrad_sum.cu: adds up the parts of a weight gradient that wgrad left.
//
//   dw[off + i] = sum over z of partial[z][i]
//
// wgrad_sum(partial, dw, off, n): of SIZE floats a part. A thread has four floats of every LANES-th
// part, in order; then the LANES are added in order, in shared memory. 4*(splits + 1) bytes and
// splits FLOPs an element.
constexpr int COLUMNS = 256 / LANES;
typedef sk_pack<float, 4> four;

extern "C" __global__ void __launch_bounds__(256)
    wgrad_sum(const float *partial, float *dw, long long off, int n) {
  __shared__ four shared[256];
  const int column = threadIdx.x % COLUMNS, lane = threadIdx.x / COLUMNS,
            i = (blockIdx.x * COLUMNS + column) * 4;
  const int chunks = (n + NI - 1) / NI * PARTS, splits = chunks < SPLITS ? chunks : SPLITS;
  four sum = {{0, 0, 0, 0}};
  sk_begin();
  if (i < SIZE) {
    const float *p = partial + i;
#pragma unroll 4
    for (int z = lane; z < splits; z += LANES) {
      const four v = *(const four *)(p + (i64)z * SIZE);
#pragma unroll
      for (int j = 0; j < 4; j++) sum.w[j] += v.w[j];
    }
  }
  shared[threadIdx.x] = sum;
  __syncthreads();
  if (lane > 0 || i >= SIZE) return;
  for (int l = 1; l < LANES; l++)
#pragma unroll
    for (int j = 0; j < 4; j++) sum.w[j] += shared[l * COLUMNS + column].w[j];
#pragma unroll
  for (int j = 0; j < 4; j++) dw[off + i + j] = sum.w[j];
}
