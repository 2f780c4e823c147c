// conv_plan.c: turns the parts of a convolution into lists of block products.
//
// A tap is a pair of offsets (dr, ds), whichever part it comes from: flow B of a two-flow skip is tap (-1, -1) as the corner of a padded 3x3 is.
// Output block kb and input block ib are multiplied at tap t if some part connects a channel of one with a channel of the other there;
// channels of the two blocks that no part connects get zero weights. The data gradient has the transposed lists, one for each
// phase (i mod stride, j mod stride) of the input position, since a tap reaches one phase only.
#include "arena.h"
#include "conv.h"
#include "dispatch.h"
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

// One more than the highest connected lane of each side, 0 where nothing connects.
typedef struct {
  unsigned char c, k;
} span;

// Spans [output block][input block][tap]; behind the taps one for the products of a fast algorithm, unused so far.
static int pitch(const sk_conv *c) { return c->taps + 1; }

static span *connect(const sk_conv *c) {
  span *used = sk_aligned((int64_t)c->yb * c->xb * pitch(c) * sizeof *used);
  for (int i = 0; i < c->s.parts; i++) {
    const sk_part *p = &c->part[i];
    for (int k = 0; k < p->k; k++) {
      int first, last, kb = (p->yoff + k) / SK_B, kl = (p->yoff + k) % SK_B;
      inputs(p, k, &first, &last);
      for (int ib = first / SK_B; ib <= last / SK_B; ib++)
        for (int r = 0; r < p->r; r++)
          for (int s = 0; s < p->s; s++) {
            span *u = &used[((int64_t)kb * c->xb + ib) * pitch(c) + sk_plan_tap(c, r - p->padh, s - p->padw)];
            u->c = max(u->c, min(SK_B, last + 1 - ib * SK_B));
            u->k = max(u->k, kl + 1);
          }
    }
  }
  return used;
}

// The taps by which output block kb reads input block ib.
static int reads(const sk_conv *c, const span *used, int kb, int ib) {
  int taps = 0;
  for (int t = 0; t < c->taps; t++) taps += used[((int64_t)kb * c->xb + ib) * pitch(c) + t].c > 0;
  return taps;
}

// Channels that output block kb reads by whole 3x3 kernels with pad 1; 0 if it reads any in another way.
static int whole_kernels(const sk_conv *c, const span *used, int kb) {
  int channels = 0;
  for (int ib = 0; ib < c->xb; ib++) {
    const span *u = &used[((int64_t)kb * c->xb + ib) * pitch(c)];
    int taps = 0, most = 0;
    for (int t = 0; t < c->taps; t++) {
      if (!u[t].c) continue;
      if (abs(c->tap[t].dr) > 1 || abs(c->tap[t].ds) > 1) return 0;
      taps++;
      most = max(most, u[t].c);
    }
    if (taps && taps != 9) return 0;
    channels += most;
  }
  return channels;
}

// Adds output block kb, which reads input blocks x0 .. x1-1, to the last island; or it begins one, if it has nothing in common with those so far.
static void add_to_island(sk_fast *w, int kb, int x0, int x1) {
  w->island[w->islands++] = (sk_island){.x0 = x0, .x1 = x1, .y0 = kb, .y1 = kb + 1};
  for (sk_island *i; w->islands > 1; w->islands--) {
    i = &w->island[w->islands - 1];
    if (i[-1].x1 <= i->x0) return;
    i[-1].x0 = min(i[-1].x0, i->x0), i[-1].x1 = max(i[-1].x1, i->x1), i[-1].y1 = i->y1;
  }
}

// Output block kb of an island is the algorithm's: its spans at the taps go, those of the blocks that it then stands for come behind them.
static void hand_over(sk_conv *c, const sk_island *i, span *used, int kb) {
  sk_fast *w = &c->fast;
  w->on = 1;
  w->yat[kb] = (kb - i->y0) % i->yn;
  for (int ib = i->x0; ib < i->x1; ib++) {
    span *u = &used[((int64_t)kb * c->xb + ib) * pitch(c)];
    for (int t = 0; t < c->taps; t++) {
      if (!u[t].c) continue;
      w->xat[ib] = (ib - i->x0) % i->xn;
      if (kb < i->y0 + i->yn && ib < i->x0 + i->xn) u[c->taps] = (span){SK_B, SK_B};
      u[t] = (span){0, 0};
    }
  }
}

