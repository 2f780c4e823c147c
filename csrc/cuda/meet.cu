// meet.cu: a barrier of the blocks of a cooperative launch that share a blockIdx.z, and the sums of
// one replica by every block that needs them.
//
// counter has two words for each z, zero in front of a launch and behind it. The barrier makes the
// stores of a block precede thread 0's atomic operation, which releases them to the card. Thread 0
// then looks at the word until all blocks have come, and acquires their stores.
__device__ __forceinline__ u32 sk_look(const unsigned int *counter) {
#ifdef __CUDA_ARCH__
  u32 now;
  asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(now) : "l"(counter) : "memory");
  return now;
#else
  __nanosleep(1);  // another block's turn
  return *(const volatile unsigned int *)counter;
#endif
}

__device__ inline void sk_meet(unsigned int *counter) {
  __syncthreads();
  if (threadIdx.x == 0) {
    unsigned int *came = counter + 2 * blockIdx.z;
    const u32 blocks = gridDim.x * gridDim.y;
    if (sk_take_ticket(came) != blocks - 1)
      while (sk_look(came) != blocks) {}
  }
  __syncthreads();
}

// The last block to leave makes the words zero: no block looks at them any more.
__device__ inline void sk_leave(unsigned int *counter) {
  if (threadIdx.x == 0) {
    unsigned int *came = counter + 2 * blockIdx.z;
    if (sk_take_ticket(came + 1) == gridDim.x * gridDim.y - 1) came[0] = came[1] = 0;
  }
}

// Adds up READ numbers a channel over the slots of one replica, for the block's channels of C.
// Array k of a slot is C floats behind array k-1, and the first begins at `first` in slot 0 of the
// replica. Each lane takes every OWN_LANES-th slot; then come the lanes of a warp by shuffles, and
// the warps. So the order is fixed. sk_own_sum returns the sums, behind a barrier of sk_own_slots.
constexpr int OWN_LANES = THREADS / QUADS, OWN_SHARED = 2 * WARPS * CHANNELS;  // doubles

template <int READ, int C>
__device__ __forceinline__ void sk_own_slots(const float *first, int chunk, int slots,
                                             double *shared) {
  static_assert(READ <= 2, "room for two sums");
  constexpr int AHEAD = 4;
  const int quad = threadIdx.x % QUADS, lane = threadIdx.x / QUADS,
            c = chunk * CHANNELS + quad * WIDE;
  double a[READ][WIDE];
#pragma unroll
  for (int i = 0; i < READ * WIDE; i++) a[i / WIDE][i % WIDE] = 0;
  if (c < C) {
    const float *p = first + c;
    for (int s = lane; s < slots; s += AHEAD * OWN_LANES) {
      float v[AHEAD][READ][WIDE];
#pragma unroll
      for (int j = 0; j < AHEAD; j++)
        if (s + j * OWN_LANES < slots)
#pragma unroll
          for (int k = 0; k < READ; k++)
            sk_read(v[j][k], p + (i64)(s + j * OWN_LANES) * SLOT + k * C);
#pragma unroll
      for (int j = 0; j < AHEAD; j++)
        if (s + j * OWN_LANES < slots)
#pragma unroll
          for (int i = 0; i < READ * WIDE; i++) a[i / WIDE][i % WIDE] += v[j][i / WIDE][i % WIDE];
    }
  }
#pragma unroll
  for (int i = 0; i < READ * WIDE; i++)
#pragma unroll
    for (int d = QUADS; d < 32; d *= 2)
      a[i / WIDE][i % WIDE] += __shfl_xor_sync(~0u, a[i / WIDE][i % WIDE], d);
  __syncthreads();  // the sums before are read
  if (threadIdx.x % 32 < QUADS)
#pragma unroll
    for (int i = 0; i < READ * WIDE; i++)
      shared[(i / WIDE * WARPS + threadIdx.x / 32) * CHANNELS + quad * WIDE + i % WIDE] =
          a[i / WIDE][i % WIDE];
  __syncthreads();
}

// Sum i of channel threadIdx.x of the block.
__device__ __forceinline__ double sk_own_sum(const double *shared, int i) {
  double sum = 0;
#pragma unroll
  for (int w = 0; w < WARPS; w++) sum += shared[(i * WARPS + w) * CHANNELS + threadIdx.x];
  return sum;
}
