// head.cu: the end of a network, one image a block.
//
//   m = mean over H and W of v(x)    z = W*m + bias
//   loss = log(sum exp(z - max z)) - sum of q*(z - max z)
//   dz = scale*(softmax(z) - q)/images
//   dx = (ACCUMULATE ? dx : 0) + [norm?(x) > 0, if MASKED] * (dz*W)/(H*W)
//
// q is the target (1-SMOOTHING)*m + SMOOTHING/CLASSES, without TRAIN onehot(label). m is
// onehot(label), with MIXED weight*onehot(label) + (1-weight)*onehot(other), and wrong then counts
// the label of the greater weight. images is the size of the global batch, scale the factor of loss
// scaling (1 without a scaler). W [CLASSES][C] stands at float WOFF of the parameters, bias at
// BOFF. Ties go to the lowest class; a NaN among the logits makes loss and dz NaN and counts as
// wrong. Exponentials are float64.
//
// head(step, scaler, x, norm, labels, index, params, mean, dlogits, loss, wrong, logits, dx, n):
// labels is u16 of the whole set, index int[n], with MIXED as in augment.cu. mean float[n][C],
// dlogits and logits float[n][CLASSES], loss float[n] and wrong u32[n] are overwritten, and with
// TRAIN dx, unless it is 0. Without TRAIN mean, dlogits and dx are not touched. logits may be 0.
// Bytes an element of x: sizeof(T), twice with MASKED, and as much for dx.
// The label of an image, that of its partner, and the weight of the first. They are read where they
// are needed: registers are few around an exponential.
struct sk_target {
  int label, other;
  double weight;
};

__device__ __forceinline__ sk_target sk_target_of(const unsigned short *labels, const int *index,
                                                  int image, int n) {
  sk_target t;
  t.label = labels[index[image]];
  t.other = MIXED ? labels[index[n + image]] : t.label;
  t.weight = MIXED ? (double)sk_bits_float((u32)index[3 * n]) : 1;
  return t;
}

