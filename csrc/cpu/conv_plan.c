// conv_plan.c: turns the parts of a convolution into lists of block products.
//
// A tap is a pair of offsets (dr, ds), whichever part it comes from: flow B of a two-flow skip is tap (-1, -1) as the corner of a padded 3x3 is.
// Output block kb and input block ib are multiplied at tap t if some part connects a channel of one with a channel of the other there;
// channels of the two blocks that no part connects get zero weights. The data gradient has the transposed lists, one for each
// phase (i mod stride, j mod stride) of the input position, since a tap reaches one phase only.
#include "arena.h"
#include "conv.h"
#include <stdlib.h>
#include <string.h>

static int blocks(int c) { return (c + SK_B - 1) / SK_B; }
static int max(int a, int b) { return a > b ? a : b; }
static int min(int a, int b) { return a < b ? a : b; }
static int mod(int a, int b) { return ((a % b) + b) % b; }
static int floor_div(int a, int b) { return (a - mod(a, b)) / b; }

// The channels of x, first .. last, that output channel k (within the part) reads.
static void inputs(const sk_part *p, int k, int *first, int *last) {
  int cg = p->c / p->groups;
  *first = p->xoff + k / (p->k / p->groups) * cg;
  *last = *first + cg - 1;
}

static int find_tap(const sk_conv *c, int dr, int ds) {
  for (int t = 0; t < c->taps; t++)
    if (c->tap[t].dr == dr && c->tap[t].ds == ds) return t;
  return -1;
}

static void collect_taps(sk_conv *c) {
  int n = 0;
  for (int i = 0; i < c->s.parts; i++) n += c->part[i].r * c->part[i].s;
  c->tap = sk_aligned(n * sizeof *c->tap);
  for (int i = 0; i < c->s.parts; i++)
    for (int r = 0; r < c->part[i].r; r++)
      for (int s = 0; s < c->part[i].s; s++)
        if (find_tap(c, r - c->part[i].padh, s - c->part[i].padw) < 0)
          c->tap[c->taps++] = (sk_tap){r - c->part[i].padh, s - c->part[i].padw};
}

// Borders that make every read of every tap land inside the staged images.
static void measure(sk_conv *c) {
  const sk_conv_shape *s = &c->s;
  int st = s->stride, xc = 0;
  c->drows = s->p;
  c->dcols = s->q;
  int dbottom = s->p - 1, dright = s->q - 1;
  for (int t = 0; t < c->taps; t++) {
    int dr = c->tap[t].dr, ds = c->tap[t].ds;
    c->top = max(c->top, -dr);
    c->left = max(c->left, -ds);
    int fi = mod(dr, st), fj = mod(ds, st); // the phase that this tap reaches
    c->dtop = max(c->dtop, -floor_div(fi - dr, st));
    c->dleft = max(c->dleft, -floor_div(fj - ds, st));
    dbottom = max(dbottom, (s->h - fi + st - 1) / st - 1 + floor_div(fi - dr, st));
    dright = max(dright, (s->w - fj + st - 1) / st - 1 + floor_div(fj - ds, st));
  }
  for (int t = 0; t < c->taps; t++) {
    c->xrows = max(c->xrows, (s->p - 1) * st + c->tap[t].dr + c->top + 1);
    xc = max(xc, (s->q - 1) * st + c->tap[t].ds + c->left + 1);
  }
  c->xcols = (xc + st - 1) / st;
  c->xrow = (int64_t)st * c->xcols * SK_B;
  c->xblock = c->xrows * c->xrow;
  c->ximage = c->xb * c->xblock;
  c->drows = dbottom + 1 + c->dtop;
  c->dcols = dright + 1 + c->dleft;
  c->drow = (int64_t)c->dcols * SK_B;
  c->dblock = c->drows * c->drow;
  c->dimage = c->yb * c->dblock;
}

// One more than the highest connected lane of each side, 0 where nothing connects.
typedef struct {
  unsigned char c, k;
} span;

static span *connect(const sk_conv *c) {
  span *used = sk_aligned((int64_t)c->yb * c->xb * c->taps * sizeof *used);
  for (int i = 0; i < c->s.parts; i++) {
    const sk_part *p = &c->part[i];
    for (int k = 0; k < p->k; k++) {
      int first, last, kb = (p->yoff + k) / SK_B, kl = (p->yoff + k) % SK_B;
      inputs(p, k, &first, &last);
      for (int ib = first / SK_B; ib <= last / SK_B; ib++)
        for (int r = 0; r < p->r; r++)
          for (int s = 0; s < p->s; s++) {
            span *u = &used[((int64_t)kb * c->xb + ib) * c->taps + find_tap(c, r - p->padh, s - p->padw)];
            u->c = max(u->c, min(SK_B, last + 1 - ib * SK_B));
            u->k = max(u->k, kl + 1);
          }
    }
  }
  return used;
}

// A direction: nout output blocks over nin input blocks.
typedef struct {
  sk_conv *c;
  sk_plan *p;
  const span *used;
  int back, nout, nin;
} direction;

static span used_at(const direction *d, int out, int in, int t) {
  return d->used[((int64_t)(d->back ? in : out) * d->c->xb + (d->back ? out : in)) * d->c->taps + t];
}

static int same(const direction *d, int a, int b) {
  for (int in = 0; in < d->nin; in++)
    for (int t = 0; t < d->c->taps; t++)
      if (!used_at(d, a, in, t).c != !used_at(d, b, in, t).c) return 0;
  return 1;
}

static int phase_of(const direction *d, int t) {
  int st = d->c->s.stride;
  return d->back ? mod(d->c->tap[t].dr, st) * st + mod(d->c->tap[t].ds, st) : 0;
}

