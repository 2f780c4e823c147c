// wgrad.cu: the gradient of a convolution's weights, on tensor cores.
//
//   dw[k][r][s][c] = sum over n, p, q of
//                    dy[n][p][q][k] * x[n][p*STRIDE + r - PAD_H][q*STRIDE + s - PAD_W][c]
//
// c and k are of one group; x is 0 outside of its map.
//
// wgrad(x, dy, dw, off, partial, n): dw is float32[K][R][R][C / GROUPS] from element off on. With
// SPLITS > 1 dw is left alone; partial gets float32[splits][K][R][R][C / GROUPS], and wgrad_sum
// adds these up. 2*n*P*Q*K*R*R*C/GROUPS FLOPs; each of the tiles of KT*CT channels reads its
// channels of dy once and of x (XH*XW)/(TH*Q*STRIDE^2) times.
//
// The pixels of dy are the long axis of a matrix product: A is dy transposed, B is x. Blocks (.,
// group, z) share the tiles of a group, and z the chunks of NI images by TH rows. A chunk's dy and
// the window of x under it are copied to shared memory during the products of the chunk before. All
// R*R taps read the same window, shifted by whole pixels: a shift is a constant in the address of
// ldmatrix. A warp has MT tiles of 16 channels of dy by one row of taps by CW tiles of 8 channels
// of x, of every WK-th part of the chunk; the parts are added in shared memory at the end. Every
// sum has one order, which depends on the shape and on n alone.
//
// Banks do not conflict: pixels are an odd number of 16-byte units apart. So 8 neighbours, the rows
// of one matrix of ldmatrix, are in 8 different groups of 4 banks, wherever they begin. With STRIDE
// 2 even and odd columns of x stand apart, so that the pixels of one tap are neighbours. sk_spread
// does the same for writes.
constexpr int THREADS = 32 * WM * R * WC * WK, TAPS = R * R;
constexpr int KT = WM * MT * 16, CT = WC * CW * 8, KU = KT / 8, CU = CT / 8, KP = KU | 1,
              CP = CU | 1;  // in channels; in units of 8 of them
constexpr int STEP = R == 1 ? 1 : STRIDE, XH = (TH - 1) * STEP + R, XW = (Q - 1) * STEP + R,
              EVEN = STEP == 2 ? (XW + 1) / 2 : XW;
constexpr int PIXELS = NI * TH * Q, XPIXELS = NI * XH * XW, PARTS = (P + TH - 1) / TH;
constexpr int STEPS = (PIXELS + 16 * WK - 1) / (16 * WK), CHUNK = STEPS * 16 * WK;
constexpr int STAGE = (CHUNK * KP + XPIXELS * CP) * 16;  // bytes
typedef sk_type<TYPE>::store T;

// The m-th pixel to write. 8 lanes that write 16 bytes each at a time write UNITS of them to each
// of 8/UNITS pixels that are UNITS apart.
template <int UNITS> __device__ __forceinline__ int sk_spread(int m) {
  if constexpr (UNITS == 2) return (m & ~7) | (m & 3) << 1 | (m >> 2 & 1);
  if constexpr (UNITS == 4) return (m & ~7) | (m & 1) << 2 | (m >> 1 & 3);
  return m;
}

// Copies the dy of a chunk: its pixels follow each other in memory, as do whole images.
__device__ __forceinline__ void sk_copy_dy(u32 to, const T *dy, int chunk, int k0, int n) {
  const int image0 = chunk / PARTS * NI, p0 = chunk % PARTS * TH, u = threadIdx.x % KU;
  const T *from = dy + (i64)image0 * (P * Q * DY::PITCH) +
                  (p0 * Q * DY::PITCH + DY::OFF + blockIdx.y * KG + k0 + u * 8);
  const int there =
      k0 + u * 8 >= KG ? 0 : sk_min(PIXELS, PARTS == 1 ? (n - image0) * (P * Q) : (P - p0) * Q);
#pragma unroll
  for (int i = 0; i < CHUNK; i += THREADS / KU) {
    const int m = threadIdx.x / KU + i, j = sk_spread<KU>(m);
    if (m >= CHUNK)
      break;  // CHUNK is a multiple of 16: all 8 pixels of a group are within, or none
    sk_copy16(to + (j * KP + u) * 16, j < there ? from + j * DY::PITCH : dy, j < there);
  }
}

