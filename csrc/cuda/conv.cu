// conv.cu: a convolution on tensor cores, with the view that it reads and the statistics that
// follow.
//
//   z = relu?(norm?(x)), rounded; 0 outside of the map
//   y[n][p][q][k] = sum over r, s, c of
//                   w[k][r][s][c] * z[n][p*STRIDE + r - PAD_H][q*STRIDE + s - PAD_W][c]
//
// c and k are of one group. The statistics of y are those of stats_slots.cu.
//
// conv(x, norm, w, off, y, view, gamma_at_k, beta_at_k, norm_k, running_k for every norm k, params,
// partial, counter, n): w is T[K][R][R][C / GROUPS] from element off on; y is overwritten, and so
// is view, by z, where VIEW has one. 2*n*P*Q*K*R*R*C/GROUPS FLOPs; each chunk of channels of y
// reads its group of x (XH*XW)/(TH*Q*STRIDE^2) times.
//
// A block makes a chunk of channels for the pixels of a slot (reduce.cu), a tile of NI images by TH
// rows at a time. A tile's window of z stands in shared memory, all channels of the group; all R*R
// taps read it, shifted by whole pixels: a shift is a constant in the address of ldmatrix. Filters
// come in pieces of a row of taps by CS channels: all once, where they fit beside the window
// (RESIDENT), else each during the products of the piece before. A warp has 32 pixels by 32
// channels. Sums run over the pieces, then taps, then channels, in this order. The finished tile
// crosses shared memory, so that threads have whole vectors to store and add up, as in stats.cu.
//
// Banks do not conflict: pixels and filters are an odd number of 16-byte units apart. With STRIDE 2
// even and odd columns of z stand apart, so that the pixels of one tap are neighbours.
constexpr int STEP = R == 1 ? 1 : STRIDE, XH = (TH - 1) * STEP + R, XW = (Q - 1) * STEP + R,
              EVEN = STEP == 2 ? (XW + 1) / 2 : XW, XPIXELS = NI * XH * XW;
constexpr int CU = CG / 8, CP = CU | 1, FU = CS / 8, FP = FU | 1;  // units of 8 channels
constexpr int LOADERS = THREADS / CU, AHEAD = 4;
constexpr int WN = CHANNELS / 32;                                      // warps side by side
constexpr int PIECES = R * (CG / CS), PIECE = R * CHANNELS * FP * 16;  // bytes
constexpr int YP = CHANNELS * 2 + 16;  // bytes from pixel to pixel of a finished tile

// The tensors of a launch.
struct sk_tensors {
  const T *x, *w;
  const float *norm;
  T *y, *view;
};

// The tile at hand, of a replica: images, rows of y from p0 on, channels of y from k0 on.
struct sk_tile {
  int replica, image0, images, p0, rows, k0;
};

// Copies the window of a tile, through the view. The block with the group's first channels of y
// also stores the input rows of the tile: STRIDE for each row of y, and behind the last all others.
__device__ __forceinline__ void sk_window(unsigned char *window, const sk_tensors &t,
                                          const sk_tile &at) {
  const int u = threadIdx.x % CU, c = at.k0 / KG * CG + u * 8;
  const bool keep = at.k0 % KG == 0;
  if (threadIdx.x >= LOADERS * CU) return;
  float scale[V], shift[V];
  if constexpr (X::NORM) {
    sk_norm_load<X>(scale, t.norm, SK_SCALE, at.replica, c);
    sk_norm_load<X>(shift, t.norm, SK_SHIFT, at.replica, c);
  }
  const int own = at.p0 * STRIDE, end = at.p0 + at.rows >= P ? H : (at.p0 + at.rows) * STRIDE;
#pragma unroll 1
  for (int first = threadIdx.x / CU; first < XPIXELS; first += LOADERS * AHEAD) {
    raw r[AHEAD];
    int pixel[AHEAD];
    bool inside[AHEAD], mine[AHEAD];
#pragma unroll
    for (int i = 0; i < AHEAD; i++) {
      const int j = first + i * LOADERS, image = j / (XH * XW), column = j % XW;
      const int across = (STEP == 1       ? column
                          : column < EVEN ? 2 * column
                                          : 2 * (column - EVEN) + 1) *
                             (STRIDE / STEP) -
                         PAD_W;
      const int row = at.p0 * STRIDE + j / XW % XH * (STRIDE / STEP) - PAD_H;
      inside[i] =
          j < XPIXELS && image < at.images && row >= 0 && row < H && across >= 0 && across < W;
      mine[i] = inside[i] && row >= own && row < end;
      pixel[i] = ((at.image0 + image) * H + row) * W + across;
      if (inside[i]) r[i] = *(const raw *)(t.x + (i64)pixel[i] * X::PITCH + X::OFF + c);
    }
#pragma unroll
    for (int i = 0; i < AHEAD; i++) {
      const int j = first + i * LOADERS;
      if (j >= XPIXELS) break;
      raw z;
#pragma unroll
      for (int k = 0; k < 4; k++) z.w[k] = 0;
      if (inside[i]) {
        float f[V];
        sk_through<X>(f, r[i], scale, shift);
        sk_down<TYPE, V>(z, f);
        if constexpr (VIEW::PRESENT)
          if (keep && mine[i]) sk_put(t.view + (i64)pixel[i] * VIEW::PITCH + VIEW::OFF + c, z);
      }
      *(raw *)(window + (j * CP + u) * 16) = z;
    }
  }
}

