// conv_winograd_kernel.h: the transforms of Winograd's algorithms for 3x3 kernels with pad 1, by
// the maps of conv_winograd_maps_kernel.h. Each is written once and compiled for strides 1 and 2.
#ifndef SK_CONV_WINOGRAD_KERNEL_H
#define SK_CONV_WINOGRAD_KERNEL_H
#include "conv_transform_tile_kernel.h"
#include "conv_winograd_maps_kernel.h"

enum { TILE_OUTPUTS = 4, MOST_INPUTS = 9 };  // of a tile, each way
SK_INLINE int tile_inputs(const int stride) { return stride == 1 ? 6 : 9; }

// The product (i, j) of a tile among all of them. With stride 2 the middle tap's products, 5 .. 8
// each way, stand side by side, as they share their filter element.
SK_INLINE int product_at(const int stride, const int i, const int j) {
  if (stride == 1) return i * 6 + j;
  if (i < 5) return 9 * i + j;
  return j < 5 ? 45 + 4 * j + i - 5 : 65 + 4 * (i - 5) + j - 5;
}

// The floats at which the elements of a tile stand: a product (i, j) at product_at(i, j) *
// product_pitch, any other element at j*col_pitch behind its row, which starts at row[i], or at
// i*row_pitch if row is NULL.
typedef struct {
  int64_t product_pitch, row_pitch, col_pitch;
  const int64_t *row;
} places;

SK_INLINE int64_t place(const places p, const int products, const int stride, const int i,
                        const int j) {
  if (products) return product_at(stride, i, j) * p.product_pitch;
  return (p.row ? p.row[i] : i * p.row_pitch) + j * p.col_pitch;
}

// Transforms one strip of a tile in both directions, columns first. add: the result is added to the
// target.
SK_INLINE void winograd_2d(const int map, const int stride, const float *from, const places source,
                           float *to, const places target, const int add) {
  const int in = winograd_inputs(map, stride), out = winograd_outputs(map, stride);
  const int from_products = map == MAP_AT || map == MAP_B;
  const int to_products = map == MAP_BT || map == MAP_A;
  vf t[MOST_INPUTS][MOST_INPUTS];
  UNROLL for (int j = 0; j < in; j++) {
    vf d[MOST_INPUTS], r[MOST_INPUTS];
    UNROLL for (int i = 0; i < in; i++)
      d[i] = vf_load(from + place(source, from_products, stride, i, j));
    winograd_1d(map, stride, d, r);
    UNROLL for (int i = 0; i < out; i++) t[i][j] = r[i];
  }
  UNROLL for (int i = 0; i < out; i++) {
    vf r[MOST_INPUTS];
    winograd_1d(map, stride, t[i], r);
    UNROLL for (int j = 0; j < out; j++) {
      float *at = to + place(target, to_products, stride, i, j);
      if (add) vf_store(at, vf_load(at) + r[j]);
      else vf_store(at, r[j]);
    }
  }
}

// The rows that a row of tiles reads, of x or of dy, in a ring that stays in the first-level cache.
// The next row of tiles needs as many new ones as it is further down.
typedef struct {
  int inputs;     // rows and columns of a tile
  int advance;    // rows and columns from one tile to the next
  int border;     // rows and columns in front of the image that the first tile reads
  int rows, cols;  // of the image
  int64_t row_pitch;  // floats
} tile_ring;

SK_INLINE tile_ring ring_of(const sk_conv *c, const int stride, const int gradient) {
  const sk_conv_shape *s = &c->shape;
  if (gradient)
    return (tile_ring){TILE_OUTPUTS, TILE_OUTPUTS, 0, s->p, s->q,
                       TILE_OUTPUTS * c->transform.tile_cols * SK_LANES};
  return (tile_ring){tile_inputs(stride), TILE_OUTPUTS * stride, 1, s->h, s->w,
                     c->transform.raw_dx.row_pitch};
}

// Reads rows done .. end-1 of the image; rows outside it are zeros.
SK_INLINE void ring_read(const tile_ring r, const tile_reader *reader, const int gradient,
                         float *rows, int done, int end) {
  for (; done < end; done++) {
    float *row = rows + (done + r.border) % r.inputs * r.row_pitch + r.border * SK_LANES;
    if (done < 0 || done >= r.rows) zero(row, (int64_t)r.cols * SK_LANES);
    else tile_read(reader, gradient, (positions){done * r.cols, 1, r.cols}, row);
  }
}

