// conv_stage_kernel.h: images on their way into and out of a convolution: read through a view or a
// gradient into scratch with borders, and raw dx put in its place.
#ifndef SK_CONV_STAGE_KERNEL_H
#define SK_CONV_STAGE_KERNEL_H
#include "conv_kernels.h"
#include "norm_sums_kernel.h"

static void zero(float *p, int64_t floats) { memset(p, 0, floats * sizeof *p); }

// Positions on their way to the second-level cache.
SK_INLINE void prefetch_positions(const float *p, positions k) {
  for (int i = 0; i < k.count; i++)
    __builtin_prefetch(p + ((int64_t)k.first + i * k.stride) * SK_LANES, 0, 2);
}

// dst[i] = v[first + i*stride], i < count, one strip
static void stage_view(float *dst, const view_strip *v, positions k) {
  if (v->ahead) prefetch_positions(v->t + v->ahead, k);
  view_store(dst, v, k);
}

// dst[i] = dy[first + i], i < count, one strip
static void stage_grad(float *dst, const grad_strip *g, int first, int count) {
  const positions k = {first, 1, count};
  if (g->ahead) {
    prefetch_positions(g->g + g->ahead, k);
    if (g->mask) prefetch_positions(g->mask + g->ahead, k);
    if (g->norm || g->relu) prefetch_positions(g->y + g->ahead, k);
  }
  grad_store(dst, g, first, count);
}

// Row i of one block of x: columns phase, phase+stride, ... of the bordered row, which start
// `left` columns in front of the image.
static void stage_x_row(const sk_conv *c, const view_strip v[STRIPS], int i, int phase,
                        float *row) {
  const sk_conv_staged *x = &c->x;
  const int w = c->shape.w, stride = c->shape.stride;
  // Columns begin .. end-1 lie inside the image.
  int begin = x->left > phase ? (x->left - phase + stride - 1) / stride : 0;
  int end = w + x->left > phase ? (w - 1 + x->left - phase) / stride + 1 : 0;
  end = sk_min(end, x->cols), begin = sk_min(begin, end);
  const positions k = {i * w + begin * stride + phase - x->left, stride, end - begin};
  zero(row, begin * SK_LANES);
  for (int s = 0; s < STRIPS; s++) stage_view(row + begin * SK_LANES + s * SK_W, &v[s], k);
  zero(row + end * SK_LANES, (x->cols - end) * SK_LANES);
}

static void stage_x(const sk_conv_pass *pass, int n, float *staged) {
  const sk_conv *c = pass->conv;
  for (int b = 0; b < c->x_blocks; b++) {
    view_strip v[STRIPS];
    for (int s = 0; s < STRIPS; s++)
      v[s] = view_at(pass->operands->x, pass->batch, n, b * STRIPS + s);
    float *row = staged + b * c->x.block_pitch;
    for (int r = 0; r < c->x.rows; r++, row += c->x.row_pitch) {
      const int i = r - c->x.top;
      if (i < 0 || i >= c->shape.h) {
        zero(row, c->x.row_pitch);
        continue;
      }
      for (int phase = 0; phase < c->shape.stride; phase++)
        stage_x_row(c, v, i, phase, row + phase * c->x.cols * SK_LANES);
    }
  }
}

// One block of dy, with its borders.
static void stage_dy_block(const sk_conv *c, const grad_strip g[STRIPS], float *staged) {
  const sk_conv_staged *dy = &c->dy;
  const int p = c->shape.p, q = c->shape.q, right = dy->cols - dy->left - q;
  zero(staged, dy->top * dy->row_pitch);
  for (int r = 0; r < p; r++) {
    float *row = staged + (dy->top + r) * dy->row_pitch;
    zero(row, dy->left * SK_LANES);
    for (int s = 0; s < STRIPS; s++)
      stage_grad(row + dy->left * SK_LANES + s * SK_W, &g[s], r * q, q);
    zero(row + (dy->left + q) * SK_LANES, right * SK_LANES);
  }
  zero(staged + (dy->top + p) * dy->row_pitch, (dy->rows - dy->top - p) * dy->row_pitch);
}