// Copies a piece of the filters of channels k0 .. of y, of which there are `channels`.
__device__ __forceinline__ void sk_filters(u32 to, const T *w, int k0, int channels, int piece) {
  const int r = piece % R, c0 = piece / R * CS;
#pragma unroll
  for (int i = 0; i < R * CHANNELS * FU; i += THREADS) {
    const int j = i + threadIdx.x, u = j % FU, k = j / FU % CHANNELS, s = j / (FU * CHANNELS);
    if (j >= R * CHANNELS * FU) break;
    const bool read = k < channels;
    sk_copy16(to + ((s * CHANNELS + k) * FP + u) * 16,
              read ? w + (i64)(k0 + k) * (R * R * CG) + ((r * R + s) * CG + c0 + u * 8) : w, read);
  }
}

// The products of a piece: 32 pixels by 32 channels of a warp. at_z are the addresses of this
// lane's rows of the window, at_w that of its rows of the piece.
__device__ __forceinline__ void sk_piece(float (*sum)[4][4], const u32 *at_z, u32 at_w, int piece) {
  const u32 z = piece % R * (XW * CP * 16) + piece / R * (CS * 2);
#pragma unroll
  for (int s = 0; s < R; s++) {
    const int shift = STEP == 2 ? s % 2 * EVEN + s / 2 : s;
#pragma unroll 1
    for (int c = 0; c < CS; c += 16) {
      u32 a[2][4], b[2][4];
#pragma unroll
      for (int m = 0; m < 2; m++) {
        sk_rows(a[m], at_z[m] + z + shift * (CP * 16) + c * 2);
        sk_rows(b[m], at_w + (s * CHANNELS + m * 16) * (FP * 16) + c * 2);
      }
#pragma unroll
      for (int k = 0; k < 4; k++) {
        const u32 filters[2] = {b[k / 2][k % 2 * 2], b[k / 2][k % 2 * 2 + 1]};
#pragma unroll
        for (int m = 0; m < 2; m++) sk_mma<TYPE>(sum[m][k], a[m], filters);
      }
    }
  }
}

// Makes channels k0 .. k0+channels-1 of y for the block's slot. about and sums are for
// sk_finish_slot.
__device__ inline void sk_conv(const sk_tensors &t, const sk_span &span, int k0, int channels,
                               float *about, float (*sums)[V], unsigned char *shared) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, wn = warp % WN, wm = warp / WN;
  const u32 base = sk_shared_address(shared), filters = base + WINDOW;
  // Rows of the matrices: of a, matrices 1 and 3 are the next 8 pixels, 2 and 3 the next 8
  // channels; of b, 1 and 3 the next 8 channels, 2 and 3 the next 8 filters. A pixel behind the
  // tile's last one is any: its sums are not used.
  u32 at_z[2];
#pragma unroll
  for (int m = 0; m < 2; m++) {
    int j = wm * 32 + m * 16 + lane % 16;
    if (j >= NI * TH * Q) j = 0;
    at_z[m] = base + (((j / (TH * Q) * XH + j / Q % TH * STEP) * XW + j % Q) * CP + lane / 16) * 16;
  }
  const u32 at_w = filters + ((wn * 32 + lane / 16 * 8 + lane % 8) * FP + lane / 8 % 2) * 16;
  const int column = threadIdx.x % COLUMNS;
  const bool mine = column * V < channels;
  if constexpr (RESIDENT)
#pragma unroll 1
    for (int i = 0; i < PIECES; i++) sk_filters(filters + i * PIECE, t.w, k0, channels, i);

  bool first = true;
