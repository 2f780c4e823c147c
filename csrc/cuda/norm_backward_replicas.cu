// norm_backward_replicas.cu: the gradients at gamma_at and beta_at from the replicas' gradients
// by cuDNN's backward batch norm.
//
//   grads[gamma_at] = sum over replicas of dscale    grads[beta_at] = sum of dbias
//
// norm_backward_replicas(gamma_at, beta_at, sums, grads, n): sums are [replica][dscale, dbias][C];
// a replica without images does not count. A thread a channel.
extern "C" __global__ void __launch_bounds__(THREADS)
    norm_backward_replicas(const int *gamma_at, const int *beta_at, const float *sums, float *grads,
                           int n) {
  const int c = blockIdx.x * THREADS + threadIdx.x;
  sk_begin();
  if (c >= C) return;
  double dgamma = 0, dbeta = 0;
  for (int r = 0; r < REPLICAS; r++) {
    if (((long long)r * n + REPLICAS - 1) / REPLICAS ==
        ((long long)(r + 1) * n + REPLICAS - 1) / REPLICAS)
      continue;
    dgamma += sums[2 * r * C + c];
    dbeta += sums[(2 * r + 1) * C + c];
  }
  grads[gamma_at[c]] = (float)dgamma;
  grads[beta_at[c]] = (float)dbeta;
}
