// conv_plan.c: turns the parts of a convolution into lists of block products.
//
// A tap is a pair of offsets (dr, ds), whichever part it comes from: flow B of a two-flow skip is tap (-1, -1) as the corner of a padded 3x3 is.
// Output block kb and input block ib are multiplied at tap t if some part connects a channel of one with a channel of the other there;
// channels of the two blocks that no part connects get zero weights. The data gradient has the transposed lists, one for each
// phase (i mod stride, j mod stride) of the input position, since a tap reaches one phase only.
#include "arena.h"
#include "conv_plan.h"
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

int sk_plan_tap(const sk_conv *c, int dr, int ds) {
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
        if (sk_plan_tap(c, r - c->part[i].padh, s - c->part[i].padw) < 0)
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
  c->drows = dbottom + 1 + c->dtop;
  c->dcols = dright + 1 + c->dleft;
  c->xcols = (xc + st - 1) / st;
  c->xrow = (int64_t)st * c->xcols * SK_B;
  c->xblock = c->xrows * c->xrow;
  c->ximage = c->xb * c->xblock;
  c->drow = (int64_t)c->dcols * SK_B;
  c->dblock = c->drows * c->drow;
  c->dimage = c->yb * c->dblock;
  c->rawrow = (int64_t)s->w * SK_B;
  c->rawblock = s->h * c->rawrow;
  c->rawimage = SK_WIDE * c->rawblock;
}

static sk_span *connect(const sk_conv *c) {
  sk_span *used = sk_aligned((int64_t)c->yb * c->xb * sk_span_pitch(c) * sizeof *used);
  for (int i = 0; i < c->s.parts; i++) {
    const sk_part *p = &c->part[i];
    for (int k = 0; k < p->k; k++) {
      int first, last, kb = (p->yoff + k) / SK_B, kl = (p->yoff + k) % SK_B;
      inputs(p, k, &first, &last);
      for (int ib = first / SK_B; ib <= last / SK_B; ib++)
        for (int r = 0; r < p->r; r++)
          for (int s = 0; s < p->s; s++) {
            sk_span *u = &used[((int64_t)kb * c->xb + ib) * sk_span_pitch(c) + sk_plan_tap(c, r - p->padh, s - p->padw)];
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
  const sk_span *used;
  int back, nout, nin;
  int tap, taps; // the ones listed
} direction;

static sk_span used_at(const direction *d, int out, int in, int t) {
  return d->used[((int64_t)(d->back ? in : out) * d->c->xb + (d->back ? out : in)) * sk_span_pitch(d->c) + t];
}

static int same(const direction *d, int a, int b) {
  for (int in = 0; in < d->nin; in++)
    for (int t = 0; t < sk_span_pitch(d->c); t++)
      if (!used_at(d, a, in, t).c != !used_at(d, b, in, t).c) return 0;
  return 1;
}

static int phase_of(const direction *d, int t) {
  if (t == d->c->taps) return 0;
  int st = d->c->s.stride;
  return d->back ? mod(d->c->tap[t].dr, st) * st + mod(d->c->tap[t].ds, st) : 0;
}

// Where the staged input of tap t starts for position (0, 0) of its phase.
static int64_t origin(const direction *d, int in, int t) {
  const sk_conv *c = d->c;
  if (t == c->taps) return (d->back ? c->fast.yat : c->fast.xat)[in] * c->fast.block;
  int st = c->s.stride, dr = c->tap[t].dr, ds = c->tap[t].ds;
  if (d->back)
    return in * c->dblock + (c->dtop + floor_div(mod(dr, st) - dr, st)) * c->drow + (c->dleft + floor_div(mod(ds, st) - ds, st)) * SK_B;
  return in * c->xblock + (c->top + dr) * c->xrow + (int64_t)((c->left + ds) % st * c->xcols + (c->left + ds) / st) * SK_B;
}

static int list_steps(direction *d, sk_run *run, int phase, int steps) {
  for (int in = 0; in < d->nin; in++)
    for (int t = d->tap; t < d->tap + d->taps; t++) {
      int nc = 0;
      for (int b = run->b0; b < run->b0 + run->nb; b++) {
        sk_span u = used_at(d, b, in, t);
        nc = max(nc, d->back ? u.k : u.c);
      }
      if (!nc || phase_of(d, t) != phase) continue;
      d->p->step[steps++] = (sk_step){.w = d->p->floats, .x = origin(d, in, t), .nc = nc, .in = in};
      for (int b = 0; b < run->nb; b++)
        d->p->at[((int64_t)(run->b0 + b) * d->nin + in) * d->taps + t - d->tap] = d->p->floats + b * SK_B;
      d->p->floats += (int64_t)nc * run->nb * SK_B;
    }
  return steps;
}

static void plan(direction *d) {
  sk_plan *p = d->p;
  int64_t pairs = (int64_t)d->nout * d->nin * d->taps;
  p->phases = d->back && !d->tap ? d->c->s.stride * d->c->s.stride : 1; // transformed, there are none
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
  p->wfloats = p->floats * (d->tap ? d->c->fast.freqs : 1);
  if (p->wfloats) p->w = sk_map(p->wfloats * sizeof *p->w);
}

// The runs of a plan whose blocks are b0 .. b1-1.
static void runs_between(const sk_plan *p, int b0, int b1, int *lo, int *hi) {
  for (*hi = 0; *hi < p->runs && p->run[*hi].b0 < b1; ++*hi)
    if (p->run[*hi].b0 < b0) *lo = *hi + 1;
}

void sk_conv_plan(sk_conv *c) {
  c->xb = blocks(c->s.xc);
  c->yb = blocks(c->s.yc);
  collect_taps(c);
  sk_span *used = connect(c);
  sk_plan_divert(c, used);
  sk_fast_measure(c);
  measure(c);
  plan(&(direction){c, &c->f, used, 0, c->yb, c->xb, 0, c->taps});
  plan(&(direction){c, &c->d, used, 1, c->xb, c->yb, 0, c->taps});
  if (c->fast.on) {
    plan(&(direction){c, &c->fast.f, used, 0, c->yb, c->xb, c->taps, 1});
    plan(&(direction){c, &c->fast.d, used, 1, c->xb, c->yb, c->taps, 1});
    for (sk_island *i = c->fast.island; i < c->fast.island + c->fast.islands; i++) {
      runs_between(&c->fast.f, i->y0, i->y0 + i->yn, &i->f0, &i->f1);
      runs_between(&c->fast.d, i->x0, i->x0 + i->xn, &i->d0, &i->d1);
    }
  }
  for (int kb = 0; kb < c->yb; kb++) c->direct |= c->fast.yat[kb] < 0;
  for (int ib = 0; ib < c->xb; ib++) c->direct |= c->fast.xat[ib] < 0;
  free(used);
}

void sk_plan_free(sk_plan *p) {
  free(p->run);
  free(p->step);
  free(p->at);
  free(p->wide);
  sk_unmap(p->w, p->wfloats * sizeof *p->w);
}
