// stats_slots.cu: the statistics of batch normalisation out of the sums of blocks.
//
//   mean = sum x / P    var = sum (x - mean)^2 / P    invstd = 1/sqrt(var + 1e-5)
//   scale = params[gamma_at]*invstd    shift = params[beta_at] - mean*scale
//   running mean += 0.1 (mean - running mean)    running var += 0.1 (var*P/(P-1) - running var)
//
// per replica of P numbers a channel, of x as it is stored. A block takes sums about one of its own
// numbers, so that nothing cancels. A slot holds that number, the mean's distance from it, and M2.
// Slots are merged in float64 by Chan, Golub and LeVeque's formula. A replica without images keeps
// all its values.

struct sk_norm_pointers {
  const int *gamma_at, *beta_at;
  float *norm, *running;
};

// The values that the thread of a channel of a replica reads to finish it. The loads are in flight
// while the slots are added up.
struct sk_norm_before {
  int at;
  float gamma, zero, mean, var;  // zero is at beta_at; running mean and variance
};

template <class S>
__device__ __forceinline__ sk_norm_before sk_before(const sk_norm_pointers &p, const float *params,
                                                    int replica, int c) {
  sk_norm_before b = {-1, 0, 0, 0, 0};
  if (c >= S::C || replica >= REPLICAS) return b;
  const i64 i = (i64)replica * S::NORM_C + S::NORM_OFF + c, array = (i64)REPLICAS * S::NORM_C;
  b.at = p.gamma_at[S::NORM_OFF + c];
  if (b.at < 0) return b;
  b.gamma = params[b.at], b.zero = params[p.beta_at[S::NORM_OFF + c]];
  b.mean = p.running[i], b.var = p.running[array + i];
  return b;
}

template <class S>
__device__ __forceinline__ void sk_norm_finish(const sk_norm_pointers &p, const sk_norm_before &b,
                                               int replica, int c, double count, double mean,
                                               double m2) {
  const i64 i = (i64)replica * S::NORM_C + S::NORM_OFF + c, array = (i64)REPLICAS * S::NORM_C;
  const double invstd = 1 / sqrt(m2 / count + SK_NORM_EPSILON), scale = b.gamma * invstd;
  p.norm[SK_MEAN * array + i] = (float)mean;
  p.norm[SK_INVSTD * array + i] = (float)invstd;
  p.norm[SK_SCALE * array + i] = (float)scale;
  p.norm[SK_SHIFT * array + i] = (float)(b.zero - mean * scale);
  if (b.at < 0) return;
  p.running[i] = (float)(b.mean + SK_NORM_MOMENTUM * (mean - b.mean));
  p.running[array + i] =
      (float)(b.var + SK_NORM_MOMENTUM * (m2 / (count > 1 ? count - 1 : 1) - b.var));
}

// Merges all replicas. BASE is the place of S's numbers in a slot.
template <class S>
__device__ inline void sk_merge(const sk_norm_pointers &p, const float *params,
                                const float *partial, int chunk, int n, double *shared) {
  __shared__ float middle[AT_ONCE * CHANNELS];
  const int channel = threadIdx.x % CHANNELS, which = threadIdx.x / CHANNELS,
            c = chunk * CHANNELS + channel, parts = gridDim.y, slots = sk_chunks(n) * parts;
  for (int r0 = 0; r0 < REPLICAS; r0 += AT_ONCE) {
    const int r = r0 + which, images = r < REPLICAS ? sk_first(r + 1, n) - sk_first(r, n) : 0;
    const bool mine = which < AT_ONCE && c < S::C && images > 0;
    const sk_norm_before before = sk_before<S>(p, params, mine ? r : REPLICAS, c);
    if (mine)
      middle[threadIdx.x] =
          *(const volatile float *)(partial + (i64)r * slots * SLOT + S::BASE + c);
    __syncthreads();
    // sum P(mean - middle), sum P(mean - middle)^2, sum M2
    sk_sum_slots<3, 3, S::C>(
        partial + S::BASE, chunk, slots, r0, shared,
        [&](int replica, int s, const float (*v)[WIDE], double (*a)[WIDE]) {
          const double count =
              sk_slot_count(s, parts, sk_first(replica + 1, n) - sk_first(replica, n), n);
          const float *about = middle + (replica - r0) * CHANNELS + threadIdx.x % QUADS * WIDE;
#pragma unroll
          for (int w = 0; w < WIDE; w++) {
            const double d = ((double)v[0][w] - about[w]) + v[1][w], k = count * d;
            a[0][w] += count > 0 ? k : 0;
            a[1][w] += count > 0 ? k * d : 0;
            a[2][w] += v[2][w];
          }
        });
    const double count = (double)images * HW;
    if (mine) {
      const double sum = sk_slot_sum(shared, 0), off = sum / count;
      sk_norm_finish<S>(p, before, r, c, count, middle[threadIdx.x] + off,
                        sk_slot_sum(shared, 2) + (sk_slot_sum(shared, 1) - sum * off));
    }
  }
}

// Adds a vector of x to a thread's sums about `about`.
__device__ __forceinline__ void sk_slot_add(float (*a)[V], const float *about, const raw &x) {
  float f[V];
  sk_up<TYPE, V>(f, x);
#pragma unroll
  for (int i = 0; i < V; i++) {
    const float d = f[i] - about[i];
    a[0][i] += d;
    a[1][i] = fmaf(d, d, a[1][i]);
  }
}

// The parameters; slots and counters for the last block; room in shared memory.
struct sk_leave {
  const float *params;
  float *partial;
  unsigned int *counter;
  double *shared;
};

// Leaves the block's slot, and merges all slots if this is the last block of its chunk. A thread
// has sums a[0] of x - about and a[1] of (x - about)^2 over its rows; about is the same number in
// all threads of a column; the block has `count` numbers a channel.
template <class S>
__device__ inline void sk_finish_slot(float (*a)[V], const float *about, int count,
                                      const sk_norm_pointers &p, const sk_leave &to, int chunk,
                                      int n) {
  __shared__ float middle[CHANNELS];
  sk_column_sum<2>(a, (float *)to.shared);
  if (threadIdx.x < COLUMNS)
#pragma unroll
    for (int i = 0; i < V; i++) middle[threadIdx.x * V + i] = about[i];
  __syncthreads();
  const int channel = chunk * CHANNELS + threadIdx.x;
  if (threadIdx.x < CHANNELS && channel < S::C) {
    const float sum = sk_column_total((float *)to.shared, 0, threadIdx.x),
                mean = count > 0 ? sum / count : 0;
    float *slot =
        to.partial + ((i64)blockIdx.x * gridDim.y + blockIdx.y) * SLOT + S::BASE + channel;
    slot[0] = middle[threadIdx.x];
    slot[S::C] = mean;
    slot[2 * S::C] = sk_relu(fmaf(-mean, sum, sk_column_total((float *)to.shared, 1, threadIdx.x)));
  }
  if (sk_last(to.counter)) sk_merge<S>(p, to.params, to.partial, chunk, n, to.shared);
}
