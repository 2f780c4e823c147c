// winograd.c: stride-1 3x3 convolutions with pad 1 by Winograd's F(4x4, 3x3): 36 products instead of 144 for the 4x4 outputs of a tile.
//
// An image is cut into tiles of 4x4 positions, the last ones beyond its edge. A tile reads 6x6 inputs; transformed, a convolution is 36 products of
// matrices, [output channels][input channels] times [input channels][tiles], one a frequency. The gradients are the adjoint of the same map:
//
//   forward    V = B' x B, M = U V summed over input blocks, y = A' M A            U = G w G', made once a step
//   data       E = A dy A', M = U' E summed over output blocks, dx += B M B'       neighbouring tiles overlap by two rows and columns
//   weights    dU += V E over tiles, dw = G' dU G once, after the merge            V and E are those of the other directions
//
// Groups of a grouped convolution go one after the other. Tiles are transformed a chunk at a time, so that V, E and M are read back from the second-level cache; nothing transformed outlives its chunk. The
// products are those of the direct kernels: a chunk is a row of positions, an input block one step.
#include "conv.h"
#include "dispatch.h"

enum {
  TILE = 4,
  CACHE_FLOATS = 192 * 1024, // of transformed tiles in the works
  CHUNK_LEAST = 48,          // so that weights that come from the third-level cache serve that many tiles
  CHUNK_MOST = 96,
  CHUNK_STEP = 12 // whole tiles of the gemm's registers
};

static int min(int a, int b) { return a < b ? a : b; }
static int max(int a, int b) { return a > b ? a : b; }
static int ceil_div(int a, int b) { return (a + b - 1) / b; }

// Measured, Winograd over direct: 1.7 to 2.7 on maps that tiles fill, 1.1 to 1.4 where they fill 9/16 (6x6, 9x9), 0.9 to 1.1 at 25/64 (5x5). From 16
// channels on transforms are worth 1.2 to 1.8; with 8, half of whose vectors is padding, 0.8 forward, and with 3 0.5.
int sk_winograd_pays(const sk_conv_shape *s, int inputs) {
  int64_t positions = (int64_t)s->h * s->w, covered = (int64_t)ceil_div(s->h, TILE) * TILE * ceil_div(s->w, TILE) * TILE;
  return inputs >= SK_B && 2 * positions > covered;
}

void sk_winograd_measure(sk_conv *c) {
  sk_winograd *w = &c->wino;
  w->th = ceil_div(c->s.h, TILE);
  w->tw = ceil_div(c->s.w, TILE);
  int xb = 0, yb = 0; // the most of an island
  for (const sk_island *i = w->island; i < w->island + w->islands; i++) {
    xb = max(xb, i->x1 - i->x0);
    yb = max(yb, i->y1 - i->y0);
  }
  w->chunk = CACHE_FLOATS / (SK_FREQ * SK_B * max(1, xb + yb)) / CHUNK_STEP * CHUNK_STEP;
  w->chunk = min(max(CHUNK_LEAST, min(CHUNK_MOST, w->chunk)), w->th * w->tw * c->s.n);
  w->block = w->chunk * SK_B;
  // An odd number of cache lines from one frequency to the next: the 36 of a tile spread over the sets of the first-level cache.
  w->xfreq = (xb * w->chunk | 1) * SK_B;
  w->yfreq = (yb * w->chunk | 1) * SK_B;
}

int64_t sk_winograd_scratch(const sk_conv *c) { return c->wino.on ? SK_FREQ * (c->wino.xfreq + c->wino.yfreq) : 0; }

// Part i of an image group's tiles, cut into nearly equal chunks; 0 behind the last.
static int next_chunk(const sk_winograd *w, int images, int i, sk_tiles *k) {
  int64_t tiles = (int64_t)images * w->th * w->tw, chunks = (tiles + w->chunk - 1) / w->chunk;
  k->t0 = tiles * i / chunks;
  k->tiles = tiles * (i + 1) / chunks - k->t0;
  return i < chunks;
}

void sk_winograd_forward(const sk_conv *c, const float *xs, int images, float *y, int64_t yimage, float *scratch) {
  const sk_winograd *w = &c->wino;
  const sk_winograd_kernels *kernels = sk_isa->winograd;
  float *v = scratch, *m = v + SK_FREQ * w->xfreq;
  for (sk_tiles k = {.island = w->island}; k.island < w->island + w->islands; k.island++)
    for (int i = 0; next_chunk(w, images, i, &k); i++) {
      kernels->input(c, &k, xs, v);
      kernels->forward(c, &k, v, m);
      kernels->output(c, &k, m, y, yimage);
    }
}

void sk_winograd_backward(const sk_conv *c, const float *xs, const float *ds, int images, float *raw, int dlo, int dhi, int flo, int fhi, int first,
                          float *acc, float *scratch) {
  const sk_winograd *w = &c->wino;
  const sk_winograd_kernels *kernels = sk_isa->winograd;
  float *v = scratch, *e = v + SK_FREQ * w->xfreq;
  for (sk_tiles k = {.island = w->island}; k.island < w->island + w->islands; k.island++)
    for (int i = 0; next_chunk(w, images, i, &k); i++) {
      kernels->dy(c, &k, ds, e);
      kernels->data(c, &k, dlo, dhi, e, v); // v is free until x is transformed
      kernels->dx(c, &k, dlo, dhi, v, raw);
      kernels->input(c, &k, xs, v);
      kernels->sums(c, &k, flo, fhi, v, e, first && !i, acc);
    }
}
