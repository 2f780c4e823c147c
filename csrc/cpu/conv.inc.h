// conv.inc.h: the convolution kernels, compiled once per instruction set. Register tiles are sized by the registers there are; the order of
// every sum is the same in all of them, so results depend on neither the tile nor the worker.

// Blocks (SK_KB) by positions (SK_PX) of a gemm tile; input channels of a weight gradient tile (SK_CW).
#if defined(SK_AVX512)
#define SK_KB 2
#define SK_PX 12
#define SK_CW 8
#elif defined(SK_AVX2) || defined(__aarch64__)
#define SK_KB 1
#define SK_PX 6
#define SK_CW 6
#else
#define SK_KB 1
#define SK_PX 3
#define SK_CW 3
#endif
#define UNROLL _Pragma("GCC unroll 16")

enum { STEP_CHANNELS = 9 * 16 }; // at most, walked before the next positions: SK_WIDE blocks of weights of so many channels stay in L1

// The heart: y[kb blocks][px positions] (+)= sum over steps and their channels of w * x.
SK_INLINE void gemm_tile(const int kb, const int px, int steps, const sk_step *s, const float *w, int wrow, const float *x, float *y, int64_t yblock,
                         int ypx, int load) {
  vf a[SK_KB * STRIPS][SK_PX];
  UNROLL for (int i = 0; i < kb * STRIPS; i++)
    UNROLL for (int j = 0; j < px; j++)
      a[i][j] = load ? vf_load(y + i / STRIPS * yblock + j * ypx + i % STRIPS * SK_W) : (vf){};
  for (; steps; steps--, s++) {
    const float *xs = x + s->x, *end = xs + s->nc;
    _Pragma("GCC unroll 2") for (; xs < end; xs++, w += wrow) {
      vf wv[SK_KB * STRIPS];
      UNROLL for (int i = 0; i < kb * STRIPS; i++) wv[i] = vf_load(w + i * SK_W);
      UNROLL for (int j = 0; j < px; j++) {
        vf b = vf_set(xs[j * SK_B]);
        UNROLL for (int i = 0; i < kb * STRIPS; i++) a[i][j] += wv[i] * b;
      }
    }
  }
  UNROLL for (int i = 0; i < kb * STRIPS; i++)
    UNROLL for (int j = 0; j < px; j++)
      vf_store(y + i / STRIPS * yblock + j * ypx + i % STRIPS * SK_W, a[i][j]);
}

// Weights that will be wanted next, on their way to the second-level cache a few lines a tile: with many channels they come from further away, and the
// first tile to need them would wait for each line.
typedef struct {
  const float *w, *end;
  int lines; // a tile
} ahead;

SK_INLINE void fetch_ahead(ahead *a) {
  for (int i = 0; i < a->lines && a->w < a->end; i++, a->w += SK_B) __builtin_prefetch(a->w, 0, 2);
}

// Tiles side by side. Where positions of y are a block apart, as they mostly are, the addresses within a tile are constants.
SK_INLINE void gemm_row(const int kb, const int px, int tiles, int steps, const sk_step *s, const float *w, int wrow, const float *x, float *y,
                        int64_t yblock, int ypx, int load, ahead *a) {
  for (; tiles; tiles--, x += px * SK_B, y += px * ypx) {
    fetch_ahead(a);
    gemm_tile(kb, px, steps, s, w, wrow, x, y, yblock, ypx, load);
  }
}

// a += x * dy at one position
SK_INLINE void weight_position(const int kb, const int cw, const int m, int64_t next, const float *x, const float *d, int64_t dblock,
                               vf a[SK_CW][SK_KB * STRIPS]) {
  vf dv[SK_KB * STRIPS];
  UNROLL for (int i = 0; i < kb * STRIPS; i++) dv[i] = vf_load(d + i / STRIPS * dblock + i % STRIPS * SK_W);
  UNROLL for (int c = 0; c < cw; c++) {
    vf b = vf_set(x[c < m ? c : c + next]);
    UNROLL for (int i = 0; i < kb * STRIPS; i++) a[c][i] += dv[i] * b;
  }
}

