// conv.h: the convolution operation. conv.c has the method, conv_plan.c and conv_divert.c the lists that say what multiplies what,
// conv.inc.h the kernels, fast.c the algorithms with fewer products.
#ifndef SK_CONV_H
#define SK_CONV_H
#include "sk.h"

typedef struct {
  int64_t woff; // of w [k][c/groups][r][s] in the flat parameters
  int xoff, c, yoff, k, groups, r, s, padh, padw;
} sk_part;

// The method: chosen by what pays, direct, or with fewer products wherever that can be.
enum { SK_CHOOSE, SK_DIRECT, SK_FAST };

typedef struct {
  int n, xc, h, w, yc, p, q, stride, parts; // n: the most images of a call
  int method;
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
  int64_t floats, wfloats; // of one frequency, of all
  int64_t *at; // [output block][input block][tap]: float of w where their weights start, row pitch wide[output block]*16; -1: none
  int *wide;
} sk_plan;

typedef struct {
  int dr, ds; // y(p, q) reads x(p*stride + dr, q*stride + ds)
} sk_tap;

// Ways to do with fewer products: see fast.c. Each transforms tiles of x and of y and kernels of w, by maps of its own, into matrices that are multiplied.
enum { SK_WINOGRAD, SK_WINOGRAD_STRIDED, SK_STRASSEN, SK_ALGORITHMS };
enum { SK_FREQ = 36, SK_PRODUCTS = 81 }; // at most: transformed weights of a kernel, products of a tile

// Blocks x0 .. x1-1 and y0 .. y1-1 that are connected with each other and with no others, as the groups of a grouped convolution. Transformed, they are
// xn blocks of x and yn of y: all of them, or half of them, block b and block b+xn (or yn) as one.
typedef struct {
  int x0, x1, y0, y1, xn, yn;
  int f0, f1, d0, d1; // the runs of those xn and yn blocks in the plans f and d, f0 .. f1-1 and d0 .. d1-1
} sk_island;

// The part of a convolution that goes through an algorithm with fewer products: see fast.c.
typedef struct {
  int on;               // some output block does
  int algorithm;
  int freqs, products;  // products first[f] .. first[f+1]-1 have weights f
  int first[SK_FREQ + 1];
  int islands;
  sk_island *island;
  int *xat, *yat;       // [block of x], [block of y]: its place within its island, transformed; -1: takes no part
  int th, tw;           // tiles of an image
  int chunk, group;     // tiles transformed together, images of a task: what makes whole chunks
  int64_t block;        // floats of a block of a chunk, of one product
  int64_t pitch;        // floats from one product to the next, of an island's blocks of x or of y
  int lag;              // the most products that share weights
  int64_t rows;         // floats of the rows of a tile, staged
  int64_t rawrow, rawblock, rawimage, rawfirst; // dx of an island's blocks; its first position
  int rawadds; // and it starts from zeros: tiles overlap there (around it is a border), or leave positions out
  sk_plan f, d;         // weights [freqs][floats]; a step is an input block; the same runs as the direct plans, all steps on one side
} sk_fast;

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
  // raw dx of one run: [SK_WIDE][h][w][16]
  int64_t rawrow, rawblock, rawimage;
  int direct;   // some block of x or y is not the fast algorithm's
  sk_plan f, d; // forward (and weight gradient), data gradient: what is direct
  sk_fast fast;
  int chunk, group; // weight gradient: images of a private accumulator, images staged together
} sk_conv;

// A pass over a batch: what it reads and writes.
typedef struct {
  sk_conv *c;
  const sk_view *x;
  const sk_tensor *y;
  int ndy, nstats, nsums, group, slices;
  const sk_grad *dy;
  const sk_conv_dx *dx;
  const sk_stats *stats;
  const sk_sums *sums;
  const sk_batch *batch;
  const float *params;
  float *grads;
} sk_conv_job;

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
  // Adds blocks b0 .. b0+nb-1 of an image's raw data gradient, rows and blocks so many floats apart, into its place, and takes the first nsums of
  // the job's sums there.
  void (*finish)(const sk_conv_job *, const sk_conv_dx *, int nsums, int n, int b0, int nb, const float *raw, int64_t row, int64_t block);
  // slots[i] += sum over the later slots, in order; slot: floats from one to the next; len is a multiple of 16
  void (*merge)(float *slots, int64_t slot, int count, int64_t len);
} sk_conv_kernels;

// Tiles t0 .. t0+tiles-1 of one island, counted image by image in rows from image n0 of the batch on. rows: scratch of fast.rows floats.
typedef struct {
  const sk_island *island;
  int n0, t0, tiles;
  float *rows;
} sk_tiles;

// An algorithm's maps, in the terms of fast.c. Transformed tensors are [product][block of the island][tile][16], fast.pitch from one product to the next.
// Runs lo .. hi-1 of the plan are some of the island's.
typedef struct {
  void (*input)(const sk_conv_job *, const sk_tiles *, float *v);                            // v = B' x, of the job's view
  void (*dy)(const sk_conv_job *, const sk_tiles *, float *e);                               // e = A dy, of the job's gradients
  void (*output)(const sk_conv *, const sk_tiles *, const float *m, const sk_tensor *y);     // y = A' m
  void (*dx)(const sk_conv *, const sk_tiles *, int lo, int hi, const float *m, float *raw); // raw += B m, or = where tiles do not overlap
  // A kernel of blocks of weights: g[elements][16][16] to u[freqs, freq apart][16, pitch apart][16], u = G g; and the adjoint g = G' u.
  void (*pack)(const float *g, float *u, int64_t pitch, int64_t freq);
  void (*unpack)(const float *u, int64_t pitch, int64_t freq, float *g);
} sk_transforms;

typedef struct {
  sk_transforms of[SK_ALGORITHMS];
  void (*forward)(const sk_conv *, const sk_tiles *, const float *v, float *m);              // m = sum over steps of w * v
  void (*data)(const sk_conv *, const sk_tiles *, int lo, int hi, const float *e, float *m); // m = sum over steps of w * e
  // acc[as the transformed weights] (+)= sum over tiles of v * e; first: overwrite
  void (*sums)(const sk_conv *, const sk_tiles *, int lo, int hi, const float *v, const float *e, int first, float *acc);
} sk_fast_kernels;

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
int sk_plan_tap(const sk_conv *, int dr, int ds); // which tap it is; -1: none

// conv_pack.c: packs the weights of output block kb for both directions, or takes its gradients out of accumulators laid out as the forward weights.
void sk_plan_pack(sk_conv *, int kb, const float *params);
void sk_plan_unpack(const sk_conv *, int kb, const float *acc, const float *fast, float *grads);

// fast.c
// Whether output channels that read `inputs` channels are worth an algorithm's transforms.
int sk_fast_pays(const sk_conv_shape *, int algorithm, int inputs);
// Sizes what depends on the chunk; before the plans are made.
void sk_fast_measure(sk_conv *);
int64_t sk_fast_scratch(const sk_conv *); // floats
// The whole passes but for what is direct, and for the merge of accumulators: those of images n are at acc + n/c->chunk * slot. Statistics and
// sums are taken where nothing is direct.
void sk_fast_forward(const sk_conv_job *);
void sk_fast_backward(const sk_conv_job *, float *acc, int64_t slot);
#endif
