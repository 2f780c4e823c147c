// join_kernel.h: the join of one image. Memory bounds it: 4 bytes a value for each tensor read or
// written, 16 for two branches and a skip, and 2 to 8 FLOPs.
#ifndef SK_JOIN_KERNEL_H
#define SK_JOIN_KERNEL_H
#include "join.h"
#include "norm_sums_kernel.h"

// The usual join, of two branches and a skip without ReLUs of their own, is one affine function of
// three values.
SK_INLINE void join_two(const sk_join *j, const sk_batch *b, int n, int s, int relu) {
  const view_strip x0 = view_at(&j->branch[0], b, n, s), x1 = view_at(&j->branch[1], b, n, s);
  const view_strip skip = view_at(j->skip, b, n, s);
  const vf a0 = vf_set(j->alpha[0][n]), a1 = vf_set(j->alpha[1][n]);
  const vf s0 = a0 * x0.scale, s1 = a1 * x1.scale, ss = skip.scale;
  const vf shift = skip.shift + (a0 * x0.shift + a1 * x1.shift);
  const int positions = j->y->h * j->y->w;
  float *y = strip_of(j->y, n, 0, s);
  for (int p = 0; p < positions; p++) {
    const int64_t i = (int64_t)p * SK_LANES;
    const vf v =
        ss * vf_load(skip.t + i) + (s0 * vf_load(x0.t + i) + (s1 * vf_load(x1.t + i) + shift));
    vf_store(y + i, relu ? vf_relu(v) : v);
  }
}

// Any join: stretch by stretch, the skip first and the branches in order.
static void join_any(const sk_join *j, const sk_batch *b, int n, int s) {
  const int positions = j->y->h * j->y->w;
  float *y = strip_of(j->y, n, 0, s);
  for (int p = 0; p < positions; p += STRETCH) {
    const int m = sk_min(STRETCH, positions - p);
    vf sum[STRETCH];
    for (int i = 0; i < m; i++) sum[i] = vf_set(0);
    if (j->skip) {
      const view_strip x = view_at(j->skip, b, n, s);
      view_add(sum, vf_set(1), &x, p, m);
    }
    for (int k = 0; k < j->branches; k++) {
      const view_strip x = view_at(&j->branch[k], b, n, s);
      view_add(sum, vf_set(j->alpha[k][n]), &x, p, m);
    }
    for (int i = 0; i < m; i++)
      vf_store(y + (int64_t)(p + i) * SK_LANES, j->relu ? vf_relu(sum[i]) : sum[i]);
  }
}

static void join_image(const sk_join *j, const sk_batch *b, int n) {
  const int usual =
      j->branches == 2 && j->skip && !j->skip->relu && !j->branch[0].relu && !j->branch[1].relu;
  for (int s = 0; s < j->y->blocks * STRIPS; s++)
    if (!usual)
      join_any(j, b, n, s);
    else if (j->relu)
      join_two(j, b, n, s, 1);
    else
      join_two(j, b, n, s, 0);
  for (int i = 0; i < j->stats.count; i++) image_stats(&j->stats.each[i], j->y, n, 0, j->y->blocks);
}
#endif
