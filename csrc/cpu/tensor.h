// tensor.h: tensors, batches, and the views and gradients through which operations read tensors.
//
// Layout. A tensor is [image][block][row][column][16] float32. Channels lie in blocks of 16 lanes;
// the last block is padded with lanes that always hold zero, and every kernel keeps them so.
// Memory is aligned to 64 bytes.
//
// Determinism. Results depend on the inputs alone. Tasks are cut by shape, never by the number of
// workers. Partial sums belong to an image or to a fixed range of images and are merged in order,
// so any number of workers gives the same bits.
#ifndef SK_TENSOR_H
#define SK_TENSOR_H
#include <stdint.h>

enum { SK_LANES = 16 };  // channels of a block

static inline int sk_blocks(int channels) { return (channels + SK_LANES - 1) / SK_LANES; }
static inline int64_t sk_min(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t sk_max(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t sk_ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

typedef struct {
  float *data;
  int64_t image_pitch;  // floats from one image to the next: blocks*h*w*16
  int n;                // images
  int c, blocks;        // channels, and the blocks that hold them
  int h, w;             // rows, columns
} sk_tensor;

// The images of a training step. All operations of a program share one.
typedef struct {
  int n;  // images
  int replicas;
  int32_t *replica;  // [most n] of each image
  int32_t *count;    // [replicas] images of each replica; those of one replica follow each other
} sk_batch;

typedef struct sk_norm sk_norm;  // norm.h

// Some blocks of a tensor, read through a norm and a ReLU that are recomputed on load: engine.View
// has the formula. scale and shift are the norm's, of the image's replica.
typedef struct {
  const sk_tensor *tensor;
  int block0, blocks;   // of the tensor
  const sk_norm *norm;  // NULL: none
  int norm_block0;      // block of the norm that belongs to block0
  int relu;
} sk_view;

// The gradient of a stored tensor y, recomputed on load from a gradient g further up: engine.Grad
// has the formula, norm.h a norm's part of it.
typedef struct {
  const sk_tensor *g;
  int g_block0, blocks;
  const sk_tensor *mask;  // output of a join with ReLU, of the same channels as g; NULL: none
  int mask_block0;
  const float *beta;    // [most n] the paper's beta of a branch; NULL: 1
  const sk_norm *norm;  // NULL: none
  int norm_block0;
  const sk_tensor *y;  // NULL: not needed
  int y_block0;
  int relu;
} sk_grad;

// size zeroed bytes, rounded up to whole cache lines of 64, for free(). Ends the process, as Go
// does, if there is no memory.
void *sk_aligned(int64_t size);
// size zeroed bytes on whole pages, huge ones where the system offers them; NULL without memory.
void *sk_try_map(int64_t size);
// The same, but ends the process without memory.
void *sk_map(int64_t size);
void sk_unmap(void *, int64_t size);  // does nothing to NULL
#endif