static void divert_winograd(sk_conv *c, span *used) {
  const sk_conv_shape *s = &c->s;
  sk_fast *w = &c->fast;
  if (s->stride > 2 || s->p != (s->h - 1) / s->stride + 1 || s->q != (s->w - 1) / s->stride + 1) return;
  w->algorithm = s->stride == 1 ? SK_WINOGRAD : SK_WINOGRAD_STRIDED;
  for (int kb = 0; kb < c->yb; kb++) {
    int channels = whole_kernels(c, used, kb), first = c->xb, last = 0;
    w->yat[kb] = -1;
    if (!channels || (s->method == SK_CHOOSE && !sk_fast_pays(s, w->algorithm, channels))) continue;
    for (int ib = 0; ib < c->xb; ib++)
      if (reads(c, used, kb, ib)) first = min(first, ib), last = ib;
    w->yat[kb] = 0;
    add_to_island(w, kb, first, last + 1);
  }
  for (sk_island *i = w->island; i < w->island + w->islands; i++) {
    i->xn = i->x1 - i->x0, i->yn = i->y1 - i->y0;
    for (int kb = i->y0; kb < i->y1; kb++)
      if (!w->yat[kb]) hand_over(c, i, used, kb);
  }
}

// Strassen's halves want islands of an even number of blocks, every one of which reads every other by the tap (0, 0) alone, on an even number of rows. And
// whole ones: it would leave rounding errors in padding lanes.
static void divert_strassen(sk_conv *c, span *used) {
  const sk_conv_shape *s = &c->s;
  sk_fast *w = &c->fast;
  const int tap = sk_plan_tap(c, 0, 0);
  if (w->on || tap < 0 || s->p % 2 || (s->p - 1) * s->stride >= s->h || (s->q - 1) * s->stride >= s->w) return;
  w->algorithm = SK_STRASSEN;
  for (int kb = 0; kb < c->yb; kb++) {
    int first = c->xb, last = -1;
    for (int ib = 0; ib < c->xb; ib++)
      if (reads(c, used, kb, ib)) first = min(first, ib), last = ib;
    if (last >= 0) add_to_island(w, kb, first, last + 1);
  }
  int n = 0;
  for (const sk_island *i = w->island; i < w->island + w->islands; i++) {
    int xs = i->x1 - i->x0, ys = i->y1 - i->y0, whole = xs % 2 == 0 && ys % 2 == 0;
    for (int kb = i->y0; kb < i->y1; kb++)
      for (int ib = i->x0; ib < i->x1; ib++) {
        const span *u = &used[((int64_t)kb * c->xb + ib) * pitch(c) + tap];
        whole &= reads(c, used, kb, ib) == 1 && u->c == SK_B && u->k == SK_B;
      }
    if (!whole || (s->method == SK_CHOOSE && !sk_fast_pays(s, SK_STRASSEN, min(xs, ys) * SK_B))) continue;
    w->island[n] = *i;
    w->island[n].xn = xs / 2, w->island[n].yn = ys / 2;
    for (int kb = i->y0; kb < i->y1; kb++) hand_over(c, &w->island[n], used, kb);
    n++;
  }
  w->islands = n;
}

// Hands output blocks over to an algorithm with fewer products.
static void divert(sk_conv *c, span *used) {
  sk_fast *w = &c->fast;
  w->island = sk_aligned(c->yb * sizeof *w->island);
  w->xat = sk_aligned(c->xb * sizeof *w->xat);
  w->yat = sk_aligned(c->yb * sizeof *w->yat);
  memset(w->xat, -1, c->xb * sizeof *w->xat);
  memset(w->yat, -1, c->yb * sizeof *w->yat);
  if (c->s.method == SK_DIRECT) return;
  divert_winograd(c, used);
  divert_strassen(c, used);
}

// A direction: nout output blocks over nin input blocks.
typedef struct {
  sk_conv *c;
  sk_plan *p;
  const span *used;
  int back, nout, nin;
  int tap, taps; // the ones listed
} direction;

static span used_at(const direction *d, int out, int in, int t) {
  return d->used[((int64_t)(d->back ? in : out) * d->c->xb + (d->back ? out : in)) * pitch(d->c) + t];
}

static int same(const direction *d, int a, int b) {
  for (int in = 0; in < d->nin; in++)
    for (int t = 0; t < pitch(d->c); t++)
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
        span u = used_at(d, b, in, t);
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
  span *used = connect(c);
  divert(c, used);
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
