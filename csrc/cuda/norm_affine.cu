// norm_affine.cu: a norm's affine map from the statistics that cuDNN's batch norm saved, for
// kernels that recompute the norm.
//
//   scale = params[gamma_at]*invstd    shift = params[beta_at] - mean*scale
//
// norm_affine(gamma_at, beta_at, params, norm): scale and shift of norm are overwritten, for every
// replica. A thread a channel, 16 bytes read, 8 written.
extern "C" __global__ void __launch_bounds__(THREADS)
    norm_affine(const int *gamma_at, const int *beta_at, const float *params, float *norm) {
  const int c = blockIdx.x * THREADS + threadIdx.x;
  sk_begin();
  if (c >= C) return;
  for (int r = 0; r < REPLICAS; r++) {
    const int i = r * C + c, array = REPLICAS * C;
    const double scale = (double)params[gamma_at[c]] * norm[SK_INVSTD * array + i];
    norm[SK_SCALE * array + i] = (float)scale;
    norm[SK_SHIFT * array + i] = (float)(params[beta_at[c]] - norm[SK_MEAN * array + i] * scale);
  }
}