// Transforms a block's tiles of x by B', or of dy by A.
SK_INLINE void winograd_block(const sk_conv_pass *pass, const sk_conv_chunk *k, const int stride,
                              const int gradient, int b, float *dst) {
  const sk_conv_transform *w = &pass->conv->transform;
  const places target = {.product_pitch = w->product_pitch};
  const tile_ring r = ring_of(pass->conv, stride, gradient);
  tile_reader reader = {0};
  int image = -1, done = 0;  // rows of the image that the ring has seen
  tile at = tile_at(w, k->tile0);
  for (int t = 0, m; t < k->tiles; t += m, dst += m * SK_LANES, tile_skip(w, &at, m)) {
    const int first = r.advance * at.i - r.border;
    m = tiles_in_row(w, &at, k->tiles - t);
    if (at.image != image) tile_read_block(pass, gradient, k->image0 + at.image, b, &reader);
    if (at.image != image || done < first) done = first;
    image = at.image;
    ring_read(r, &reader, gradient, k->rows, done, first + r.inputs);
    done = first + r.inputs;
    int64_t row[MOST_INPUTS];
    UNROLL for (int i = 0; i < r.inputs; i++)
      row[i] = (r.advance * at.i + i) % r.inputs * r.row_pitch;
    const places source = {.row = row, .col_pitch = SK_LANES};
    for (int s = 0; s < STRIPS; s++)
      for (int j = 0; j < m; j++) {
        const float *from = k->rows + r.advance * (at.j + j) * SK_LANES + s * SK_W;
        winograd_2d(gradient ? MAP_A : MAP_BT, stride, from, source,
                    dst + j * SK_LANES + s * SK_W, target, 0);
      }
  }
}

SK_INLINE void winograd_input(const int stride, const sk_conv_pass *pass, const sk_conv_chunk *k,
                              float *v) {
  const sk_conv_transform *w = &pass->conv->transform;
  zero(k->rows, w->row_floats);
  for (int b = k->island->x0; b < k->island->x1; b++)
    if (w->x_place[b] >= 0)
      winograd_block(pass, k, stride, 0, b, v + w->x_place[b] * w->block_pitch);
}

SK_INLINE void winograd_output_gradient(const int stride, const sk_conv_pass *pass,
                                        const sk_conv_chunk *k, float *e) {
  const sk_conv_transform *w = &pass->conv->transform;
  zero(k->rows, TILE_OUTPUTS * TILE_OUTPUTS * w->tile_cols * SK_LANES);
  for (int b = k->island->y0; b < k->island->y1; b++)
    if (w->y_place[b] >= 0)
      winograd_block(pass, k, stride, 1, b, e + w->y_place[b] * w->block_pitch);
}

// One strip of a block of y.
SK_INLINE void winograd_output_strip(const int stride, const sk_conv *c, const sk_conv_chunk *k,
                                     const float *src, int64_t image_pitch, int prefetch,
                                     float *strip) {
  const sk_conv_transform *w = &c->transform;
  const int p = c->shape.p, q = c->shape.q;
  const int64_t row_pitch = (int64_t)q * SK_LANES, next_block = p * row_pitch;
  const places source = {.product_pitch = w->product_pitch};
  const places whole = {.row_pitch = row_pitch, .col_pitch = SK_LANES};
  const places alone = {.row_pitch = TILE_OUTPUTS * SK_W, .col_pitch = SK_W};
  tile at = tile_at(w, k->tile0);
  for (int t = 0; t < k->tiles; t++, tile_skip(w, &at, 1), src += SK_LANES) {
    float *dst = strip + at.image * image_pitch +
                 TILE_OUTPUTS * (at.i * row_pitch + at.j * SK_LANES);
    const int rows = p - TILE_OUTPUTS * at.i, cols = q - TILE_OUTPUTS * at.j;
    if (rows >= TILE_OUTPUTS && cols >= TILE_OUTPUTS) {
      for (int i = 0; i < TILE_OUTPUTS && prefetch; i++)
        UNROLL for (int j = 0; j < TILE_OUTPUTS; j++)
          __builtin_prefetch(dst + next_block + i * row_pitch + j * SK_LANES, 1, 2);
      winograd_2d(MAP_AT, stride, src, source, dst, whole, 0);
      continue;
    }
    float edge[TILE_OUTPUTS * TILE_OUTPUTS * SK_W] __attribute__((aligned(64)));
    winograd_2d(MAP_AT, stride, src, source, edge, alone, 0);
    for (int i = 0; i < TILE_OUTPUTS && i < rows; i++)
      for (int j = 0; j < TILE_OUTPUTS && j < cols; j++)
        vf_store(dst + i * row_pitch + j * SK_LANES,
                 vf_load(edge + (i * TILE_OUTPUTS + j) * SK_W));
  }
}

SK_INLINE void winograd_output(const int stride, const sk_conv *c, const sk_conv_chunk *k,
                               const float *m, const sk_tensor *y) {
  const sk_conv_transform *w = &c->transform;
  for (int s = k->island->y0 * STRIPS; s < k->island->y1 * STRIPS; s++) {
    const int b = s / STRIPS;
    if (w->y_place[b] < 0) continue;
    winograd_output_strip(stride, c, k, m + w->y_place[b] * w->block_pitch + s % STRIPS * SK_W,
                          y->image_pitch, s % STRIPS == 0, strip_of(y, k->image0, 0, s));
  }
}

