// tensor_kernel.h: reading a strip of one image through a view or a gradient. At most STRETCH
// positions go through a buffer in the first-level cache at a time, so the cases are told apart
// once a stretch and not once a position.
#ifndef SK_TENSOR_KERNEL_H
#define SK_TENSOR_KERNEL_H
#include "norm.h"
#include "vec_kernel.h"

enum { STRETCH = 64 };

// Strip s of image n, strips counted from block0 on; NULL for a NULL tensor.
static float *strip_of(const sk_tensor *t, int n, int block0, int s) {
  if (!t) return NULL;
  const int64_t plane = (int64_t)t->h * t->w * SK_LANES;
  return t->data + n * t->image_pitch + (block0 + s / STRIPS) * plane + s % STRIPS * SK_W;
}

// One strip of a view: v = scale*t + shift, or its maximum with 0. Without a norm, scale is 1 and
// shift 0.
typedef struct {
  const float *t;  // positions are SK_LANES floats apart
  vf scale, shift;
  int norm, relu;
  int64_t ahead;  // floats from a value to the one that is prefetched with it; 0: none is
} view_strip;

static view_strip view_at(const sk_view *v, const sk_batch *b, int n, int s) {
  view_strip r = {.t = strip_of(v->tensor, n, v->block0, s),
                  .scale = vf_set(1),
                  .norm = v->norm != NULL,
                  .relu = v->relu};
  if (v->norm) {
    const int64_t block = (int64_t)b->replica[n] * v->norm->blocks + v->norm_block0;
    r.scale = vf_load(v->norm->scale + block * SK_LANES + s * SK_W);
    r.shift = vf_load(v->norm->shift + block * SK_LANES + s * SK_W);
  }
  return r;
}

SK_INLINE vf view_value(const view_strip *v, int p, int norm, int relu) {
  vf x = vf_load(v->t + (int64_t)p * SK_LANES);
  if (norm) x = x * v->scale + v->shift;
  return relu ? vf_relu(x) : x;
}

// `count` positions, from `first` on, every stride-th.
typedef struct {
  int first, stride, count;
} positions;

// Each value times `factor` is added to sum[i], or, where sum is NULL, stored at dst.
SK_INLINE void view_case(const view_strip *v, positions p, int norm, int relu, vf factor, vf *sum,
                         float *dst) {
  for (int i = 0; i < p.count; i++) {
    const vf x = view_value(v, p.first + i * p.stride, norm, relu);
    if (sum)
      sum[i] += factor * x;
    else
      vf_store(dst + i * SK_LANES, x);
  }
}

SK_INLINE void view_cases(const view_strip *v, positions p, vf factor, vf *sum, float *dst) {
  switch (v->norm * 2 + v->relu) {
  case 0: view_case(v, p, 0, 0, factor, sum, dst); break;
  case 1: view_case(v, p, 0, 1, factor, sum, dst); break;
  case 2: view_case(v, p, 1, 0, factor, sum, dst); break;
  default: view_case(v, p, 1, 1, factor, sum, dst); break;
  }
}

// sum[i] += factor * v[first + i], i < count
static void view_add(vf *sum, vf factor, const view_strip *v, int first, int count) {
  view_cases(v, (positions){first, 1, count}, factor, sum, NULL);
}

// dst[i] = v[first + i*stride], i < count
static void view_store(float *dst, const view_strip *v, positions p) {
  view_cases(v, p, vf_set(1), NULL, dst);
}

// One strip of a gradient, by the formula of engine.Grad, beta being taken into dx_g.
typedef struct {
  const float *g, *mask, *y;
  vf beta, scale, shift, dx_g, dx_x, dx_1;
  int norm, relu;
  int64_t ahead;  // as a view's
} grad_strip;

static grad_strip grad_at(const sk_grad *g, const sk_batch *b, int n, int s) {
  grad_strip r = {.g = strip_of(g->g, n, g->g_block0, s),
                  .mask = strip_of(g->mask, n, g->mask_block0, s),
                  .y = strip_of(g->y, n, g->y_block0, s),
                  .beta = vf_set(g->beta ? g->beta[n] : 1),
                  .scale = vf_set(1),
                  .norm = g->norm != NULL,
                  .relu = g->relu};
  r.dx_g = r.beta;
  if (g->norm) {
    const int64_t block = (int64_t)b->replica[n] * g->norm->blocks + g->norm_block0;
    const int64_t i = block * SK_LANES + s * SK_W;
    r.scale = vf_load(g->norm->scale + i);
    r.shift = vf_load(g->norm->shift + i);
    r.dx_g = r.beta * vf_load(g->norm->dx_g + i);
    r.dx_x = vf_load(g->norm->dx_x + i);
    r.dx_1 = vf_load(g->norm->dx_1 + i);
  }
  return r;
}

// g'/beta at position p
SK_INLINE vf grad_masked(const grad_strip *g, int p, int mask, int relu) {
  const int64_t i = (int64_t)p * SK_LANES;
  vf v = vf_load(g->g + i);
  if (mask) v = vf_where_pos(vf_load(g->mask + i), v);
  if (relu) v = vf_where_pos(vf_load(g->y + i) * g->scale + g->shift, v);
  return v;
}

// Each value is added to sum[i], or, where sum is NULL, stored at dst.
SK_INLINE void grad_case(const grad_strip *g, positions p, const int masks, int norm, vf *sum,
                         float *dst) {
  for (int i = 0; i < p.count; i++) {
    const int at = p.first + i;
    vf d = g->dx_g * grad_masked(g, at, masks / 2, masks % 2);
    if (norm) d += g->dx_x * vf_load(g->y + (int64_t)at * SK_LANES) + g->dx_1;
    if (sum)
      sum[i] += d;
    else
      vf_store(dst + i * SK_LANES, d);
  }
}

SK_INLINE void grad_cases(const grad_strip *g, positions p, vf *sum, float *dst) {
  switch ((g->mask != NULL) * 4 + g->relu * 2 + g->norm) {
  case 0: grad_case(g, p, 0, 0, sum, dst); break;
  case 1: grad_case(g, p, 0, 1, sum, dst); break;
  case 2: grad_case(g, p, 1, 0, sum, dst); break;
  case 3: grad_case(g, p, 1, 1, sum, dst); break;
  case 4: grad_case(g, p, 2, 0, sum, dst); break;
  case 5: grad_case(g, p, 2, 1, sum, dst); break;
  case 6: grad_case(g, p, 3, 0, sum, dst); break;
  default: grad_case(g, p, 3, 1, sum, dst); break;
  }
}

// sum[i] += dy[first + i], i < count
static void grad_add(vf *sum, const grad_strip *g, int first, int count) {
  grad_cases(g, (positions){first, 1, count}, sum, NULL);
}

// dst[i] = dy[first + i], i < count
static void grad_store(float *dst, const grad_strip *g, int first, int count) {
  grad_cases(g, (positions){first, 1, count}, NULL, dst);
}

// dst (+)= sum where of > 0, for a stretch of positions; of->t NULL: everywhere.
static void grad_put(float *dst, const vf *sum, const view_strip *of, int first, int count,
                     int accumulate) {
  for (int i = 0; i < count; i++) {
    float *d = dst + (int64_t)(first + i) * SK_LANES;
    vf v = sum[i];
    if (of->t) v = vf_where_pos(view_value(of, first + i, 1, 0), v);
    if (accumulate) v += vf_load(d);
    vf_store(d, v);
  }
}
#endif
