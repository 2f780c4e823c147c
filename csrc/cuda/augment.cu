// augment.cu: a batch from the bytes of a resident data set.
//
//   y[i][h][w][c] = table[c][pix[index[i]][c][h'][w']]
//   h' = h + dy - CROP, w' = w + dx - CROP, mirrored if flipped; 0 outside and for c >= C
//
// table[c][b] is byte b normalised, so the border is zero in normalised space. With TRAIN flip, dy
// and dx are the draws of engine.AugmentDraw.
//
// augment(step, table, pix, index, y, n): table float[C][256], pix u8[images][C][H][W], index
// int[n]; y is overwritten, all of its PITCH channels. C bytes read and PITCH*sizeof(T) written a
// pixel.
typedef sh_type<TYPE>::store T;

extern "C" __global__ void __launch_bounds__(THREADS)
    augment(const sh_step *step, const float *table, const unsigned char *pix, const int *index,
            void *y, int n) {
  const int image = blockIdx.x;
  __shared__ int draw[3];  // flip, dy, dx
  if (threadIdx.x == 0) {
    draw[0] = 0, draw[1] = draw[2] = CROP;
    if (TRAIN) {
      const sh_words r = sh_philox(step->seed, step->iteration, 0, step->base + image, SH_AUGMENT);
      draw[0] = FLIP && sh_below(r.w[0], 2) == 1;
      draw[1] = (int)sh_below(r.w[1], 2 * CROP + 1), draw[2] = (int)sh_below(r.w[2], 2 * CROP + 1);
    }
  }
  __syncthreads();
  const unsigned char *in = pix + (i64)index[image] * C * H * W;
  T *out = (T *)y + (i64)image * H * W * PITCH;
  for (int p = blockIdx.y * THREADS + threadIdx.x; p < H * W; p += gridDim.y * THREADS) {
    const int h = p / W + draw[1] - CROP, w = p % W + draw[2] - CROP;
    const bool inside = h >= 0 && h < H && w >= 0 && w < W;
    const int at = inside ? h * W + (draw[0] ? W - 1 - w : w) : 0;
#pragma unroll
    for (int c = 0; c < PITCH; c += V) {
      float f[V];
#pragma unroll
      for (int i = 0; i < V; i++)
        f[i] = inside && c + i < C
                   ? table[(c + i < C ? c + i : 0) * 256 + in[(c + i < C ? c + i : 0) * H * W + at]]
                   : 0;
      sh_vector<TYPE, V> r;
      sh_down<TYPE, V>(r, f);
      sh_put(out + (i64)p * PITCH + c, r);
    }
  }
}
