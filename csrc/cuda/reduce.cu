// reduce.cu: sums over the images of a replica, in an order that depends on the shape and on n
// alone.
//
// The images of a replica are cut into chunks of at most 32, at most CHUNKS chunks a replica if
// they fit, and the pixels into gridDim.y parts. Block (x, y, z) adds up part y of chunk x of the
// channels of chunk z: first each thread its own pixels, then the threads of a column by shuffles,
// then the warps. The result goes to slot x*gridDim.y + y of the scratch array. The last block of
// each z to arrive merges the slots of all replicas.
struct sk_span {
  int replica, lo, hi;  // images lo .. hi-1
  int from, to;         // pixels
};

__device__ __forceinline__ int sk_chunk_images(int n) {
  const int most = (n + REPLICAS - 1) / REPLICAS, m = (most + CHUNKS - 1) / CHUNKS;
  return m < 32 ? m : 32;
}

__device__ __forceinline__ int sk_chunks(int n) {
  const int most = (n + REPLICAS - 1) / REPLICAS, m = sk_chunk_images(n);
  return (most + m - 1) / m;
}

__device__ __forceinline__ sk_span sk_slot(int x, int y, int parts, int n) {
  const int chunks = sk_chunks(n), m = sk_chunk_images(n), per = (HW + parts - 1) / parts;
  sk_span s;
  s.replica = x / chunks;
  s.lo = sk_first(s.replica, n) + x % chunks * m;
  s.hi = sk_min(s.lo + m, sk_first(s.replica + 1, n));
  s.from = sk_min(y * per, HW);
  s.to = sk_min(s.from + per, HW);
  return s;
}

__device__ __forceinline__ int sk_count(const sk_span &s) {
  return s.hi > s.lo ? (s.hi - s.lo) * (s.to - s.from) : 0;
}

// The count of numbers a channel in slot s of a replica of so many images.
__device__ __forceinline__ int sk_slot_count(int s, int parts, int images, int n) {
  const int m = sk_chunk_images(n), per = (HW + parts - 1) / parts, k = s / parts;
  const int i = sk_min(m, images - k * m), p = sk_min(per, HW - (s - k * parts) * per);
  return i > 0 && p > 0 ? i * p : 0;
}

// Whether this is the last block of its z to have written its slots. The counter is zero again
// afterwards. The barrier makes the block's stores precede thread 0's atomic operation. The
// operation releases them to the card and acquires the stores of the earlier blocks.
__device__ inline bool sk_last(unsigned int *counter) {
  __shared__ bool last;
  __syncthreads();
  if (threadIdx.x == 0) {
    const u32 blocks = gridDim.x * gridDim.y;
    last = sk_take_ticket(counter + blockIdx.z) == blocks - 1;
    if (last) counter[blockIdx.z] = 0;
  }
  __syncthreads();
  return last;
}

// The merge covers as many replicas at once as there are threads for a channel of each. A thread
// takes WIDE channels of every LANES-th slot. Then each channel of each replica has a thread that
// adds up the lanes.
constexpr int WIDE = V % 4 == 0 ? 4 : V, QUADS = CHANNELS / WIDE;
constexpr int AT_ONCE = REPLICAS < THREADS / CHANNELS ? REPLICAS : THREADS / CHANNELS;
constexpr int LANES = THREADS / (QUADS * AT_ONCE);
constexpr int SHARED =
    THREADS * WIDE *
    3;  // doubles: three sums of a lane's channels; the column sums' floats are fewer
static_assert(THREADS >= CHANNELS && SHARED * 2 >= 2 * COLUMN_FLOATS,
              "room for a column's sums, and a thread a channel");

// WIDE numbers that another block wrote: the load bypasses this multiprocessor's own cache.
__device__ __forceinline__ void sk_read(float *out, const float *p) {
#ifdef __CUDA_ARCH__
  if constexpr (WIDE == 4) {
    asm volatile("ld.global.cg.v4.f32 {%0, %1, %2, %3}, [%4];"
                 : "=f"(out[0]), "=f"(out[1]), "=f"(out[2]), "=f"(out[3])
                 : "l"(p));
    return;
  }
#endif
#pragma unroll
  for (int i = 0; i < WIDE; i++) out[i] = *(const volatile float *)(p + i);
}

// Adds up the slots of replicas r0 .. r0+AT_ONCE-1 for the block's channels, of C in the segment
// whose numbers begin at `first` in slot 0: array k of a slot is C floats behind array k-1.
// f(replica, slot, v, a) adds a slot's v[READ][WIDE] to a[A][WIDE]. Afterwards sk_slot_sum returns
// the sums.
template <int READ, int A, int C, class F>
__device__ __forceinline__ void sk_sum_slots(const float *first, int chunk, int slots, int r0,
                                             double *shared, F f) {
  const int quad = threadIdx.x % QUADS, which = threadIdx.x / QUADS % AT_ONCE,
            lane = threadIdx.x / (QUADS * AT_ONCE), c = chunk * CHANNELS + quad * WIDE,
            r = r0 + which;
  constexpr int AHEAD = READ > 2 ? 3 : 4;
  double a[A][WIDE];
#pragma unroll
  for (int i = 0; i < A * WIDE; i++) a[i / WIDE][i % WIDE] = 0;
  if (lane < LANES && c < C && r < REPLICAS) {
    const float *p = first + (i64)r * slots * SLOT + c;
    for (int s = lane; s < slots; s += AHEAD * LANES) {
      float v[AHEAD][READ][WIDE];
#pragma unroll
      for (int j = 0; j < AHEAD; j++)
        if (s + j * LANES < slots)
#pragma unroll
          for (int k = 0; k < READ; k++) sk_read(v[j][k], p + (i64)(s + j * LANES) * SLOT + k * C);
#pragma unroll
      for (int j = 0; j < AHEAD; j++)
        if (s + j * LANES < slots) f(r, s + j * LANES, v[j], a);
    }
  }
  __syncthreads();
  if (lane < LANES)
#pragma unroll
    for (int i = 0; i < A; i++)
#pragma unroll
      for (int w = 0; w < WIDE; w++)
        shared[((i * LANES + lane) * AT_ONCE + which) * CHANNELS + quad * WIDE + w] = a[i][w];
  __syncthreads();
}

// Sum i of the thread's channel: channel threadIdx.x % CHANNELS of replica r0 + threadIdx.x /
// CHANNELS, if these exist.
__device__ __forceinline__ double sk_slot_sum(const double *shared, int i) {
  double sum = 0;
  for (int l = 0; l < LANES; l++)
    sum += shared[((i * LANES + l) * AT_ONCE) * CHANNELS + threadIdx.x];
  return sum;
}