#pragma unroll 1
  for (int image = span.lo; image < span.hi; image += NI) {
#pragma unroll 1
    for (int p0 = span.from / Q; p0 * Q < span.to; p0 += TH) {
      const int images = sk_min(NI, span.hi - image), rows = sk_min(TH, span.to / Q - p0);
      __syncthreads();  // the tile before has been read
      if constexpr (!RESIDENT) sk_filters(filters, t.w, k0, channels, 0);
      sk_window(shared, t, {span.replica, image, images, p0, rows, k0});
      float sum[2][4][4];
#pragma unroll
      for (int i = 0; i < 32; i++) (&sum[0][0][0])[i] = 0;
      if constexpr (RESIDENT) {
        sk_arrive();
        __syncthreads();
#pragma unroll 1
        for (int i = 0; i < PIECES; i++) sk_piece(sum, at_z, at_w + i * PIECE, i);
      } else {
#pragma unroll 1
        for (int i = 0; i < PIECES; i++) {
          sk_arrive();
          __syncthreads();  // this piece has arrived, and the other one's place has been read
          if (i + 1 < PIECES) sk_filters(filters + (i + 1) % 2 * PIECE, t.w, k0, channels, i + 1);
          sk_piece(sum, at_z, at_w + i % 2 * PIECE, i);
        }
      }
      __syncthreads();  // the window has been read
#pragma unroll
      for (int m = 0; m < 2; m++)
#pragma unroll
        for (int k = 0; k < 4; k++)
#pragma unroll
          for (int i = 0; i < 2; i++)
            *(u32 *)(shared + (wm * 32 + m * 16 + lane / 4 + i * 8) * YP +
                     (wn * 32 + k * 8 + lane % 4 * 2) * 2) =
                sk_down2<TYPE>(sum[m][k][2 * i], sum[m][k][2 * i + 1]);
      __syncthreads();
      const int pixels = images * rows * Q;  // whole images, or rows of one
      T *out = t.y + ((i64)image * HW + p0 * Q) * Y::PITCH + Y::OFF + k0 + column * V;
      if (!mine) continue;
      if (first) sk_up<TYPE, V>(about, *(const raw *)(shared + column * 16));
      first = false;
#pragma unroll 2  // four at once spill registers of the 16 channels of a stem (NVRTC 13.5)
      for (int j = threadIdx.x / COLUMNS; j < pixels; j += ROWS) {
        const raw v = *(const raw *)(shared + j * YP + column * 16);
        sk_put(out + j * Y::PITCH, v);
        if constexpr (SLOT > 0) sk_slot_add(sums, about, v);
      }
    }
  }
  sk_arrive();
  __syncthreads();  // the last tile has been read, and no copy is under way
}

#define PARAMETER(k) \
  const int *gamma_at##k, const int *beta_at##k, float *norm##k, float *running##k,
#define FIND(first, end, k)                                            \
  if (chunk >= first && chunk < end) {                                 \
    k0 = S##k::BEGIN + (chunk - first) * CHANNELS;                     \
    channels = sk_min(CHANNELS, S##k::C - (chunk - first) * CHANNELS); \
  }
#define FINISH(first, end, k)                                                   \
  if (chunk >= first && chunk < end) {                                          \
    const sk_norm_pointers p = {gamma_at##k, beta_at##k, norm##k, running##k};  \
    sk_finish_slot<S##k>(sums, about, sk_count(span), p, to, chunk - first, n); \
  }

extern "C" __global__ void __launch_bounds__(THREADS, 2)
    conv(const void *x, const float *norm, const void *w, long long off, void *y, void *view,
         EACH_NORM(PARAMETER) const float *params, float *partial, unsigned int *counter, int n) {
  extern __shared__ __align__(16) unsigned char shared[];
  const sk_span span = sk_slot(blockIdx.x, blockIdx.y, gridDim.y, n);
  const int chunk = blockIdx.z;
  int k0 = 0, channels = 0;
  SEGMENTS(FIND)
  float about[V], sums[2][V];
#pragma unroll
  for (int i = 0; i < V; i++) sums[0][i] = sums[1][i] = about[i] = 0;
  sk_begin();
  const sk_tensors t = {(const T *)x, (const T *)w + off, norm, (T *)y, (T *)view};
  sk_conv(t, span, k0, channels, about, sums, shared);
  const sk_leave to = {params, partial, counter, (double *)shared};
  NORMS(FINISH)
}