extern "C" __global__ void __launch_bounds__(THREADS)
    head(const sk_step *step, const sk_scaler *scaler, const void *x, const float *norm,
         const unsigned short *labels, const int *index, const float *params, float *mean,
         float *dlogits, float *loss, unsigned int *wrong, float *logits, void *dx, int n) {
  __shared__ float pooled[X::C], z[CLASSES], shared[COLUMN_FLOATS];
  __shared__ double power[CLASSES], total;
  __shared__ int nan;
  const int image = blockIdx.x, replica = sk_replica(image, n), t = threadIdx.x, row = t / COLUMNS;
  sk_begin();

  for (int chunk = 0; chunk < ALL; chunk++) {
    const int c = (chunk * COLUMNS + t % COLUMNS) * V;
    float sum[1][V];
#pragma unroll
    for (int i = 0; i < V; i++) sum[0][i] = 0;
    if (c < X::C) {
      sk_view<X> v;
      v.init(x, norm, image, replica, c);
      for (int p = row; p < HW; p += ROWS * UNROLL) {
        SK_EACH(q, u, p, HW, ROWS) v.load(u, q);
        SK_EACH(q, u, p, HW, ROWS) {
          float f[V];
          v.value(f, u);
#pragma unroll
          for (int i = 0; i < V; i++) sum[0][i] += f[i];
        }
      }
    }
    __syncthreads();
    sk_column_sum<1>(sum, shared);
    __syncthreads();
    for (int i = t; i < CHANNELS && chunk * CHANNELS + i < X::C; i += THREADS)
      pooled[chunk * CHANNELS + i] = sk_column_total(shared, 0, i) / HW;
  }
  __syncthreads();

  // Each warp works on one class at a time.
  if (t < WARPS * 32)
    for (int k = t / 32; k < CLASSES; k += WARPS) {
      float dot = 0;
      for (int c = t % 32; c < X::C; c += 32)
        dot = fmaf(params[WOFF + (i64)k * X::C + c], pooled[c], dot);
      const double sum = sk_warp_sum((double)dot);
      if (t % 32 == 0) z[k] = (float)(sum + params[BOFF + k]);
    }
  __syncthreads();

  const float none = sk_bits_float(0x7fc00000);
  if (t < 32) {
    float top = sk_bits_float(0xff800000);  // -infinity
    int top_class = CLASSES, any_nan = 0;
    for (int k = t; k < CLASSES; k += 32) {
      if (z[k] > top || top_class == CLASSES) top = z[k], top_class = k;
      any_nan |= z[k] != z[k];
    }
#pragma unroll
    for (int d = 16; d > 0; d /= 2) {
      const float other = __shfl_xor_sync(~0u, top, d);
      const int other_class = __shfl_xor_sync(~0u, top_class, d);
      if (other > top || (other == top && other_class < top_class))
        top = other, top_class = other_class;
      any_nan |= __shfl_xor_sync(~0u, any_nan, d);
    }
    double sum = 0, spread = 0;
    for (int k = t; k < CLASSES; k += 32) {
      power[k] = exp((double)z[k] - top);
      sum += power[k];
      if (SMOOTHED) spread += (double)z[k] - top;
      if (logits) logits[(i64)image * CLASSES + k] = z[k];
    }
    sum = sk_warp_sum(sum);
    if (SMOOTHED) spread = sk_warp_sum(spread);
    if (t == 0) {
      const sk_target q = sk_target_of(labels, index, image, n);
      double target = (double)z[q.label] - top;
      if (MIXED) target = q.weight * target + (1 - q.weight) * ((double)z[q.other] - top);
      if (SMOOTHED) target = (1 - SMOOTHING) * target + SMOOTHING / CLASSES * spread;
      loss[image] = any_nan ? none : (float)(log(sum) - target);
      wrong[image] = any_nan || top_class != (q.weight >= 0.5 ? q.label : q.other);
      total = sum, nan = any_nan;
    }
  }
  if (!TRAIN) return;
  __syncthreads();

  for (int c = t; c < X::C; c += THREADS) mean[(i64)image * X::C + c] = pooled[c];
  const sk_target of = sk_target_of(labels, index, image, n);
  const double each = (scaler ? (double)scaler->scale : 1.0) / step->images;
  for (int k = t; k < CLASSES; k += THREADS) {
    const double m =
        MIXED ? of.weight * (k == of.label) + (1 - of.weight) * (k == of.other) : k == of.label;
    const double q = (1 - SMOOTHING) * m + SMOOTHING / CLASSES;
    z[k] = nan ? none : (float)((power[k] / total - q) * each);
    dlogits[(i64)image * CLASSES + k] = z[k];
  }
  __syncthreads();
  if (!HAS_DX) return;
  for (int c = t; c < X::C; c += THREADS) {
    float d = 0;
    for (int k = 0; k < CLASSES; k++) d = fmaf(z[k], params[WOFF + (i64)k * X::C + c], d);
    pooled[c] = d / HW;
  }
  __syncthreads();
  for (int chunk = 0; chunk < ALL; chunk++) {
    const int c = (chunk * COLUMNS + t % COLUMNS) * V;
    if (c >= X::C) continue;
    sk_view<BARE> v;
    if (MASKED) v.init(x, norm, image, replica, c);
    T *out = sk_at<DX>((T *)dx, image, c);
    float d[V];
#pragma unroll
    for (int i = 0; i < V; i++) d[i] = pooled[c + i];
    for (int p = row; p < HW; p += ROWS * UNROLL) {
      raw r[UNROLL];
      SK_EACH(q, u, p, HW, ROWS) {
        if (MASKED) v.load(u, q);
        if (ACCUMULATE) r[u] = sk_load<DX>(out, q);
      }
      SK_EACH(q, u, p, HW, ROWS) {
        float g[V], f[V];
#pragma unroll
        for (int i = 0; i < V; i++) g[i] = d[i];
        if (MASKED) {
          v.value(f, u);
          sk_mask(g, f);
        }
        if (ACCUMULATE) {
          sk_up<TYPE, V>(f, r[u]);
#pragma unroll
          for (int i = 0; i < V; i++) g[i] += f[i];
        }
        sk_store<DX>(out, q, g);
      }
    }
  }
}
