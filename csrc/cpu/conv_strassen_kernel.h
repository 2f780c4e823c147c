// conv_strassen_kernel.h: the transforms of Strassen's matrix product (Numer. Math. 13, 1969),
// y = w x by quarters with 7 products instead of 8.
//
// Quarter 2i + j of w is half i of the outputs by half j of the inputs; of x, half i of the
// channels by half j of the rows; of y the same. A tile is the four values at the same place of the
// quarters of x, or of y.
#ifndef SK_CONV_STRASSEN_KERNEL_H
#define SK_CONV_STRASSEN_KERNEL_H
#include "conv_transform_tile_kernel.h"

// V = B' x
SK_INLINE void strassen_bt(const vf x[4], vf v[7]) {
  v[0] = x[0] + x[3];
  v[1] = x[0];
  v[2] = x[1] - x[3];
  v[3] = x[2] - x[0];
  v[4] = x[3];
  v[5] = x[0] + x[1];
  v[6] = x[2] + x[3];
}

// dx = B M
SK_INLINE void strassen_b(const vf m[7], vf x[4]) {
  x[0] = (m[0] + m[1]) + (m[5] - m[3]);
  x[1] = m[2] + m[5];
  x[2] = m[3] + m[6];
  x[3] = (m[0] - m[2]) + (m[4] + m[6]);
}

// y = A' M
SK_INLINE void strassen_at(const vf m[7], vf y[4]) {
  y[0] = (m[0] + m[3]) + (m[6] - m[4]);
  y[1] = m[2] + m[4];
  y[2] = m[1] + m[3];
  y[3] = (m[0] - m[1]) + (m[2] + m[5]);
}

// E = A dy
SK_INLINE void strassen_a(const vf y[4], vf e[7]) {
  e[0] = y[0] + y[3];
  e[1] = y[2] - y[3];
  e[2] = y[1] + y[3];
  e[3] = y[0] + y[2];
  e[4] = y[1] - y[0];
  e[5] = y[3];
  e[6] = y[0];
}

// U = G w
SK_INLINE void strassen_g(const vf w[4], vf u[7]) {
  u[0] = w[0] + w[3];
  u[1] = w[2] + w[3];
  u[2] = w[0];
  u[3] = w[3];
  u[4] = w[0] + w[1];
  u[5] = w[2] - w[0];
  u[6] = w[1] - w[3];
}

// dw = G' dU
SK_INLINE void strassen_gt(const vf u[7], vf w[4]) {
  w[0] = (u[0] + u[2]) + (u[4] - u[5]);
  w[1] = u[4] + u[6];
  w[2] = u[1] + u[5];
  w[3] = (u[0] + u[1]) + (u[3] - u[6]);
}

// Transforms the tiles of a pair of blocks of x by B', or of dy by A. The tiles of a row are read
// into four rows of scratch, quarter by quarter, and mapped from there.
SK_INLINE void strassen_blocks(const sk_conv_pass *pass, const sk_conv_chunk *k, const int gradient,
                               int b, float *dst) {
  const sk_conv *c = pass->conv;
  const sk_conv_transform *w = &c->transform;
  const sk_conv_island *island = k->island;
  const int block0 = gradient ? island->y0 : island->x0;
  const int half = gradient ? island->y_blocks : island->x_blocks;
  const int cols = gradient ? c->shape.q : c->shape.w, stride = gradient ? 1 : c->shape.stride;
  const int64_t row_pitch = w->tile_cols * SK_LANES;
  tile_reader of[2] = {0};
  tile at = tile_at(w, k->tile0);
  for (int t = 0, m, image = -1; t < k->tiles; t += m, dst += m * SK_LANES, tile_skip(w, &at, m)) {
    m = tiles_in_row(w, &at, k->tiles - t);
    for (int h = 0; h < 2 && at.image != image; h++)
      tile_read_block(pass, gradient, k->image0 + at.image, block0 + b + h * half, &of[h]);
    image = at.image;
    for (int quarter = 0; quarter < 4; quarter++) {
      const int first = ((at.i + quarter % 2 * w->tile_rows) * cols + at.j) * stride;
      tile_read(&of[quarter / 2], gradient, (positions){first, stride, m},
                k->rows + quarter * row_pitch);
    }
    for (int i = 0; i < m * SK_LANES; i += SK_W) {
      vf x[4], r[7];
  UNROLL for (int q = 0; q < 4; q++) x[q] = vf_load(k->rows + q * row_pitch + i);
      if (gradient) strassen_a(x, r);
      else strassen_bt(x, r);
      UNROLL for (int p = 0; p < 7; p++) vf_store(dst + p * w->product_pitch + i, r[p]);
    }
  }
}

static void strassen_input(const sk_conv_pass *pass, const sk_conv_chunk *k, float *v) {
  for (int b = 0; b < k->island->x_blocks; b++)
    strassen_blocks(pass, k, 0, b, v + b * pass->conv->transform.block_pitch);
}

