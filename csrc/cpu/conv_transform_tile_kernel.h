// conv_transform_tile_kernel.h: going through the tiles of a chunk, and the readers of the blocks
// that they are cut from.
#ifndef SK_CONV_TRANSFORM_TILE_KERNEL_H
#define SK_CONV_TRANSFORM_TILE_KERNEL_H
#include "conv_stage_kernel.h"

// The place of a tile: image of the chunk, row and column of tiles.
typedef struct {
  int image, i, j;
} tile;

SK_INLINE tile tile_at(const sk_conv_transform *w, int t) {
  return (tile){t / (w->tile_rows * w->tile_cols), t / w->tile_cols % w->tile_rows,
                t % w->tile_cols};
}

// How many of the next `tiles` tiles stand side by side in one row.
SK_INLINE int tiles_in_row(const sk_conv_transform *w, const tile *at, int tiles) {
  return tiles < w->tile_cols - at->j ? tiles : w->tile_cols - at->j;
}

// Moves m tiles further on in the same row, or to the first place of the next.
SK_INLINE void tile_skip(const sk_conv_transform *w, tile *t, int m) {
  t->j += m;
  if (t->j < w->tile_cols) return;
  t->j = 0;
  if (++t->i < w->tile_rows) return;
  t->i = 0;
  t->image++;
}

// Reads one block of x, or of dy: the strips of that one are set.
typedef struct {
  view_strip x[STRIPS];
  grad_strip dy[STRIPS];
} tile_reader;

// Of block b of an image of the batch. While one block is read, the next one, or the first of the
// next image, is prefetched: rows are too short for the processor to foresee them. One strip
// fetches for all, as they share their cache lines.
SK_INLINE void tile_read_block(const sk_conv_pass *pass, const int gradient, int image, int b,
                               tile_reader *r) {
  const sk_conv_shape *c = &pass->conv->shape;
  if (!gradient) {
    for (int s = 0; s < STRIPS; s++)
      r->x[s] = view_at(pass->operands->x, pass->batch, image, b * STRIPS + s);
    r->x[0].ahead = (int64_t)c->h * c->w * SK_LANES;
    return;
  }
  const sk_grad *d = pass->operands->dy;
  for (; b >= d->blocks; d++) b -= d->blocks;
  for (int s = 0; s < STRIPS; s++) r->dy[s] = grad_at(d, pass->batch, image, b * STRIPS + s);
  r->dy[0].ahead = (int64_t)c->p * c->q * SK_LANES;
}

// Positions of the block to a row of scratch; of a gradient, stride is 1.
SK_INLINE void tile_read(const tile_reader *r, const int gradient, positions k, float *row) {
  for (int s = 0; s < STRIPS; s++)
    if (gradient)
      stage_grad(row + s * SK_W, &r->dy[s], k.first, k.count);
    else
      stage_view(row + s * SK_W, &r->x[s], k);
}

// A transformed filter [element][16][16] to its place among the packed weights, which fit no cache
// together.
static void filter_put(const float *from, int elements, float *u, int64_t row_pitch,
                       int64_t element_pitch) {
  for (int e = 0; e < elements; e++)
    for (int r = 0; r < SK_LANES; r++, from += SK_LANES)
      for (int s = 0; s < SK_LANES; s += SK_W)
        vf_stream(u + e * element_pitch + r * row_pitch + s, vf_load(from + s));
  vf_streamed();
}
#endif