// acc[cw channels][kb blocks] (+)= sum over rows x cols positions of x * dy. Channels m .. stand `next` floats further on.
SK_INLINE void weight_tile(const int kb, const int cw, const int m, int64_t next, int rows, int cols, const float *x, int64_t xrow, const float *d,
                           int64_t drow, int64_t dblock, float *acc, int wrow, int load) {
  vf a[SK_CW][SK_KB * STRIPS];
  UNROLL for (int c = 0; c < cw; c++)
    UNROLL for (int i = 0; i < kb * STRIPS; i++)
      a[c][i] = load ? vf_load(acc + c * wrow + i * SK_W) : (vf){};
  for (; rows; rows--, x += xrow, d += drow) {
    const float *xp = x, *dp = d, *end = x + cols * SK_B;
    for (; end - xp >= 3 * SK_B; xp += 3 * SK_B, dp += 3 * SK_B)
      UNROLL for (int p = 0; p < 3; p++) weight_position(kb, cw, m, next, xp + p * SK_B, dp + p * SK_B, dblock, a);
    for (; xp < end; xp += SK_B, dp += SK_B) weight_position(kb, cw, m, next, xp, dp, dblock, a);
  }
  UNROLL for (int c = 0; c < cw; c++)
    UNROLL for (int i = 0; i < kb * STRIPS; i++)
      vf_store(acc + c * wrow + i * SK_W, a[c][i]);
}

// Tiles of channels that follow each other; as above.
SK_INLINE void weight_row(const int kb, const int cw, int tiles, int rows, int cols, const float *x, int64_t xrow, const float *d, int64_t drow,
                          int64_t dblock, float *acc, int wrow, int load) {
  for (; tiles; tiles--, x += cw, acc += cw * wrow) weight_tile(kb, cw, cw, 0, rows, cols, x, xrow, d, drow, dblock, acc, wrow, load);
}

// One function per tile size, smallest first.
#define GEMM(kb, px)                                                                                                                        \
  static void gemm_##kb##_##px(int tiles, int steps, const sk_step *s, const float *w, int wrow, const float *x, float *y, int64_t yblock,   \
                               int ypx, int load, ahead *a) {                                                                               \
    if (ypx == SK_B)                                                                                                                        \
      gemm_row(kb, px, tiles, steps, s, w, wrow, x, y, yblock, SK_B, load, a);                                                              \
    else                                                                                                                                    \
      gemm_row(kb, px, tiles, steps, s, w, wrow, x, y, yblock, ypx, load, a);                                                               \
  }
#define WEIGHT(kb, cw)                                                                                                                      \
  static void weight_##kb##_##cw(int tiles, int rows, int cols, const float *x, int64_t xrow, const float *d, int64_t drow, int64_t dblock,  \
                                 float *acc, int wrow, int load) {                                                                          \
    if (wrow == SK_WIDE * SK_B)                                                                                                             \
      weight_row(kb, cw, tiles, rows, cols, x, xrow, d, drow, dblock, acc, SK_WIDE * SK_B, load);                                           \
    else                                                                                                                                    \
      weight_row(kb, cw, tiles, rows, cols, x, xrow, d, drow, dblock, acc, wrow, load);                                                     \
  }
typedef void gemm_fn(int, int, const sk_step *, const float *, int, const float *, float *, int64_t, int, int, ahead *);
typedef void weight_fn(int, int, int, const float *, int64_t, const float *, int64_t, int64_t, float *, int, int);

GEMM(1, 1) GEMM(1, 2) GEMM(1, 3)
WEIGHT(1, 1) WEIGHT(1, 2) WEIGHT(1, 3)
#if SK_PX >= 6
GEMM(1, 4) GEMM(1, 5) GEMM(1, 6)
WEIGHT(1, 4) WEIGHT(1, 5) WEIGHT(1, 6)
#endif
#if SK_PX >= 12
GEMM(1, 7) GEMM(1, 8) GEMM(1, 9) GEMM(1, 10) GEMM(1, 11) GEMM(1, 12)
GEMM(2, 1) GEMM(2, 2) GEMM(2, 3) GEMM(2, 4) GEMM(2, 5) GEMM(2, 6) GEMM(2, 7) GEMM(2, 8) GEMM(2, 9) GEMM(2, 10) GEMM(2, 11) GEMM(2, 12)
WEIGHT(1, 7) WEIGHT(1, 8)
WEIGHT(2, 1) WEIGHT(2, 2) WEIGHT(2, 3) WEIGHT(2, 4) WEIGHT(2, 5) WEIGHT(2, 6) WEIGHT(2, 7) WEIGHT(2, 8)
#endif