// The place in x of a pixel of the window: its distance from the window's origin, in elements; its
// image, if a chunk has whole images, else its row, if the column exists.
struct alignas(8) sk_window {
  int at, where;
};
constexpr int NOWHERE = 1 << 30;

__device__ __forceinline__ void sk_fill_window(sk_window *window) {
  for (int j = threadIdx.x; j < XPIXELS; j += THREADS) {
    const int image = j / (XH * XW), row = j / XW % XH * (STRIDE / STEP), column = j % XW;
    const int across = (STEP == 1       ? column
                        : column < EVEN ? 2 * column
                                        : 2 * (column - EVEN) + 1) *
                       (STRIDE / STEP);
    const bool inside =
        across >= PAD_W && across < W + PAD_W && (PARTS > 1 || (row >= PAD_H && row < H + PAD_H));
    window[j].at = ((image * H + row - PAD_H) * W + across - PAD_W) * X::PITCH;
    window[j].where = inside ? PARTS > 1 ? row : image : NOWHERE;
  }
}

__device__ __forceinline__ void sk_copy_x(u32 to, const T *x, const sk_window *window, int chunk,
                                          int c0, int n) {
  const int image0 = chunk / PARTS * NI, h0 = chunk % PARTS * TH * STRIDE, u = threadIdx.x % CU;
  const T *from = x + (i64)image0 * (H * W * X::PITCH) +
                  (h0 * W * X::PITCH + X::OFF + blockIdx.y * CG + c0 + u * 8);
  const u32 before = PARTS > 1 ? h0 - PAD_H : 0, there = c0 + u * 8 >= CG ? 0
                                                         : PARTS > 1      ? H
                                                                          : n - image0;
#pragma unroll 1
  for (int i = 0; i < XPIXELS; i += THREADS / CU) {
    const int j = sk_spread<CU>(threadIdx.x / CU + i);
    if (j >= XPIXELS) continue;
    const sk_window w = window[j];
    const bool read = before + w.where < there;  // above the first row it is a large number
    sk_copy16(to + (j * CP + u) * 16, read ? from + w.at : x, read);
  }
}

