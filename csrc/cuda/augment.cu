// augment.cu: a batch from the bytes of a resident data set.
//
//   y[i][h][w][c] = table[c][pix[index[i]][c][h'][w']]
//   h' = h + dy - CROP, w' = w + dx - CROP, mirrored if flipped; 0 outside and for c >= C
//
// table[c][b] is byte b normalised, so the border is zero in normalised space. With TRAIN flip, dy
// and dx are the draws of engine.AugmentDraw, and y is 0 in the two holes of engine.Holes: of
// CUTOUT pixels, and with a probability of ERASE/2^24. With MIXED the image is weight times that,
// plus (1-weight) times the same of its partner.
//
// augment(step, table, pix, index, y, n): table float[C][256], pix u8[images][C][H][W], index
// int[n], with MIXED followed by the partners' indexes int[n], their positions in the global batch
// int[n], and the weight, a float; y is overwritten, all of its PITCH channels. C bytes read (2*C)
// and PITCH*sizeof(T) written a pixel.
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

struct sk_cut {
  int flip, dy, dx, hole[8];
};

// The draws of the image at a position of the global batch.
__device__ inline void sk_draw_cut(const sk_step *step, u32 position, sk_cut &d) {
  d.flip = 0, d.dy = d.dx = CROP;
  for (int i = 0; i < 8; i++) d.hole[i] = 0;
  if (!TRAIN) return;
  const sk_words r = sk_philox(step->seed, step->iteration, 0, position, SK_AUGMENT);
  d.flip = FLIP && sk_below(r.w[0], 2) == 1;
  d.dy = (int)sk_below(r.w[1], 2 * CROP + 1), d.dx = (int)sk_below(r.w[2], 2 * CROP + 1);
  if (HOLES) sk_holes(step, position, d.hole);
}

// The pixel of an image that pixel p of its augmented form shows; -1: none.
__device__ inline int sk_source(const sk_cut &d, int p) {
  const int h = p / W + d.dy - CROP, w = p % W + d.dx - CROP;
  bool inside = h >= 0 && h < H && w >= 0 && w < W;
  for (int k = 0; HOLES && k < 8; k += 4)
    inside = inside && !(p / W >= d.hole[k] && p / W < d.hole[k + 1] && p % W >= d.hole[k + 2] &&
                         p % W < d.hole[k + 3]);
  return inside ? h * W + (d.flip ? W - 1 - w : w) : -1;
}

__device__ inline float sk_pixel(const float *table, const unsigned char *in, int at, int c) {
  return at >= 0 && c < C ? table[(c < C ? c : 0) * 256 + in[(c < C ? c : 0) * H * W + at]] : 0;
}

extern "C" __global__ void __launch_bounds__(THREADS)
    augment(const sk_step *step, const float *table, const unsigned char *pix, const int *index,
            void *y, int n) {
  const int image = blockIdx.x, t = threadIdx.x;
  __shared__ sk_cut cut[1 + MIXED];
  if (t < 1 + MIXED)
    sk_draw_cut(step, t == 0 ? step->base + image : (u32)index[2 * n + image], cut[t]);
  sk_begin();
  __syncthreads();
  const unsigned char *in = pix + (i64)index[image] * C * H * W;
  const unsigned char *other = MIXED ? pix + (i64)index[n + image] * C * H * W : in;
  const float weight = MIXED ? sk_bits_float((u32)index[3 * n]) : 1, rest = 1 - weight;
  T *out = (T *)y + (i64)image * H * W * PITCH;
  for (int p = blockIdx.y * THREADS + t; p < H * W; p += gridDim.y * THREADS) {
    const int at = sk_source(cut[0], p), there = MIXED ? sk_source(cut[MIXED], p) : -1;
#pragma unroll
    for (int c = 0; c < PITCH; c += V) {
      float f[V];
#pragma unroll
      for (int i = 0; i < V; i++) {
        f[i] = sk_pixel(table, in, at, c + i);
        if (MIXED) f[i] = fmaf(weight, f[i], rest * sk_pixel(table, other, there, c + i));
      }
      sk_vector<TYPE, V> r;
      sk_down<TYPE, V>(r, f);
      sk_put(out + (i64)p * PITCH + c, r);
    }
  }
}
