// augment.cu: a batch from the bytes of a resident data set.
//
//   y[i][h][w][c] = table[c][pix[index[i]][c][h'][w']]
//   h' = h + dy - CROP, w' = w + dx - CROP, mirrored if flipped; 0 outside and for c >= C
//
// table[c][b] is byte b normalised, so the border is zero in normalised space. With TRAIN flip, dy
// and dx are the draws of engine.AugmentDraw, and y is 0 in the two holes of engine.Holes: of
// CUTOUT pixels, and with a probability of ERASE/2^24.
//
// augment(step, table, pix, index, y, n): table float[C][256], pix u8[images][C][H][W], index
// int[n]; y is overwritten, all of its PITCH channels. C bytes read and PITCH*sizeof(T) written a
// pixel.
typedef sk_type<TYPE>::store T;

// The square root of a small integer, rounded down.
__device__ inline int sk_root(u32 n) {
  u32 k = 0;
  while ((k + 1) * (k + 1) <= n) k++;
  return (int)k;
}

// Holes k of an image: rows hole[4k] .. hole[4k+1]-1 of columns hole[4k+2] .. hole[4k+3]-1.
__device__ inline void sk_holes(const sk_step *step, u32 position, int *hole) {
  const u64 seed = step->seed;
  if (CUTOUT > 0) {
    const sk_words r = sk_philox(seed, step->iteration, 0, position, SK_AUGMENT | 1 << 8);
    const int h = (int)sk_below(r.w[0], H) - CUTOUT / 2, w = (int)sk_below(r.w[1], W) - CUTOUT / 2;
    hole[0] = max(h, 0), hole[1] = min(h + CUTOUT, H);
    hole[2] = max(w, 0), hole[3] = min(w + CUTOUT, W);
  }
  const sk_words r = sk_philox(seed, step->iteration, 0, position, SK_AUGMENT | 2 << 8);
  if (r.w[0] >> 8 >= ERASE) return;
  const u32 least = (H * W + 49) / 50, most = 2 * H * W / 5 > least ? 2 * H * W / 5 : least;
  const u32 area = least + sk_below(r.w[1], most - least + 1), ratio = 300 + sk_below(r.w[2], 3034);
  const int high = min(max(sk_root(area * ratio / 1000), 1), H);
  const int wide = min(max(sk_root(area * 1000 / ratio), 1), W);
  const sk_words at = sk_philox(seed, step->iteration, 0, position, SK_AUGMENT | 3 << 8);
  hole[4] = (int)sk_below(at.w[0], H - high + 1), hole[5] = hole[4] + high;
  hole[6] = (int)sk_below(at.w[1], W - wide + 1), hole[7] = hole[6] + wide;
}

extern "C" __global__ void __launch_bounds__(THREADS)
    augment(const sk_step *step, const float *table, const unsigned char *pix, const int *index,
            void *y, int n) {
  const int image = blockIdx.x;
  __shared__ int draw[3];  // flip, dy, dx
  __shared__ int hole[8];
  if (threadIdx.x == 0) {
    draw[0] = 0, draw[1] = draw[2] = CROP;
    for (int i = 0; i < 8; i++) hole[i] = 0;
    if (TRAIN) {
      const sk_words r = sk_philox(step->seed, step->iteration, 0, step->base + image, SK_AUGMENT);
      draw[0] = FLIP && sk_below(r.w[0], 2) == 1;
      draw[1] = (int)sk_below(r.w[1], 2 * CROP + 1), draw[2] = (int)sk_below(r.w[2], 2 * CROP + 1);
      if (HOLES) sk_holes(step, step->base + image, hole);
    }
  }
  __syncthreads();
  const unsigned char *in = pix + (i64)index[image] * C * H * W;
  T *out = (T *)y + (i64)image * H * W * PITCH;
  for (int p = blockIdx.y * THREADS + threadIdx.x; p < H * W; p += gridDim.y * THREADS) {
    const int h = p / W + draw[1] - CROP, w = p % W + draw[2] - CROP;
    bool inside = h >= 0 && h < H && w >= 0 && w < W;
    for (int k = 0; HOLES && k < 8; k += 4)
      inside = inside && !(p / W >= hole[k] && p / W < hole[k + 1] && p % W >= hole[k + 2] &&
                           p % W < hole[k + 3]);
    const int at = inside ? h * W + (draw[0] ? W - 1 - w : w) : 0;
#pragma unroll
    for (int c = 0; c < PITCH; c += V) {
      float f[V];
#pragma unroll
      for (int i = 0; i < V; i++)
        f[i] = inside && c + i < C
                   ? table[(c + i < C ? c + i : 0) * 256 + in[(c + i < C ? c + i : 0) * H * W + at]]
                   : 0;
      sk_vector<TYPE, V> r;
      sk_down<TYPE, V>(r, f);
      sk_put(out + (i64)p * PITCH + c, r);
    }
  }
}
