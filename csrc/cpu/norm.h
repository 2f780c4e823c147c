// norm.h: from the partial sums of single images to the coefficients of a batch normalisation.
#ifndef SK_NORM_H
#define SK_NORM_H
#include "sk.h"

// part (sum, M2 of each image) -> mean, invstd, scale, shift, running statistics, of every replica that has images.
void sk_norm_train(const sk_norm *, const sk_batch *, const float *params, float momentum);
// rmean, rvar of one replica -> scale, shift of all.
void sk_norm_eval(const sk_norm *, const float *params, int replica);
// part (S1, S2 of each image) -> ca, cb_, cc; overwrites grads at gamma and beta with the sums over replicas of S2 and S1.
void sk_norm_backward(const sk_norm *, const sk_batch *, const float *params, float *grads);
#endif