static gemm_fn *const gemm_tiles[SK_KB][SK_PX] = {
    {gemm_1_1, gemm_1_2, gemm_1_3,
#if SK_PX >= 6
     gemm_1_4, gemm_1_5, gemm_1_6,
#endif
#if SK_PX >= 12
     gemm_1_7, gemm_1_8, gemm_1_9, gemm_1_10, gemm_1_11, gemm_1_12},
    {gemm_2_1, gemm_2_2, gemm_2_3, gemm_2_4, gemm_2_5, gemm_2_6, gemm_2_7, gemm_2_8, gemm_2_9, gemm_2_10, gemm_2_11, gemm_2_12
#endif
    }};

static weight_fn *const weight_tiles[SK_KB][SK_CW] = {
    {weight_1_1, weight_1_2, weight_1_3,
#if SK_PX >= 6
     weight_1_4, weight_1_5, weight_1_6,
#endif
#if SK_PX >= 12
     weight_1_7, weight_1_8},
    {weight_2_1, weight_2_2, weight_2_3, weight_2_4, weight_2_5, weight_2_6, weight_2_7, weight_2_8
#endif
    }};

// Three steps of 16 channels are whole tiles, two of which begin in one step and end in the next.
enum { JOINED = SK_CW % 3 ? 1 : 3, THIRD = SK_CW / 3 };

SK_INLINE void gemm_image(int kb, int steps, const sk_step *s, const float *w, int wrow, const float *x, float *y, const sk_walk *k, int load, ahead *a) {
  int tiles = (k->cols + SK_PX - 1) / SK_PX, least = k->cols / tiles, wider = k->cols % tiles;
  const int q = wider * (least + 1);
  for (int p = 0; p < k->rows; p++, x += k->xrow, y += k->yrow) {
    if (wider) gemm_tiles[kb - 1][least](wider, steps, s, w, wrow, x, y, k->yblock, k->ypx, load, a);
    gemm_tiles[kb - 1][least - 1](tiles - wider, steps, s, w, wrow, x + q * SK_B, y + (int64_t)q * k->ypx, k->yblock, k->ypx, load, a);
  }
}

static void gemm(const sk_run *run, const sk_step *steps, const float *w, const sk_walk *walk) {
  sk_walk flat = *walk, *k = &flat;
  if (k->xrow == k->cols * SK_B && k->yrow == (int64_t)k->cols * k->ypx) // no borders: rows in one piece, so that tiles are whole
    k->cols *= k->rows, k->rows = 1;
  int wrow = run->nb * SK_B, s0 = 0, channels = 0;
  for (int s = 0; s < run->steps; s++) channels += steps[s].nc;
  const int pieces = (channels - 1) / STEP_CHANNELS + 1, even = (channels + pieces - 1) / pieces;
  do { // once even with no steps: zeros are written then
    int s1 = s0, nc = 0;
    for (; s1 < run->steps && nc < even && nc + steps[s1].nc <= STEP_CHANNELS; s1++) nc += steps[s1].nc;
    const float *ws = s0 < run->steps ? w + steps[s0].w : w, *next = ws + nc * wrow;
    int tiles = k->images * k->rows * ((k->cols + SK_PX - 1) / SK_PX) * ((run->nb + SK_KB - 1) / SK_KB);
    ahead a = {next, next + nc * wrow, nc * run->nb / (tiles + 1) + 1};
    for (int b = 0; b < run->nb; b += SK_KB) {
      int kb = run->nb - b < SK_KB ? run->nb - b : SK_KB;
      for (int i = 0; i < k->images; i++)
        gemm_image(kb, s1 - s0, steps + s0, ws + b * SK_B, wrow, k->x + i * k->ximage, k->y + i * k->yimage + b * k->yblock, k, s0 > 0, &a);
    }
    s0 = s1;
  } while (s0 < run->steps);
}

enum { BAND_FLOATS = 12 * 1024 }; // of x and dy rows that one pass over the taps reads: they stay near L1

