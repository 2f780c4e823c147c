// norm_eval.cu: a norm for evaluation, from the running statistics of replica 0, for every replica.
//
//   scale = params[gamma_at]/sqrt(running var + 1e-5)
//   shift = params[beta_at] - running mean*scale
//
// norm_eval(gamma_at, beta_at, params, running, norm): scale and shift of norm are overwritten. A
// thread a channel.
extern "C" __global__ void __launch_bounds__(THREADS)
    norm_eval(const int *gamma_at, const int *beta_at, const float *params, const float *running,
              float *norm) {
  const int c = blockIdx.x * THREADS + threadIdx.x;
  sk_begin();
  if (c >= C) return;
  const double scale =
      gamma_at[c] < 0 ? 0 : params[gamma_at[c]] / sqrt(running[REPLICAS * C + c] + SK_NORM_EPSILON);
  const double shift = gamma_at[c] < 0 ? 0 : params[beta_at[c]] - running[c] * scale;
  for (int r = 0; r < REPLICAS; r++) {
    norm[(SK_SCALE * REPLICAS + r) * C + c] = (float)scale;
    norm[(SK_SHIFT * REPLICAS + r) * C + c] = (float)shift;
  }
}
