// reduce.cu: sums over the images of a replica, in an order that depends on the shape and on n alone.
//
// The images of a replica are cut into chunks of at most 32, about CHUNKS chunks a replica, and the pixels into gridDim.y parts. Block (x, y, z) adds up
// part y of chunk x of the channels of chunk z: each thread its own pixels, then a tree over the threads of a column. The result goes to slot
// x*gridDim.y + y of the scratch array. The last block of each z to arrive merges the slots of every replica.
struct sh_span {
  int replica, lo, hi; // images lo .. hi-1
  int from, to;        // pixels
};

__device__ __forceinline__ int sh_chunk_images(int n) {
  const int most = (n + REPLICAS - 1) / REPLICAS, m = (most + CHUNKS - 1) / CHUNKS;
  return m < 32 ? m : 32;
}

__device__ __forceinline__ int sh_chunks(int n) {
  const int most = (n + REPLICAS - 1) / REPLICAS, m = sh_chunk_images(n);
  return (most + m - 1) / m;
}

__device__ __forceinline__ sh_span sh_slot(int x, int y, int parts, int n) {
  const int chunks = sh_chunks(n), m = sh_chunk_images(n), per = (HW + parts - 1) / parts;
  sh_span s;
  s.replica = x / chunks;
  s.lo = sh_first(s.replica, n) + x % chunks * m;
  s.hi = sh_min(s.lo + m, sh_first(s.replica + 1, n));
  s.from = sh_min(y * per, HW);
  s.to = sh_min(s.from + per, HW);
  return s;
}

__device__ __forceinline__ int sh_count(const sh_span &s) { return s.hi > s.lo ? (s.hi - s.lo) * (s.to - s.from) : 0; }

// How many numbers a channel has in slot s of a replica of so many images.
__device__ __forceinline__ int sh_slot_count(int s, int parts, int images, int n) {
  const int m = sh_chunk_images(n), per = (HW + parts - 1) / parts, k = s / parts;
  const int i = sh_min(m, images - k * m), p = sh_min(per, HW - (s - k * parts) * per);
  return i > 0 && p > 0 ? i * p : 0;
}

// Whether this is the last block of its z to have written its slots. The counter is zero again afterwards.
__device__ inline bool sh_last(unsigned int *counter) {
  __shared__ bool last;
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    const u32 blocks = gridDim.x * gridDim.y;
    last = atomicAdd(counter + blockIdx.z, 1u) == blocks - 1;
    if (last) counter[blockIdx.z] = 0;
  }
  __syncthreads();
  if (last) __threadfence();
  return last;
}

// Merging: COLUMNS*V channels by LANES threads each, which take every LANES-th slot, AHEAD of them in flight at a time; then lane 0 adds up the lanes.
constexpr int LANES = ROWS / V > 0 ? ROWS / V : 1;
constexpr int SHARED = THREADS * (V > 3 ? V : 3); // doubles: two sums of a column, or three of a lane

// Calls f(slot, its A numbers) for the slots of this lane, which begin at first; the numbers of a channel are C apart.
template <int A, int C, class F> __device__ __forceinline__ void sh_each_slot(const volatile float *first, int slots, F f) {
  constexpr int AHEAD = 8;
  for (int s = threadIdx.x / (COLUMNS * V); s < slots; s += AHEAD * LANES) {
    float v[AHEAD][A];
#pragma unroll
    for (int j = 0; j < AHEAD; j++)
      if (s + j * LANES < slots)
#pragma unroll
        for (int a = 0; a < A; a++) v[j][a] = first[(i64)(s + j * LANES) * SLOT + a * C];
#pragma unroll
    for (int j = 0; j < AHEAD; j++)
      if (s + j * LANES < slots) f(s + j * LANES, v[j]);
  }
}

template <int A> __device__ inline void sh_lane_sum(double *a, double *shared) {
  const int channel = threadIdx.x % (COLUMNS * V), lane = threadIdx.x / (COLUMNS * V);
  __syncthreads();
  if (lane < LANES)
    for (int i = 0; i < A; i++) shared[(lane * COLUMNS * V + channel) * A + i] = a[i];
  __syncthreads();
  if (lane == 0)
    for (int i = 0; i < A; i++)
      for (int l = 1; l < LANES; l++) a[i] += shared[(l * COLUMNS * V + channel) * A + i];
}
