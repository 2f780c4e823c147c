// column.cu: sums over the threads of a warp and over those of a column, in a fixed order.
//
// The sum of v over a whole warp, in every lane; numbers 16 lanes apart are added first.
template <class N> __device__ __forceinline__ N sk_warp_sum(N v) {
#pragma unroll
  for (int d = 16; d > 0; d /= 2) v += __shfl_xor_sync(~0u, v, d);
  return v;
}

constexpr int WARPS = THREADS / 32, CHANNELS = COLUMNS * V;  // of a block
constexpr int COLUMN_FLOATS = WARPS * CHANNELS;              // shared memory for one sum a channel
static_assert(32 % COLUMNS == 0 && THREADS % 32 == 0, "a warp has whole rows");

// Adds a[A][V] of the rows of a warp by shuffles and leaves the warps' sums in shared memory.
// sk_column_total reads them there, behind a barrier by the caller.
template <int A> __device__ __forceinline__ void sk_column_sum(float (*a)[V], float *shared) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int i = 0; i < A * V; i++)
#pragma unroll
    for (int d = COLUMNS; d < 32; d *= 2)
      a[i / V][i % V] += __shfl_xor_sync(~0u, a[i / V][i % V], d);
  if (lane < COLUMNS)
#pragma unroll
    for (int i = 0; i < A * V; i++)
      shared[i / V * COLUMN_FLOATS + (threadIdx.x / 32 * V + i % V) * COLUMNS + lane] =
          a[i / V][i % V];
}

// Sum `which` of a channel of the block over all warps.
__device__ __forceinline__ float sk_column_total(const float *shared, int which, int channel) {
  const float *first = shared + which * COLUMN_FLOATS + channel % V * COLUMNS + channel / V;
  float sum = first[0];
#pragma unroll
  for (int w = 1; w < WARPS; w++) sum += first[w * CHANNELS];
  return sum;
}
