// conv_test.c: convolutions of odd geometry against plain loops, on tensors that fill their
// allocation exactly, so that a sanitizer sees any access outside, under every instruction set of
// the machine. Go tests everything that is fused with them.
#include "conv.h"
#include "dispatch.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static uint32_t state = 1;
static float random_float(void) {
  state = state * 1664525u + 1013904223u;
  return (float)(state >> 8) / (1 << 23) - 1;
}

static sk_tensor tensor(int n, int c, int h, int w) {
  sk_tensor t = {.n = n, .c = c, .blocks = sk_blocks(c), .h = h, .w = w};
  t.image_pitch = (int64_t)t.blocks * h * w * SK_LANES;
  t.data = sk_aligned(n * t.image_pitch * 4);
  for (int64_t i = 0; i < n * t.image_pitch; i++)
    if (i % t.image_pitch / ((int64_t)h * w * SK_LANES) * SK_LANES + i % SK_LANES < c)
      t.data[i] = random_float();
  return t;
}

static float *at(const sk_tensor *t, int n, int c, int i, int j) {
  return &t->data[n * t->image_pitch +
                  (((int64_t)(c / SK_LANES) * t->h + i) * t->w + j) * SK_LANES + c % SK_LANES];
}

typedef struct {
  sk_conv_shape s;
  sk_conv_part part[3];
  sk_tensor x, y, dy, dx;
  float *w, *dw;
  double *wy, *wdx, *wdw;  // wanted
  int64_t weights;
} problem;

static void want(problem *p) {
  p->wy = calloc(p->y.n * p->y.image_pitch, sizeof(double));
  p->wdx = calloc(p->x.n * p->x.image_pitch, sizeof(double));
  p->wdw = calloc(p->weights, sizeof(double));
  for (int m = 0; m < p->s.parts; m++) {
    const sk_conv_part *q = &p->part[m];
    int cg = q->c / q->groups, kg = q->k / q->groups;
    for (int64_t e = 0; e < (int64_t)q->k * cg * q->r * q->s; e++) {
      int k = e / (cg * q->r * q->s), c = e / (q->r * q->s) % cg, r = e / q->s % q->r, s = e % q->s;
      for (int n = 0; n < p->s.n; n++)
        for (int o = 0; o < p->s.p * p->s.q; o++) {
          int a = o / p->s.q, b = o % p->s.q, i = a * p->s.stride + r - q->pad_h,
              j = b * p->s.stride + s - q->pad_w;
          if (i < 0 || i >= p->s.h || j < 0 || j >= p->s.w) continue;
          const float *x = at(&p->x, n, q->x_channel0 + k / kg * cg + c, i, j),
                      *dy = at(&p->dy, n, q->y_channel0 + k, a, b);
          p->wy[at(&p->y, n, q->y_channel0 + k, a, b) - p->y.data] +=
              (double)*x * p->w[q->weight_at + e];
          p->wdx[x - p->x.data] += (double)*dy * p->w[q->weight_at + e];
          p->wdw[q->weight_at + e] += (double)*x * *dy;
        }
    }
  }
}

static void compare(const char *what, const float *have, const double *wanted, int64_t n) {
  double scale = 0;
  for (int64_t i = 0; i < n; i++) scale = fmax(scale, fabs(wanted[i]));
  for (int64_t i = 0; i < n; i++)
    if (!(fabs(have[i] - wanted[i]) <= 1e-5 * scale)) {
      fprintf(stderr, "conv_test: %s: %s[%lld] is %g, want %g\n", sk_isa->name, what, (long long)i,
              have[i], wanted[i]);
      exit(1);
    }
}

static void solve(problem *p, int workers) {
  sk_pool *pool = sk_pool_new(workers);
  sk_conv *c = sk_conv_new(pool, &p->s, p->part);
  int32_t *replica = calloc(p->s.n, sizeof *replica), count = p->s.n;
  sk_batch batch = {.n = p->s.n, .replicas = 1, .replica = replica, .count = &count};
  sk_view x = {.tensor = &p->x, .blocks = p->x.blocks};
  sk_grad dy = {.g = &p->dy, .blocks = p->dy.blocks};
  sk_conv_dx dx = {.g = &p->dx};
  sk_conv_operands o = {.x = &x, .y = &p->y, .dy_count = 1, .dy = &dy, .dx = &dx};
  sk_conv_pack(c, p->w);
  sk_conv_forward(c, &o, &batch);
  sk_conv_backward(c, &o, &batch, p->dw);
  compare("y", p->y.data, p->wy, p->y.n * p->y.image_pitch);
  compare("dx", p->dx.data, p->wdx, p->x.n * p->x.image_pitch);
  compare("dw", p->dw, p->wdw, p->weights);
  sk_conv_free(c);
  sk_pool_free(pool);
  free(replica);
}

