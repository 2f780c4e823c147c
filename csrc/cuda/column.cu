// column.cu: sums over the threads of a warp and over those of a column, in trees of fixed shape.
//
// The sum of v over a whole warp, in every lane: numbers 16 lanes apart first.
template <class N> __device__ __forceinline__ N sh_warp_sum(N v) {
#pragma unroll
  for (int d = 16; d > 0; d /= 2) v += __shfl_xor_sync(~0u, v, d);
  return v;
}

// Adds a[A][V] of all threads of a column; the threads of row 0 have the sums.
template <int A> __device__ inline void sh_column_sum(float (*a)[V], float *shared) {
  const int row = threadIdx.x / COLUMNS;
  float *mine = shared + threadIdx.x; // neighbours' numbers side by side: no two threads of a warp meet in a bank
  __syncthreads();
#pragma unroll
  for (int i = 0; i < A * V; i++) mine[i * THREADS] = a[i / V][i % V];
  constexpr int half = ROWS <= 1 ? 0 : ROWS <= 2 ? 1 : ROWS <= 4 ? 2 : ROWS <= 8 ? 4 : ROWS <= 16 ? 8 : ROWS <= 32 ? 16 : ROWS <= 64 ? 32 : ROWS <= 128 ? 64 : 128;
  for (int h = half; h > 0; h /= 2) {
    __syncthreads();
    if (row < h && row + h < ROWS) {
#pragma unroll
      for (int i = 0; i < A * V; i++) mine[i * THREADS] += mine[i * THREADS + h * COLUMNS];
    }
  }
#pragma unroll
  for (int i = 0; i < A * V; i++) a[i / V][i % V] = mine[i * THREADS];
}
