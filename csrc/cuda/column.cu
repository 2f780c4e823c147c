// column.cu: sums over the threads of a column, in a tree of fixed shape.
//
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
