// conv_divert.c: which output blocks of a convolution an algorithm with fewer products computes, and which islands they make.
#include "arena.h"
#include "conv_plan.h"
#include <stdlib.h>
#include <string.h>

static int max(int a, int b) { return a > b ? a : b; }
static int min(int a, int b) { return a < b ? a : b; }

// The taps by which output block kb reads input block ib.
static int reads(const sk_conv *c, const sk_span *used, int kb, int ib) {
  int taps = 0;
  for (int t = 0; t < c->taps; t++) taps += used[((int64_t)kb * c->xb + ib) * sk_span_pitch(c) + t].c > 0;
  return taps;
}

// Channels that output block kb reads by whole 3x3 kernels with pad 1; 0 if it reads any in another way.
static int whole_kernels(const sk_conv *c, const sk_span *used, int kb) {
  int channels = 0;
  for (int ib = 0; ib < c->xb; ib++) {
    const sk_span *u = &used[((int64_t)kb * c->xb + ib) * sk_span_pitch(c)];
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
static void hand_over(sk_conv *c, const sk_island *i, sk_span *used, int kb) {
  sk_fast *w = &c->fast;
  w->on = 1;
  w->yat[kb] = (kb - i->y0) % i->yn;
  for (int ib = i->x0; ib < i->x1; ib++) {
    sk_span *u = &used[((int64_t)kb * c->xb + ib) * sk_span_pitch(c)];
    for (int t = 0; t < c->taps; t++) {
      if (!u[t].c) continue;
      w->xat[ib] = (ib - i->x0) % i->xn;
      if (kb < i->y0 + i->yn && ib < i->x0 + i->xn) u[c->taps] = (sk_span){SK_B, SK_B};
      u[t] = (sk_span){0, 0};
    }
  }
}

static void divert_winograd(sk_conv *c, sk_span *used) {
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
static void divert_strassen(sk_conv *c, sk_span *used) {
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
        const sk_span *u = &used[((int64_t)kb * c->xb + ib) * sk_span_pitch(c) + tap];
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

void sk_plan_divert(sk_conv *c, sk_span *used) {
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
