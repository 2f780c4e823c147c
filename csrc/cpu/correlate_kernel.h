// correlate_kernel.h: the moments of one image of two views. 8 bytes and 8 FLOPs an element.
//
// A lane's sums are taken about its first values, so that they stay small where a channel lies far
// from zero: in float over a stretch, in double over stretches. Lanes and strips are merged in
// order by the formula of engine.Moments.
#ifndef SK_CORRELATE_KERNEL_H
#define SK_CORRELATE_KERNEL_H
#include "correlate.h"
#include "tensor_kernel.h"

enum { SUM_A, SUM_B, SUM_AA, SUM_BB, SUM_AB, LANE_SUMS };

// Sums of one strip about a0 and b0.
typedef struct {
  vf a0, b0;
  double sum[LANE_SUMS][SK_W];
} strip_moments;

static void moments_add(strip_moments *m, const float *a, const float *b, int count) {
  vf sum[LANE_SUMS] = {};
  for (int i = 0; i < count; i++) {
    const vf x = vf_load(a + i * SK_LANES) - m->a0, y = vf_load(b + i * SK_LANES) - m->b0;
    sum[SUM_A] += x, sum[SUM_B] += y;
    sum[SUM_AA] += x * x, sum[SUM_BB] += y * y, sum[SUM_AB] += x * y;
  }
  for (int k = 0; k < LANE_SUMS; k++)
    for (int l = 0; l < SK_W; l++) m->sum[k][l] += sum[k][l];
}

static void moments_merge(sk_moments *m, sk_moments o) {
  const double n = m->n + o.n, da = o.a - m->a, db = o.b - m->b, share = o.n / n, w = m->n * share;
  *m = (sk_moments){n,
                    m->a + da * share,
                    m->b + db * share,
                    m->aa + o.aa + da * da * w,
                    m->bb + o.bb + db * db * w,
                    m->ab + o.ab + da * db * w};
}

// Lane l of a strip of n positions.
static sk_moments lane_moments(const strip_moments *m, int l, double n) {
  const double a = m->sum[SUM_A][l], b = m->sum[SUM_B][l];
  return (sk_moments){n,
                      m->a0[l] + a / n,
                      m->b0[l] + b / n,
                      m->sum[SUM_AA][l] - a * a / n,
                      m->sum[SUM_BB][l] - b * b / n,
                      m->sum[SUM_AB][l] - a * b / n};
}

static void correlate_image(const sk_correlate *c, const sk_batch *batch, int n) {
  const int count = c->a.tensor->h * c->a.tensor->w;
  float a[STRETCH * SK_LANES] __attribute__((aligned(64)));
  float b[STRETCH * SK_LANES] __attribute__((aligned(64)));
  sk_moments all = {0};
  for (int s = 0; s * SK_W < c->channels; s++) {
    const view_strip va = view_at(&c->a, batch, n, s), vb = view_at(&c->b, batch, n, s);
    strip_moments m = {0};
    for (int p = 0; p < count; p += STRETCH) {
      const int length = sk_min(STRETCH, count - p);
      view_store(a, &va, (positions){p, 1, length});
      view_store(b, &vb, (positions){p, 1, length});
      if (p == 0) m.a0 = vf_load(a), m.b0 = vf_load(b);
      moments_add(&m, a, b, length);
    }
    for (int l = 0; l < SK_W && s * SK_W + l < c->channels; l++)
      moments_merge(&all, lane_moments(&m, l, count));
  }
  c->image[n] = all;
}
#endif
