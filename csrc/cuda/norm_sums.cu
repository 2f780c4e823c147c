// norm_sums.cu: a norm from sums of its channels, taken by cuDNN beside the convolution in front of
// the norm.
//
//   mean = sum y / P    var = sum y^2 / P - mean^2    invstd = 1/sqrt(var + 1e-5)
//   scale = params[gamma_at]*invstd    shift = params[beta_at] - mean*scale
//   running mean += 0.1 (mean - running mean)    running var += 0.1 (var*P/(P-1) - running var)
//
// per replica of P numbers a channel. norm_sums(gamma_at, beta_at, params, sums, norm, running, n):
// sums are [replica][sum, sum of squares][CHANNELS]; the norm has C of these channels from OFF on.
// Mean, invstd, scale and shift of norm are overwritten. A replica without images keeps all its
// values. A thread a channel, 16 bytes read, 24 written.
extern "C" __global__ void __launch_bounds__(THREADS)
    norm_sums(const int *gamma_at, const int *beta_at, const float *params, const float *sums,
              float *norm, float *running, int n) {
  const int c = blockIdx.x * THREADS + threadIdx.x;
  sk_begin();
  if (c >= C) return;
  for (int r = 0; r < REPLICAS; r++) {
    const long long first = ((long long)r * n + REPLICAS - 1) / REPLICAS,
                    end = ((long long)(r + 1) * n + REPLICAS - 1) / REPLICAS;
    const int i = r * C + c, array = REPLICAS * C;
    if (first == end) continue;
    const double count = (double)(end - first) * HW,
                 mean = sums[2 * r * CHANNELS + OFF + c] / count,
                 m2 = sums[(2 * r + 1) * CHANNELS + OFF + c] - mean * mean * count;
    const double var = m2 > 0     ? m2 / count
                       : m2 == m2 ? 0
                                  : m2,
                 invstd = 1 / sqrt(var + SK_NORM_EPSILON);  // a NaN stays a NaN
    const double scale = params[gamma_at[c]] * invstd;
    norm[SK_MEAN * array + i] = (float)mean;
    norm[SK_INVSTD * array + i] = (float)invstd;
    norm[SK_SCALE * array + i] = (float)scale;
    norm[SK_SHIFT * array + i] = (float)(params[beta_at[c]] - mean * scale);
    running[i] = (float)(running[i] + SK_NORM_MOMENTUM * (mean - running[i]));
    running[array + i] =
        (float)(running[array + i] + SK_NORM_MOMENTUM * (var * count / (count > 1 ? count - 1 : 1) -
                                                         running[array + i]));
  }
}
