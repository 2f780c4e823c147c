// norm_sums_kernel.h: the sums that a norm needs of one image: statistics of a tensor, sums of a
// gradient.
#ifndef SK_NORM_SUMS_KERNEL_H
#define SK_NORM_SUMS_KERNEL_H
#include "norm_sums.h"
#include "tensor_kernel.h"

// The sum of d(p)^k over a stretch, with even and odd positions apart; d = x - mean.
SK_INLINE vf stretch_sum(const float *x, int p, int end, vf mean, const int square) {
  vf a = {}, b = {};
  for (; p + 1 < end; p += 2) {
    const vf d = vf_load(x + (int64_t)p * SK_LANES), e = vf_load(x + (int64_t)(p + 1) * SK_LANES);
    if (square)
      a += (d - mean) * (d - mean), b += (e - mean) * (e - mean);
    else
      a += d, b += e;
  }
  if (p < end) {
    const vf d = vf_load(x + (int64_t)p * SK_LANES);
    if (square)
      a += (d - mean) * (d - mean);
    else
      a += d;
  }
  return a + b;
}

// Sum, and sum of squares about the image's own mean, of those of the norm's blocks that are among
// blocks begin .. end-1 of the tensor. The second pass finds the strip in cache. Stretches are
// summed first, so that rounding grows with STRETCH and not with the size of the map.
static void image_stats(const sk_stats *s, const sk_tensor *t, int n, int begin, int end) {
  const sk_norm *m = s->norm;
  const int positions = t->h * t->w;
  float *moments = m->moments + (int64_t)n * 2 * m->moments_width;
  begin = sk_max(begin - s->block0, s->from), end = sk_min(end - s->block0, m->blocks);
  for (int k = begin * STRIPS; k < end * STRIPS; k++) {
    const float *x = strip_of(t, n, s->block0, k);
    vf sum = {}, square = {};
    for (int p = 0; p < positions; p += STRETCH)
      sum += stretch_sum(x, p, sk_min(p + STRETCH, positions), sum, 0);
    const vf mean = sum / vf_set((float)positions);
    for (int p = 0; p < positions; p += STRETCH)
      square += stretch_sum(x, p, sk_min(p + STRETCH, positions), mean, 1);
    vf_store(moments + k * SK_W, sum);
    vf_store(moments + m->moments_width + k * SK_W, square);
  }
}

// S1 = sum g' and S2 = sum g' * (y - mean)*invstd of one strip; beta and invstd are taken out of
// the sums.
typedef struct {
  grad_strip g;
  vf mean, invstd, s1, s2;
  float *partial;  // S1; S2 stands s2_pitch floats behind it
  int64_t s2_pitch;
} strip_sums;

// Of strip k of the gradient.
static strip_sums sums_at(const sk_sums *s, const sk_batch *b, int n, int k) {
  const sk_norm *m = s->norm;
  const int64_t block = (int64_t)b->replica[n] * m->blocks + s->of.norm_block0;
  const int64_t partial = (int64_t)n * 2 * m->blocks + s->of.norm_block0;
  return (strip_sums){.g = grad_at(&s->of, b, n, k),
                      .mean = vf_load(m->mean + block * SK_LANES + k * SK_W),
                      .invstd = vf_load(m->invstd + block * SK_LANES + k * SK_W),
                      .s1 = {},
                      .s2 = {},
                      .partial = m->partial + partial * SK_LANES + k * SK_W,
                      .s2_pitch = (int64_t)m->blocks * SK_LANES};
}

SK_INLINE void sums_case(strip_sums *s, int p, int end, int mask, int relu) {
  const grad_strip *g = &s->g;
  const vf mean = s->mean;
  vf a1 = {}, a2 = {}, b1 = {}, b2 = {};
  for (; p + 1 < end; p += 2) {
    const vf d = grad_masked(g, p, mask, relu), e = grad_masked(g, p + 1, mask, relu);
    a1 += d, a2 += d * (vf_load(g->y + (int64_t)p * SK_LANES) - mean);
    b1 += e, b2 += e * (vf_load(g->y + (int64_t)(p + 1) * SK_LANES) - mean);
  }
  if (p < end) {
    const vf d = grad_masked(g, p, mask, relu);
    a1 += d, a2 += d * (vf_load(g->y + (int64_t)p * SK_LANES) - mean);
  }
  s->s1 += a1 + b1, s->s2 += a2 + b2;
}

// Adds positions p .. end-1.
static void sums_add(strip_sums *s, int p, int end) {
  switch ((s->g.mask != NULL) * 2 + s->g.relu) {
  case 0: sums_case(s, p, end, 0, 0); break;
  case 1: sums_case(s, p, end, 0, 1); break;
  case 2: sums_case(s, p, end, 1, 0); break;
  default: sums_case(s, p, end, 1, 1); break;
  }
}

static void sums_put(const strip_sums *s) {
  vf_store(s->partial, s->g.beta * s->s1);
  vf_store(s->partial + s->s2_pitch, s->g.beta * s->s2 * s->invstd);
}

static void image_sums(const sk_sums *s, const sk_batch *b, int n) {
  const int positions = s->of.y->h * s->of.y->w;
  for (int k = 0; k < s->of.blocks * STRIPS; k++) {
    strip_sums of = sums_at(s, b, n, k);
    for (int p = 0; p < positions; p += STRETCH) sums_add(&of, p, sk_min(p + STRETCH, positions));
    sums_put(&of);
  }
}
#endif
