// conv.h: the convolution operation. conv.c has the method, conv_plan.c the lists that say what multiplies what, conv.inc.h the kernels.
#ifndef SK_CONV_H
#define SK_CONV_H
#include "sk.h"

typedef struct {
  int64_t woff; // of w [k][c/groups][r][s] in the flat parameters
  int xoff, c, yoff, k, groups, r, s, padh, padw;
} sk_part;

typedef struct {
  int n, xc, h, w, yc, p, q, stride, parts; // n: the most images of a call
} sk_conv_shape;

// Where the data gradient goes, blocks cb0 .. : g = (accumulate ? g : 0) + (relu ? [x > 0] : 1) * dx + (residual ? its gradient : 0)
typedef struct {
  const sk_tensor *g;
  int cb0;
  int relu, accumulate;
  const sk_grad *residual; // NULL: none
} sk_conv_dx;

// One tap of one input block: nc channels from float x of the staged image on, times weights [nc][run.nb][16] from float w of the plan on.
typedef struct {
  int64_t w;
  int32_t x, nc, in; // in: the input block
} sk_step;

// Adjacent output blocks b0 .. b0+nb-1 with the same steps.
typedef struct {
  int b0, nb, step0, steps;
} sk_run;

enum { SK_WIDE = 2 }; // blocks of the widest run

// What multiplies what, in one direction. A data gradient with stride has one list for each phase of the output position: run[i*phases + phase].
typedef struct {
  int runs, phases;
  sk_run *run;
  sk_step *step;
  float *w; // packed weights
  int64_t floats;
  int64_t *at; // [output block][input block][tap]: float of w where their weights start, row pitch wide[output block]*16; -1: none
  int *wide;
} sk_plan;

typedef struct {
  int dr, ds; // y(p, q) reads x(p*stride + dr, q*stride + ds)
} sk_tap;

typedef struct {
  sk_pool *pool;
  sk_conv_shape s;
  sk_part *part;
  int xb, yb, taps; // blocks of x and y
  sk_tap *tap;
  // staged x: [xb][xrows][stride][xcols][16], column j*stride+f at [f][j], (top, left) zeros first
  int top, left, xrows, xcols;
  int64_t xrow, xblock, ximage;
  // staged dy: [yb][drows][dcols][16], (dtop, dleft) zeros first
  int dtop, dleft, drows, dcols;
  int64_t drow, dblock, dimage;
  sk_plan f, d; // forward (and weight gradient), data gradient
  int chunk, group; // weight gradient: images of a private accumulator, images staged together
} sk_conv;

// The positions of a gemm: images x rows x cols, read from x (columns a block apart) and written to y (columns ypx apart).
typedef struct {
  const float *x;
  float *y;
  int64_t ximage, xrow, yimage, yblock, yrow;
  int ypx, images, rows, cols;
} sk_walk;

typedef struct {
  // Stages image n of the view, or of the gradients that cover y, with zero borders.
  void (*stage_view)(const sk_conv *, const sk_view *, const sk_batch *, int n, float *xs);
  void (*stage_grads)(const sk_conv *, int ndy, const sk_grad *, const sk_batch *, int n, float *ds);
  // y[run's blocks] = sum over the run's steps of w * x
  void (*gemm)(const sk_run *, const sk_step *, const float *w, const sk_walk *);
  // acc[as the packed weights] (+)= sum over positions of x * dy, over staged images, for one run; first: overwrite
  void (*weights)(const sk_conv *, const sk_run *, const float *xs, const float *ds, int images, int first, float *acc);
  // Adds blocks b0 .. b0+nb-1 of an image's raw data gradient into its place.
  void (*finish)(const sk_conv *, const sk_conv_dx *, const sk_view *x, const sk_batch *, int n, int b0, int nb, const float *raw);
  // slots[i] += sum over the later slots, in order; slot: floats from one to the next; len is a multiple of 16
  void (*merge)(float *slots, int64_t slot, int count, int64_t len);
} sk_conv_kernels;

// Lays the operation out; scratch of the pool is reserved here, so that running allocates nothing.
sk_conv *sk_conv_new(sk_pool *, const sk_conv_shape *, const sk_part *);
void sk_conv_free(sk_conv *);
void sk_conv_pack(sk_conv *, const float *params);
void sk_conv_forward(sk_conv *, const sk_view *x, const sk_tensor *y, int nstats, const sk_stats *stats, const sk_batch *);
// dx may be NULL. grads (flat, as the parameters) gets every part's dw.
void sk_conv_backward(sk_conv *, const sk_view *x, int ndy, const sk_grad *dy, const sk_conv_dx *dx, int nsums, const sk_sums *sums,
                      const sk_batch *, float *grads);

// conv_plan.c
void sk_conv_plan(sk_conv *);
void sk_plan_free(sk_plan *);
// Packs the weights of output block kb for both directions, or takes its gradients out of an accumulator laid out as the forward weights.
void sk_plan_pack(sk_conv *, int kb, const float *params);
void sk_plan_unpack(const sk_conv *, int kb, const float *acc, float *grads);
#endif