SK_INLINE void winograd_input_gradient(const int stride, const sk_conv *c, const sk_conv_chunk *k,
                                       sk_conv_panels panels, const float *m, float *raw) {
  const sk_conv_transform *w = &c->transform;
  const int advance = TILE_OUTPUTS * stride;
  const places source = {.product_pitch = w->product_pitch};
  const places target = {.row_pitch = w->raw_dx.row_pitch, .col_pitch = SK_LANES};
  for (int i = panels.begin; i < panels.end; i++) {
    const sk_conv_panel *panel = &w->backward.panel[i];
    for (int b = panel->block0; panel->terms && b < panel->block0 + panel->blocks; b++) {
      const float *src = m + w->x_place[b] * w->block_pitch;
      float *block = raw + (b - k->island->x0) * w->raw_dx.block_pitch;
      tile at = tile_at(w, k->tile0);
      for (int t = 0; t < k->tiles; t++, tile_skip(w, &at, 1))
        for (int s = 0; s < STRIPS; s++) {
          float *dst = block + at.image * w->raw_dx.image_pitch +
                       advance * (at.i * w->raw_dx.row_pitch + at.j * SK_LANES) + s * SK_W;
          winograd_2d(MAP_B, stride, src + t * SK_LANES + s * SK_W, source, dst, target, 1);
        }
    }
  }
}

enum { ELEMENT = SK_LANES * SK_LANES };  // floats of an element of a filter of blocks

SK_INLINE void winograd_filter(const int stride, const float *g, float *u, int64_t row_pitch,
                               int64_t element_pitch) {
  float whole[36 * ELEMENT] __attribute__((aligned(64)));
  const places source = {.row_pitch = 3 * ELEMENT, .col_pitch = ELEMENT};
  const places target = {.row_pitch = 6 * ELEMENT, .col_pitch = ELEMENT};
  for (int at = 0; at < ELEMENT; at += SK_W)
    winograd_2d(MAP_G, stride, g + at, source, whole + at, target, 0);
  filter_put(whole, 36, u, row_pitch, element_pitch);
}

SK_INLINE void winograd_filter_gradient(const int stride, const float *u, int64_t row_pitch,
                                        int64_t element_pitch, float *g) {
  const places source = {.row_pitch = 6 * element_pitch, .col_pitch = element_pitch};
  const places target = {.row_pitch = 3 * ELEMENT, .col_pitch = ELEMENT};
  for (int r = 0; r < SK_LANES; r++)
    for (int s = 0; s < SK_LANES; s += SK_W)
      winograd_2d(MAP_GT, stride, u + r * row_pitch + s, source, g + r * SK_LANES + s, target, 0);
}

// The functions of one stride, and their table.
#define WINOGRAD_FUNCTIONS(stride)                                                                 \
  static void winograd_input_##stride(const sk_conv_pass *p, const sk_conv_chunk *k, float *v) {   \
    winograd_input(stride, p, k, v);                                                               \
  }                                                                                                \
  static void winograd_output_gradient_##stride(const sk_conv_pass *p, const sk_conv_chunk *k,     \
                                                float *e) {                                        \
    winograd_output_gradient(stride, p, k, e);                                                     \
  }                                                                                                \
  static void winograd_output_##stride(const sk_conv *c, const sk_conv_chunk *k, const float *m,   \
                                       const sk_tensor *y) {                                       \
    winograd_output(stride, c, k, m, y);                                                           \
  }                                                                                                \
  static void winograd_input_gradient_##stride(const sk_conv *c, const sk_conv_chunk *k,           \
                                               sk_conv_panels panels, const float *m,              \
                                               float *raw) {                                       \
    winograd_input_gradient(stride, c, k, panels, m, raw);                                         \
  }                                                                                                \
  static void winograd_filter_##stride(const float *g, float *u, int64_t row_pitch,                \
                                       int64_t element_pitch) {                                    \
    winograd_filter(stride, g, u, row_pitch, element_pitch);                                       \
  }                                                                                                \
  static void winograd_filter_gradient_##stride(const float *u, int64_t row_pitch,                 \
                                                int64_t element_pitch, float *g) {                 \
    winograd_filter_gradient(stride, u, row_pitch, element_pitch, g);                              \
  }
WINOGRAD_FUNCTIONS(1)
WINOGRAD_FUNCTIONS(2)
#define WINOGRAD_ALGORITHM(stride)                             \
  {                                                            \
    .input = winograd_input_##stride,                          \
    .output_gradient = winograd_output_gradient_##stride,      \
    .output = winograd_output_##stride,                        \
    .input_gradient = winograd_input_gradient_##stride,        \
    .filter = winograd_filter_##stride,                        \
    .filter_gradient = winograd_filter_gradient_##stride,      \
  }
#endif