static void run(sk_conv_shape s, const sk_conv_part *parts) {
  problem p = {.s = s,
               .x = tensor(s.n, s.xc, s.h, s.w),
               .y = tensor(s.n, s.yc, s.p, s.q),
               .dy = tensor(s.n, s.yc, s.p, s.q),
               .dx = tensor(s.n, s.xc, s.h, s.w)};
  for (int i = 0; i < s.parts; i++) {
    p.part[i] = parts[i];
    p.part[i].weight_at = p.weights;
    p.weights += (int64_t)parts[i].k * parts[i].c / parts[i].groups * parts[i].r * parts[i].s;
  }
  p.w = sk_aligned(p.weights * 4);
  p.dw = sk_aligned(p.weights * 4);
  for (int64_t i = 0; i < p.weights; i++) p.w[i] = random_float();
  want(&p);
  static const char *const names[] = {"avx512", "avx2", "portable"};
  for (int i = 0; i < 3; i++)
    for (p.s.method = SK_CONV_CHOOSE; p.s.method <= SK_CONV_TRANSFORM; p.s.method++)
      if (sk_isa_select(names[i]) == 0) solve(&p, 1 + i);
  float *const floats[] = {p.x.data, p.y.data, p.dy.data, p.dx.data, p.w, p.dw};
  double *const doubles[] = {p.wy, p.wdx, p.wdw};
  for (int i = 0; i < 6; i++) free(floats[i]);
  for (int i = 0; i < 3; i++) free(doubles[i]);
}

#define CONV(C, K, G, R, S, PH, PW) \
  {.c = C, .k = K, .groups = G, .r = R, .s = S, .pad_h = PH, .pad_w = PW}

int main(void) {
  run((sk_conv_shape){2, 3, 9, 13, 16, 9, 13, 1, 1, 0}, &(sk_conv_part)CONV(3, 16, 1, 3, 3, 1, 1));
  run((sk_conv_shape){5, 32, 8, 8, 48, 8, 8, 1, 1, 0}, &(sk_conv_part)CONV(32, 48, 1, 3, 3, 1, 1));
  run((sk_conv_shape){3, 24, 7, 5, 40, 4, 3, 2, 1, 0}, &(sk_conv_part)CONV(24, 40, 2, 3, 3, 1, 1));
  run((sk_conv_shape){2, 17, 6, 11, 33, 2, 4, 3, 1, 0}, &(sk_conv_part)CONV(17, 33, 1, 5, 2, 2, 1));
  run((sk_conv_shape){1, 20, 4, 30, 20, 4, 30, 1, 1, 0},
      &(sk_conv_part)CONV(20, 20, 20, 3, 3, 1, 1));
  run((sk_conv_shape){1, 1, 1, 1, 1, 1, 1, 1, 1, 0}, &(sk_conv_part)CONV(1, 1, 1, 3, 3, 1, 1));
  run((sk_conv_shape){2, 64, 1, 1, 10, 1, 1, 1, 1, 0}, &(sk_conv_part)CONV(64, 10, 1, 1, 1, 0, 0));
  run((sk_conv_shape){1, 2, 2, 2, 2, 5, 5, 1, 1, 0},
      &(sk_conv_part)CONV(2, 2, 1, 1, 1, 2, 2));  // mostly border
  run((sk_conv_shape){2, 20, 11, 16, 32, 6, 8, 2, 1, 0},
      &(sk_conv_part)CONV(20, 32, 1, 3, 3, 1, 1));  // tiles beyond the edge
  run((sk_conv_shape){3, 64, 6, 5, 32, 6, 5, 1, 1, 0},
      &(sk_conv_part)CONV(64, 32, 1, 1, 1, 0, 0));  // Strassen's quarters
  run((sk_conv_shape){2, 32, 7, 4, 96, 4, 2, 2, 1, 0}, &(sk_conv_part)CONV(32, 96, 1, 1, 1, 0, 0));
  sk_conv_part flows[] = {CONV(16, 64, 1, 3, 3, 1, 1), CONV(16, 16, 1, 1, 1, 0, 0),
                          CONV(16, 16, 1, 1, 1, 1, 1)};
  flows[1].y_channel0 = 64;
  flows[2].y_channel0 = 80;
  run((sk_conv_shape){2, 16, 10, 10, 96, 5, 5, 2, 3, 0}, flows);
  flows[2].x_channel0 = 4;  // channels across blocks
  run((sk_conv_shape){2, 20, 6, 6, 96, 6, 6, 1, 3, 0}, flows);
  return 0;
}
