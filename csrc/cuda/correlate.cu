// correlate.cu: online variance and covariance of two views, element by element.
//
//   state = {count, mean a, mean b, sum (a - mean a)^2, sum (b - mean b)^2,
//            sum (a - mean a)(b - mean b)}, over all calls so far
//
// A block takes sums about its first values; blocks are merged in order in float64 by Chan, Golub
// and LeVeque's formula, and then the state with them.
//
// correlate(xa, norma, xb, normb, partial, counter, state, n): state double[6], initially zeros. 2
// sizeof(T) bytes and 8 FLOPs an element.
struct sk_moments {
  double count, a, b, aa, bb, ab;
};

__device__ inline sk_moments sk_join_moments(const sk_moments &x, const sk_moments &y) {
  if (y.count == 0) return x;
  if (x.count == 0) return y;
  sk_moments r;
  r.count = x.count + y.count;
  const double da = y.a - x.a, db = y.b - x.b, share = y.count / r.count, w = x.count * share;
  r.a = x.a + da * share, r.b = x.b + db * share;
  r.aa = x.aa + y.aa + da * da * w, r.bb = x.bb + y.bb + db * db * w,
  r.ab = x.ab + y.ab + da * db * w;
  return r;
}

// The moments of all threads, in thread 0.
__device__ inline sk_moments sk_block_moments(sk_moments m, sk_moments *shared) {
  const int t = threadIdx.x;
  __syncthreads();
  shared[t] = m;
  for (int h = 128; h > 0; h /= 2) {
    __syncthreads();
    if (t < h && t + h < THREADS) shared[t] = sk_join_moments(shared[t], shared[t + h]);
  }
  __syncthreads();
  return shared[0];
}

extern "C" __global__ void __launch_bounds__(THREADS)
    correlate(const void *xa, const float *norma, const void *xb, const float *normb,
              sk_moments *partial, unsigned int *counter, sk_moments *state, int n) {
  __shared__ sk_moments shared[THREADS];
  __shared__ bool last;
  const int column = blockIdx.z * COLUMNS + threadIdx.x % COLUMNS, c = column * V,
            row = threadIdx.x / COLUMNS;
  sk_moments mine = {0, 0, 0, 0, 0, 0};
  sk_begin();
  if (c < A::C)
    for (int image = blockIdx.x; image < n; image += gridDim.x) {
      sk_view<A> va;
      sk_view<B> vb;
      va.init(xa, norma, image, sk_replica(image, n), c);
      vb.init(xb, normb, image, sk_replica(image, n), c);
      float a0 = 0, b0 = 0, sa = 0, sb = 0, aa = 0, bb = 0, ab = 0;
      int count = 0;
      for (int p = row; p < HW; p += ROWS * UNROLL) {
        SK_EACH(q, u, p, HW, ROWS) va.load(u, q), vb.load(u, q);
        SK_EACH(q, u, p, HW, ROWS) {
          float fa[V], fb[V];
          va.value(fa, u);
          vb.value(fb, u);
          if (count == 0) a0 = fa[0], b0 = fb[0];
#pragma unroll
          for (int i = 0; i < V; i++) {
            const float da = fa[i] - a0, db = fb[i] - b0;
            sa += da, sb += db;
            aa = fmaf(da, da, aa), bb = fmaf(db, db, bb), ab = fmaf(da, db, ab);
          }
          count += V;
        }
      }
      if (count == 0) continue;
      const double k = count;
      const sk_moments m = {k,
                            a0 + sa / k,
                            b0 + sb / k,
                            aa - sa * (double)sa / k,
                            bb - sb * (double)sb / k,
                            ab - sa * (double)sb / k};
      mine = sk_join_moments(mine, m);
    }
  const sk_moments sum = sk_block_moments(mine, shared);
  const u32 blocks = gridDim.x * gridDim.z;
  if (threadIdx.x == 0) {
    partial[blockIdx.z * gridDim.x + blockIdx.x] = sum;
    __threadfence();
    last = atomicAdd(counter, 1u) == blocks - 1;
  }
  __syncthreads();
  if (!last) return;
  __threadfence();
  sk_moments all = {0, 0, 0, 0, 0, 0};
  for (u32 i = threadIdx.x; i < blocks; i += THREADS) {
    const volatile sk_moments &p = partial[i];
    const sk_moments m = {p.count, p.a, p.b, p.aa, p.bb, p.ab};
    all = sk_join_moments(all, m);
  }
  all = sk_block_moments(all, shared);
  if (threadIdx.x == 0) {
    *state = sk_join_moments(*state, all);
    *counter = 0;
  }
}