// Where the staged input of tap t starts for position (0, 0) of its phase.
static int64_t origin(const direction *d, int in, int t) {
  const sk_conv *c = d->c;
  int st = c->s.stride, dr = c->tap[t].dr, ds = c->tap[t].ds;
  if (d->back)
    return in * c->dblock + (c->dtop + floor_div(mod(dr, st) - dr, st)) * c->drow + (c->dleft + floor_div(mod(ds, st) - ds, st)) * SK_B;
  return in * c->xblock + (c->top + dr) * c->xrow + (int64_t)((c->left + ds) % st * c->xcols + (c->left + ds) / st) * SK_B;
}

static int list_steps(direction *d, sk_run *run, int phase, int steps) {
  for (int in = 0; in < d->nin; in++)
    for (int t = 0; t < d->c->taps; t++) {
      int nc = 0;
      for (int b = run->b0; b < run->b0 + run->nb; b++) {
        span u = used_at(d, b, in, t);
        nc = max(nc, d->back ? u.k : u.c);
      }
      if (!nc || phase_of(d, t) != phase) continue;
      d->p->step[steps++] = (sk_step){.w = d->p->floats, .x = origin(d, in, t), .nc = nc, .in = in};
      for (int b = 0; b < run->nb; b++)
        d->p->at[((int64_t)(run->b0 + b) * d->nin + in) * d->c->taps + t] = d->p->floats + b * SK_B;
      d->p->floats += (int64_t)nc * run->nb * SK_B;
    }
  return steps;
}

static void plan(direction *d) {
  sk_plan *p = d->p;
  int64_t pairs = (int64_t)d->nout * d->nin * d->c->taps;
  p->phases = d->back ? d->c->s.stride * d->c->s.stride : 1;
  p->run = sk_aligned((int64_t)d->nout * p->phases * sizeof *p->run);
  p->step = sk_aligned(pairs * sizeof *p->step);
  p->at = sk_aligned(pairs * sizeof *p->at);
  p->wide = sk_aligned(d->nout * sizeof *p->wide);
  memset(p->at, -1, pairs * sizeof *p->at);
  for (int b = 0, nb, steps = 0; b < d->nout; b += nb) {
    for (nb = 1; nb < SK_WIDE && b + nb < d->nout && same(d, b, b + nb); nb++) {}
    for (int i = 0; i < nb; i++) p->wide[b + i] = nb;
    for (int phase = 0; phase < p->phases; phase++) {
      sk_run *run = &p->run[p->runs * p->phases + phase];
      *run = (sk_run){.b0 = b, .nb = nb, .step0 = steps};
      steps = list_steps(d, run, phase, steps);
      run->steps = steps - run->step0;
    }
    p->runs++;
  }
  p->w = sk_map(p->floats * sizeof *p->w);
}

void sk_conv_plan(sk_conv *c) {
  c->xb = blocks(c->s.xc);
  c->yb = blocks(c->s.yc);
  collect_taps(c);
  measure(c);
  span *used = connect(c);
  plan(&(direction){c, &c->f, used, 0, c->yb, c->xb});
  plan(&(direction){c, &c->d, used, 1, c->xb, c->yb});
  free(used);
}

void sk_plan_free(sk_plan *p) {
  free(p->run);
  free(p->step);
  free(p->at);
  free(p->wide);
  sk_unmap(p->w, p->floats * sizeof *p->w);
}

// Does something for every weight w (index of the flat parameters) of output block kb: lane kl of it, lane cl of input block ib, tap t. Block by
// block, so that all that 16x16 weights touch on both sides stays in cache.
#define FOR_WEIGHTS(c, kb, ...)                                                                                   \
  for (const sk_part *p = (c)->part; p < (c)->part + (c)->s.parts; p++) {                                         \
    int klo = max(0, (kb)*SK_B - p->yoff), khi = min(p->k, (kb)*SK_B + SK_B - p->yoff), rs = p->r * p->s;         \
    for (int ib = p->xoff / SK_B; klo < khi && ib <= (p->xoff + p->c - 1) / SK_B; ib++)                           \
      for (int i = 0; i < rs; i++) {                                                                              \
        const int t = find_tap(c, i / p->s - p->padh, i % p->s - p->padw);                                        \
        for (int k = klo; k < khi; k++) {                                                                         \
          int first, last, kl = (p->yoff + k) % SK_B;                                                             \
          inputs(p, k, &first, &last);                                                                            \
          const int lo = max(first, ib * SK_B), hi = min(last + 1, ib * SK_B + SK_B);                             \
          int64_t w = p->woff + ((int64_t)k * (last + 1 - first) + lo - first) * rs + i;                          \
          for (int cl = lo - ib * SK_B; cl < hi - ib * SK_B; cl++, w += rs) { __VA_ARGS__ }                       \
        }                                                                                                         \
      }                                                                                                           \
  }

void sk_plan_pack(sk_conv *c, int kb, const float *params) {
  const int fpitch = c->f.wide[kb] * SK_B;
  FOR_WEIGHTS(c, kb, {
    c->f.w[c->f.at[((int64_t)kb * c->xb + ib) * c->taps + t] + cl * fpitch + kl] = params[w];
    c->d.w[c->d.at[((int64_t)ib * c->yb + kb) * c->taps + t] + kl * c->d.wide[ib] * SK_B + cl] = params[w];
  })
}

void sk_plan_unpack(const sk_conv *c, int kb, const float *acc, float *grads) {
  const int pitch = c->f.wide[kb] * SK_B;
  FOR_WEIGHTS(c, kb, grads[w] = acc[c->f.at[((int64_t)kb * c->xb + ib) * c->taps + t] + cl * pitch + kl];)
}
