// conv_pack.c: weights from the flat parameters to where a plan wants them, and gradients back. Block by block, so that all that 16x16 weights touch
// on both sides stays in cache.
#include "conv.h"
#include "dispatch.h"
#include <string.h>

enum { KERNEL = 9 * SK_B * SK_B }; // floats of a kernel of blocks, [3][3][16][16]; Strassen's is [half of y][half of x][16][16]

static int max(int a, int b) { return a > b ? a : b; }
static int min(int a, int b) { return a < b ? a : b; }

// Does something for every row of weights between output block kb and input block ib at a tap t of part p: lane kl of kb, lanes c0 .. c1-1 of ib. Lane c0's
// is weight w of the flat parameters, the next ones stand rs apart.
#define FOR_ROWS(c, kb, ib, ...)                                                                                     \
  for (const sk_part *p = (c)->part; p < (c)->part + (c)->s.parts; p++) {                                            \
    const int klo = max(0, (kb)*SK_B - p->yoff), khi = min(p->k, (kb)*SK_B + SK_B - p->yoff), rs = p->r * p->s;      \
    if (p->xoff >= (ib)*SK_B + SK_B || p->xoff + p->c <= (ib)*SK_B) continue;                                        \
    for (int i = 0; i < rs && klo < khi; i++) {                                                                      \
      const int t = sk_plan_tap(c, i / p->s - p->padh, i % p->s - p->padw), cg = p->c / p->groups;                   \
      for (int k = klo; k < khi; k++) {                                                                              \
        const int first = p->xoff + k / (p->k / p->groups) * cg, kl = (p->yoff + k) % SK_B;                          \
        const int c0 = max(first, (ib)*SK_B) - (ib)*SK_B, c1 = min(first + cg, (ib)*SK_B + SK_B) - (ib)*SK_B;        \
        const int64_t w = p->woff + ((int64_t)k * cg + (ib)*SK_B + c0 - first) * rs + i;                             \
        if (c0 < c1) { __VA_ARGS__ }                                                                                 \
      }                                                                                                              \
    }                                                                                                                \
  }

static const sk_island *island_of(const sk_conv *c, int kb) {
  const sk_island *i = c->fast.island;
  while (kb >= i->y1) i++;
  return i;
}

// Where in a kernel the blocks kb and ib of an island have tap t.
static int element(const sk_conv *c, const sk_island *in, int kb, int ib, int t) {
  if (c->fast.algorithm == SK_STRASSEN) return (kb - in->y0) / in->yn * 2 + (ib - in->x0) / in->xn;
  return (c->tap[t].dr + 1) * 3 + c->tap[t].ds + 1;
}

// Does something for every row between the blocks that output block kb and input block ib stand for, yb and xb: e is their tap's element of a kernel.
#define FOR_KERNEL(c, in, kb, ib, ...)                            \
  for (int yb = kb; yb < (in)->y1; yb += (in)->yn)                \
    for (int xb = ib; xb < (in)->x1; xb += (in)->xn)              \
      FOR_ROWS(c, yb, xb, {                                       \
        const int e = element(c, in, yb, xb, t) * SK_B * SK_B;    \
        __VA_ARGS__                                               \
      })

static void pack_transformed(sk_conv *c, int kb, const float *params) {
  const sk_plan *f = &c->fast.f, *d = &c->fast.d;
  const sk_island *in = island_of(c, kb);
  const sk_transforms *maps = &sk_isa->fast->of[c->fast.algorithm];
  float g[KERNEL] __attribute__((aligned(64))), gt[KERNEL] __attribute__((aligned(64)));
  const int64_t bytes = (c->fast.algorithm == SK_STRASSEN ? 4 : 9) * SK_B * SK_B * sizeof *g;
  for (int ib = in->x0; ib < in->x0 + in->xn; ib++) {
    const int64_t at = f->at[(int64_t)kb * c->xb + ib], back = d->at[(int64_t)ib * c->yb + kb];
    if (at < 0) continue;
    memset(g, 0, bytes);
    memset(gt, 0, bytes);
    FOR_KERNEL(c, in, kb, ib, {
      for (int cl = c0; cl < c1; cl++) g[e + cl * SK_B + kl] = gt[e + kl * SK_B + cl] = params[w + (cl - c0) * rs];
    })
    maps->pack(g, f->w + at, f->wide[kb] * SK_B, f->floats);
    maps->pack(gt, d->w + back, d->wide[ib] * SK_B, d->floats);
  }
}

static void unpack_transformed(const sk_conv *c, int kb, const float *acc, float *grads) {
  const sk_plan *f = &c->fast.f;
  const sk_island *in = island_of(c, kb);
  float g[KERNEL] __attribute__((aligned(64)));
  for (int ib = in->x0; ib < in->x0 + in->xn; ib++) {
    const int64_t at = f->at[(int64_t)kb * c->xb + ib];
    if (at < 0) continue;
    sk_isa->fast->of[c->fast.algorithm].unpack(acc + at, f->wide[kb] * SK_B, f->floats, g);
    FOR_KERNEL(c, in, kb, ib, {
      for (int cl = c0; cl < c1; cl++) grads[w + (cl - c0) * rs] = g[e + cl * SK_B + kl];
    })
  }
}

// Whether the algorithm has output block kb, and whether it does so as another block's second half.
static int transformed(const sk_conv *c, int kb) { return c->fast.yat[kb] >= 0; }
static int folded(const sk_conv *c, int kb) { return kb >= island_of(c, kb)->y0 + island_of(c, kb)->yn; }

void sk_plan_pack(sk_conv *c, int kb, const float *params) {
  if (transformed(c, kb)) {
    if (!folded(c, kb)) pack_transformed(c, kb, params);
    return;
  }
  const int fpitch = c->f.wide[kb] * SK_B;
  for (int ib = 0; ib < c->xb; ib++)
    FOR_ROWS(c, kb, ib, {
      float *f = c->f.w + c->f.at[((int64_t)kb * c->xb + ib) * c->taps + t] + kl;
      float *d = c->d.w + c->d.at[((int64_t)ib * c->yb + kb) * c->taps + t] + kl * c->d.wide[ib] * SK_B;
      for (int cl = c0; cl < c1; cl++) f[cl * fpitch] = d[cl] = params[w + (cl - c0) * rs];
    })
}

void sk_plan_unpack(const sk_conv *c, int kb, const float *acc, const float *fast, float *grads) {
  if (transformed(c, kb)) {
    if (!folded(c, kb)) unpack_transformed(c, kb, fast, grads);
    return;
  }
  const int fpitch = c->f.wide[kb] * SK_B;
  for (int ib = 0; ib < c->xb; ib++)
    FOR_ROWS(c, kb, ib, {
      const float *f = acc + c->f.at[((int64_t)kb * c->xb + ib) * c->taps + t] + kl;
      for (int cl = c0; cl < c1; cl++) grads[w + (cl - c0) * rs] = f[cl * fpitch];
    })
}