static void stage_dy(const sk_conv_pass *pass, int n, float *staged) {
  const sk_conv_operands *o = pass->operands;
  for (const sk_grad *d = o->dy; d < o->dy + o->dy_count; d++)
    for (int b = 0; b < d->blocks; b++, staged += pass->conv->dy.block_pitch) {
      grad_strip g[STRIPS];
      for (int s = 0; s < STRIPS; s++) g[s] = grad_at(d, pass->batch, n, b * STRIPS + s);
      stage_dy_block(pass->conv, g, staged);
    }
}

// The sums that cover strip s of dx's tensor.
static int sums_of(const sk_conv_pass *pass, sk_sums_list sums, int n, int s, strip_sums *of) {
  int count = 0;
  for (int i = 0; i < sums.count; i++) {
    const sk_grad *g = &sums.each[i].of;
    const int k = s - g->g_block0 * STRIPS;
    if (k >= 0 && k < g->blocks * STRIPS) of[count++] = sums_at(&sums.each[i], pass->batch, n, k);
  }
  return count;
}

// A strip of raw dx and of its place. Rows are `cols` positions long.
typedef struct {
  const float *raw, *mask;
  float *dst;
  int64_t row_pitch;
  int cols;
} dx_strip;

// out[i] = mask * raw[p + i] (+ dst[p + i]), i < count
SK_INLINE void dx_stretch(const dx_strip *d, const sk_conv_dx *dx, int p, int count, vf *out) {
  for (int i = 0, end; i < count; i = end) {
    const int row = (p + i) / d->cols, col = (p + i) % d->cols;
    end = sk_min(count, i + d->cols - col);
    const float *from = d->raw + row * d->row_pitch + (int64_t)(col - i) * SK_LANES;
    for (int k = i; k < end; k++) {
      const int64_t at = (int64_t)(p + k) * SK_LANES;
      out[k] = vf_load(from + (int64_t)k * SK_LANES);
      if (dx->relu) out[k] = vf_where_pos(vf_load(d->mask + at), out[k]);
      if (dx->accumulate) out[k] += vf_load(d->dst + at);
    }
  }
}

static void put_dx(const sk_conv_pass *pass, const sk_conv_dx *dx, sk_sums_list asked,
                   const sk_conv_raw *raw) {
  const int w = pass->conv->shape.w, positions = pass->conv->shape.h * w, n = raw->n;
  const sk_view *x = pass->operands->x;
  for (int s = 0; s < raw->blocks * STRIPS; s++) {
    const dx_strip d = {.raw = raw->raw + s / STRIPS * raw->block_pitch + s % STRIPS * SK_W,
                        .mask = strip_of(x->tensor, n, x->block0 + raw->block0, s),
                        .dst = strip_of(dx->g, n, dx->block0 + raw->block0, s),
                        .row_pitch = raw->row_pitch,
                        // Without a border between rows they are one.
                        .cols = raw->row_pitch == (int64_t)w * SK_LANES ? positions : w};
    grad_strip residual;
    if (dx->residual) residual = grad_at(dx->residual, pass->batch, n, raw->block0 * STRIPS + s);
    strip_sums of[asked.count + 1];  // any number of norms may read x
    const int sums = sums_of(pass, asked, n, (dx->block0 + raw->block0) * STRIPS + s, of);
    for (int p = 0, m; p < positions; p += m) {
      m = sk_min(positions - p, STRETCH);
      vf out[STRETCH];
      dx_stretch(&d, dx, p, m, out);
      if (dx->residual) grad_add(out, &residual, p, m);
      for (int i = 0; i < m; i++) vf_store(d.dst + (int64_t)(p + i) * SK_LANES, out[i]);
      for (int i = 0; i < sums; i++) sums_add(&of[i], p, p + m);
    }
    for (int i = 0; i < sums; i++) sums_put(&of[i]);
  }
}
#endif