static int joined(const sk_step *s, int steps) {
  if (JOINED == 1 || steps < JOINED) return 1;
  for (int i = 0; i < JOINED; i++)
    if (s[i].nc != SK_B) return 1;
  return JOINED;
}

static void weight_joined(const sk_step *s, int rows, int cols, const float *x, int64_t xrow, const float *d, int64_t drow, int64_t dblock, float *acc,
                          int wrow, int load) {
  for (int c = 0; c < JOINED * SK_B; c += SK_CW, acc += SK_CW * wrow) {
    const sk_step *from = s + c / SK_B;
    const int m = SK_B - c % SK_B;
    const float *xs = x + from->x + c % SK_B;
    if (m >= SK_CW)
      weight_tiles[SK_KB - 1][SK_CW - 1](1, rows, cols, xs, xrow, d, drow, dblock, acc, wrow, load);
    else if (m == THIRD)
      weight_tile(SK_KB, SK_CW, THIRD, from[1].x - from->x - SK_B, rows, cols, xs, xrow, d, drow, dblock, acc, wrow, load);
    else
      weight_tile(SK_KB, SK_CW, 2 * THIRD, from[1].x - from->x - SK_B, rows, cols, xs, xrow, d, drow, dblock, acc, wrow, load);
  }
}

// Some steps over one band of rows of one image.
static void weight_band(const sk_run *run, const sk_step *s, int steps, int rows, int cols, const float *x, int64_t xrow, const float *d, int64_t drow,
                        int64_t dblock, float *acc, int load) {
  if (xrow == cols * SK_B && drow == xrow) cols *= rows, rows = 1; // no borders
  int wrow = run->nb * SK_B;
  for (int b = 0; b < run->nb; b += SK_KB) {
    int kb = run->nb - b < SK_KB ? run->nb - b : SK_KB;
    for (int n, t = 0; t < steps; t += n) {
      n = joined(s + t, steps - t);
      const float *ds = d + b * dblock, *xs = x + s[t].x;
      float *to = acc + s[t].w + b * SK_B;
      if (n > 1) {
        weight_joined(s + t, rows, cols, x, xrow, ds, drow, dblock, to, wrow, load);
        continue;
      }
      const int cuts = (s[t].nc + SK_CW - 1) / SK_CW, least = s[t].nc / cuts, wider = s[t].nc % cuts, c = wider * (least + 1);
      if (wider) weight_tiles[kb - 1][least](wider, rows, cols, xs, xrow, ds, drow, dblock, to, wrow, load);
      weight_tiles[kb - 1][least - 1](cuts - wider, rows, cols, xs + c, xrow, ds, drow, dblock, to + c * wrow, wrow, load);
    }
  }
}

static void weights(const sk_conv *c, const sk_run *run, const float *xs, const float *ds, int images, int first, float *acc) {
  const sk_step *s = c->f.step + run->step0, *end = s + run->steps;
  int64_t xrow = c->s.stride * c->xrow;
  ds += run->b0 * c->dblock + c->dtop * c->drow + c->dleft * SK_B;
  for (int taps; s < end; s += taps) {
    int in = 1; // input blocks
    for (taps = 1; s + taps < end && s[taps].in == s->in; taps++) {}
    if (taps == 1) taps = in = joined(s, end - s);
    int band = BAND_FLOATS / (in * xrow + run->nb * c->drow);
    if (band < 1) band = 1;
    for (int i = 0; i < images; i++)
      for (int p = 0; p < c->s.p; p += band) {
        int rows = c->s.p - p < band ? c->s.p - p : band;
        weight_band(run, s, taps, rows, c->s.q, xs + i * c->ximage + p * xrow, xrow, ds + i * c->dimage + p * c->drow, c->drow, c->dblock, acc,
                    !first || i || p);
      }
  }
}

static void merge(float *slots, int64_t slot, int count, int64_t len) {
  for (int64_t i = 0; i < len; i += SK_W) {
    vf sum = vf_load(slots + i);
    for (int s = 1; s < count; s++) sum += vf_load(slots + s * slot + i);
    vf_store(slots + i, sum);
  }
}

static const sk_conv_kernels SK_(conv) = {
    .stage_view = stage_view, .stage_grads = stage_grads, .gemm = gemm, .weights = weights, .finish = finish, .merge = merge};