static void strassen_output_gradient(const sk_conv_pass *pass, const sk_conv_chunk *k, float *e) {
  for (int b = 0; b < k->island->y_blocks; b++)
    strassen_blocks(pass, k, 1, b, e + b * pass->conv->transform.block_pitch);
}

// The four values of m tiles side by side, by A' or B, from products to quarters. Quarter 0 starts
// at `to`, its positions `advance` floats apart.
typedef struct {
  int64_t channels, rows;  // floats to the quarters of the other half
  int advance;
} quarters;

SK_INLINE void strassen_tiles(const int gradient, const float *src, int64_t product_pitch, int m,
                              const quarters *at, float *to) {
  for (int i = 0; i < m * SK_LANES; i += SK_W) {
    vf v[7], r[4];
    UNROLL for (int p = 0; p < 7; p++) v[p] = vf_load(src + p * product_pitch + i);
    if (gradient) strassen_b(v, r);
    else strassen_at(v, r);
    float *dst = to + i / SK_LANES * at->advance + i % SK_LANES;
    UNROLL for (int q = 0; q < 4; q++)
      vf_store(dst + q / 2 * at->channels + q % 2 * at->rows, r[q]);
  }
}

static void strassen_output(const sk_conv *c, const sk_conv_chunk *k, const float *m,
                            const sk_tensor *y) {
  const sk_conv_transform *w = &c->transform;
  const int64_t plane = (int64_t)c->shape.p * c->shape.q * SK_LANES;
  const quarters to = {k->island->y_blocks * plane, plane / 2, SK_LANES};
  for (int b = 0; b < k->island->y_blocks; b++) {
    const float *src = m + b * w->block_pitch;
    tile at = tile_at(w, k->tile0);
    for (int t = 0, n; t < k->tiles; t += n, src += n * SK_LANES, tile_skip(w, &at, n)) {
      n = tiles_in_row(w, &at, k->tiles - t);
      float *first = y->data + (k->image0 + at.image) * y->image_pitch +
                     (k->island->y0 + b) * plane +
                     ((int64_t)at.i * w->tile_cols + at.j) * SK_LANES;
      strassen_tiles(0, src, w->product_pitch, n, &to, first);
    }
  }
}

static void strassen_input_gradient(const sk_conv *c, const sk_conv_chunk *k, sk_conv_panels panels,
                                    const float *m, float *raw) {
  const sk_conv_transform *w = &c->transform;
  const sk_conv_raw_dx *dx = &w->raw_dx;
  const int stride = c->shape.stride;
  const quarters to = {k->island->x_blocks * dx->block_pitch,
                       w->tile_rows * stride * dx->row_pitch, stride * SK_LANES};
  for (int i = panels.begin; i < panels.end; i++) {
    const sk_conv_panel *panel = &w->backward.panel[i];
    for (int b = panel->block0; b < panel->block0 + panel->blocks; b++) {
      const float *src = m + w->x_place[b] * w->block_pitch;
      float *block = raw + (b - k->island->x0) * dx->block_pitch;
      tile at = tile_at(w, k->tile0);
      for (int t = 0, n; t < k->tiles; t += n, src += n * SK_LANES, tile_skip(w, &at, n)) {
        n = tiles_in_row(w, &at, k->tiles - t);
        float *first = block + at.image * dx->image_pitch + at.i * stride * dx->row_pitch +
                       (int64_t)at.j * stride * SK_LANES;
        strassen_tiles(1, src, w->product_pitch, n, &to, first);
      }
    }
  }
}

static void strassen_filter(const float *g, float *u, int64_t row_pitch, int64_t element_pitch) {
  enum { ELEMENT_FLOATS = SK_LANES * SK_LANES };
  float whole[7 * ELEMENT_FLOATS] __attribute__((aligned(64)));
  for (int at = 0; at < ELEMENT_FLOATS; at += SK_W) {
    vf w[4], v[7];
    for (int q = 0; q < 4; q++) w[q] = vf_load(g + q * ELEMENT_FLOATS + at);
    strassen_g(w, v);
    for (int e = 0; e < 7; e++) vf_store(whole + e * ELEMENT_FLOATS + at, v[e]);
  }
  filter_put(whole, 7, u, row_pitch, element_pitch);
}

static void strassen_filter_gradient(const float *u, int64_t row_pitch, int64_t element_pitch,
                                     float *g) {
  for (int r = 0; r < SK_LANES; r++)
    for (int s = 0; s < SK_LANES; s += SK_W) {
      vf v[7], w[4];
      for (int e = 0; e < 7; e++) v[e] = vf_load(u + e * element_pitch + r * row_pitch + s);
      strassen_gt(v, w);
      for (int q = 0; q < 4; q++) vf_store(g + (q * SK_LANES + r) * SK_LANES + s, w[q]);
    }
}

#define STRASSEN_ALGORITHM                          \
  {                                                 \
    .input = strassen_input,                        \
    .output_gradient = strassen_output_gradient,    \
    .output = strassen_output,                      \
    .input_gradient = strassen_input_gradient,      \
    .filter = strassen_filter,                      \
    .filter_gradient = strassen_filter_gradient,    \
  }
#endif
