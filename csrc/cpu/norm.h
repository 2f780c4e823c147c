// norm.h: batch normalisation. Partial sums of single images come from norm_sums.h; the functions
// here turn them into the coefficients that views and gradients apply.
#ifndef SK_NORM_H
#define SK_NORM_H
#include "tensor.h"

#define SK_NORM_EPSILON 1e-5  // beside a variance, under the root

// A norm over whole blocks of one stored tensor. Arrays are [replica][blocks*16] unless noted;
// padding lanes hold 0.
struct sk_norm {
  int channels, blocks, replicas;
  int most_images;            // of a batch
  int positions;              // rows*columns of an image
  const int32_t *gamma_at;    // [blocks*16] index into the flat parameters; -1 in padding lanes
  const int32_t *beta_at;     // the same
  float *mean, *invstd;       // of the batch
  float *scale, *shift;       // y = scale*x + shift; in evaluation from the running statistics
  float *dx_g, *dx_x, *dx_1;  // dx = dx_g*g' + dx_x*x + dx_1
  float *running_mean, *running_var;
  float *partial;  // backward: (S1, S2), [most_images][2][blocks*16]
  // Forward: (sum, M2 about the image's own mean), [most_images][2][moments_width]. Norms of the
  // first channels of one tensor may share them. The others' lie where partial does.
  float *moments;
  int moments_width;
};

// Partial sums to mean, invstd, scale, shift and running statistics of every replica with images.
void sk_norm_train(const sk_norm *, const sk_batch *, const float *params, float momentum);
// Running statistics of one replica to scale and shift of all.
void sk_norm_eval(const sk_norm *, const float *params, int replica);
// Partial sums S1 and S2 to dx_g, dx_x and dx_1. Overwrites grads at gamma_at with the sum of S2
// over replicas and at beta_at with that of S1.
void sk_norm_backward(const sk_norm *, const sk_batch *, const float *params, float *grads);
#endif