extern "C" __global__ void __launch_bounds__(THREADS, 1)
    wgrad(const void *x, const void *dy, float *dw, long long off, float *partial, int n) {
  extern __shared__ __align__(16) unsigned char shared[];
  constexpr int TILES = (KG + KT - 1) / KT;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int wm = warp % WM, wc = warp / WM % WC, tap = warp / (WM * WC) % R,
            part = warp / (WM * WC * R);
  const int k0 = blockIdx.x % TILES * KT, c0 = blockIdx.x / TILES * CT;
  const int chunks = (n + NI - 1) / NI * PARTS, each = chunks / gridDim.z,
            more = chunks % gridDim.z, z = blockIdx.z;
  const int first = z * each + sk_min(z, more), end = first + each + (z < more ? 1 : 0);
  const u32 base = sk_shared_address(shared);
  sk_window *window = (sk_window *)(shared + 2 * STAGE);
  sk_fill_window(window);
  sk_begin();
  __syncthreads();

  // The offsets in a stage of this lane's rows of the matrices. Of A, matrices 1 and 3 are the next
  // 8 channels, 2 and 3 the next 8 pixels; of B, 1 and 3 the next 8 pixels, 2 and 3 the next 8
  // channels. A pixel behind the chunk's last is 0 in dy, and any of x.
  const u32 at_dy = (part * STEPS * 16 + lane % 8 + lane / 16 * 8) * (KP * 16) +
                    (lane / 8 % 2 + wm * MT * 2) * 16;
  u32 at_x[STEPS];
#pragma unroll
  for (int i = 0; i < STEPS; i++) {
    int j = (part * STEPS + i) * 16 + lane % 16;
    if (CHUNK > PIXELS && j >= PIXELS) j = 0;
    const int pixel = (j / (TH * Q) * XH + j / Q % TH * STEP + tap) * XW + j % Q;
    at_x[i] = (CHUNK * KP + pixel * CP + (CW > 1 ? lane / 16 : 0) + wc * CW) * 16;
  }

  float sum[MT][R][CW][4];
#pragma unroll
  for (int m = 0; m < MT; m++)
#pragma unroll
    for (int s = 0; s < R; s++)
#pragma unroll
      for (int c = 0; c < CW; c++)
#pragma unroll
        for (int i = 0; i < 4; i++) sum[m][s][c][i] = 0;

  u32 stage = base, other = base + STAGE;
  if (first < end) {
    sk_copy_dy(stage, (const T *)dy, first, k0, n);
    sk_copy_x(stage + CHUNK * KP * 16, (const T *)x, window, first, c0, n);
  }
#pragma unroll 1
  for (int chunk = first; chunk < end; chunk++) {
    sk_arrive();
    __syncthreads();  // this chunk has arrived, and the other stage has been read
    if (chunk + 1 < end) {
      sk_copy_dy(other, (const T *)dy, chunk + 1, k0, n);
      sk_copy_x(other + CHUNK * KP * 16, (const T *)x, window, chunk + 1, c0, n);
    }
#pragma unroll
    for (int i = 0; i < STEPS; i++) {
      u32 a[MT][4];
#pragma unroll
      for (int m = 0; m < MT; m++) sk_matrices(a[m], stage + at_dy + i * (16 * KP * 16) + m * 32);
#pragma unroll
      for (int s = 0; s < R; s++) {
        const int shift = STEP == 2 ? s % 2 * EVEN + s / 2 : s;
        if constexpr (CW == 1) {
          u32 b[2];
          sk_matrices(b, stage + at_x[i] + shift * (CP * 16));  // lanes 16.. have no row
#pragma unroll
          for (int m = 0; m < MT; m++) sk_mma<TYPE>(sum[m][s][0], a[m], b);
        } else {
#pragma unroll
          for (int c = 0; c < CW; c += 2) {
            u32 b[4];
            sk_matrices(b, stage + at_x[i] + shift * (CP * 16) + c * 16);
            const u32 left[2] = {b[0], b[1]}, right[2] = {b[2], b[3]};
#pragma unroll
            for (int m = 0; m < MT; m++)
              sk_mma<TYPE>(sum[m][s][c], a[m], left), sk_mma<TYPE>(sum[m][s][c + 1], a[m], right);
          }
        }
      }
    }
    const u32 t = stage;
    stage = other, other = t;
  }

  // The parts of the chunks, one after the other.
  constexpr int SLICE = THREADS / WK, SUMS = MT * R * CW * 4;
  float *flat = &sum[0][0][0][0], *room = (float *)shared + threadIdx.x % SLICE;
#pragma unroll 1
  for (int w = 1; w < WK; w++) {
    __syncthreads();
    if (part == w)
#pragma unroll
      for (int i = 0; i < SUMS; i++) room[i * SLICE] = flat[i];
    __syncthreads();
    if (part == 0)
#pragma unroll
      for (int i = 0; i < SUMS; i++) flat[i] += room[i * SLICE];
  }
  if (part > 0) return;
  float *out = SPLITS > 1 ? partial + (i64)blockIdx.z * (GROUPS * KG * TAPS * CG) : dw + off;
#pragma unroll
  for (int m = 0; m < MT; m++)
#pragma unroll
    for (int s = 0; s < R; s++)
#pragma unroll
      for (int c = 0; c < CW; c++)
#pragma unroll
        for (int i = 0; i < 2; i++) {
          const int k = k0 + (wm * MT + m) * 16 + lane / 4 + i * 8,
                    channel = c0 + (wc * CW + c) * 8 + lane % 4 * 2;
          if (k >= KG || channel >= CG) continue;
          float *p = out + ((blockIdx.y * KG + k) * TAPS + tap * R + s) * CG + channel;
          if constexpr (SPLITS > 1)
            sk_put(p, sk_pack<float, 2>{{sum[m][s][c][2 * i], sum[m][s][c][2 * i + 1]}});
          else
            p[0] = sum[m][s][c][2 * i], p[1] = sum[m][s][c][2 * i + 1];  // off may be odd
        }
}
