// norm.c: batch normalisation's arithmetic per replica and channel. It runs in double: these are a
// few thousand numbers a training step, and the merge of partial sums is where float32 loses them.
//
//   train     (count, mean, M2) of images merged in order by Chan's formula; var = M2/P,
//             scale = params[gamma_at]/sqrt(var+SK_NORM_EPSILON),
//             shift = params[beta_at] - mean*scale
//   backward  dx = params[gamma_at]*invstd*(g' - S1/P - (x-mean)*invstd*S2/P)
//                = dx_g*g' + dx_x*x + dx_1
//
// P is the number of values that a channel has in a replica.
#include "norm.h"
#include <math.h>

// The first image of replica r.
static int first_image(const sk_batch *b, int r) {
  int n = 0;
  for (int i = 0; i < r; i++) n += b->count[i];
  return n;
}

static float param(const float *params, int32_t i) { return i < 0 ? 0 : params[i]; }

// Merges the (sum, M2) of n images, whose two rows are `width` floats long, to mean and M2 of one
// block over all of them.
static void merge(const float *partial, int n, int width, int positions, double mean[SK_LANES],
                  double m2[SK_LANES]) {
  const double per = 1.0 / positions;
  for (int l = 0; l < SK_LANES; l++) mean[l] = m2[l] = 0;
  for (int k = 0; k < n; k++, partial += 2 * width) {
    const double share = 1.0 / (k + 1);  // every image has as many values
    for (int l = 0; l < SK_LANES; l++) {
      const double delta = partial[l] * per - mean[l];
      mean[l] += delta * share;
      m2[l] += partial[width + l] + delta * delta * share * k * positions;
    }
  }
}

void sk_norm_train(const sk_norm *m, const sk_batch *b, const float *params, float momentum) {
  const int width = m->blocks * SK_LANES;
  for (int r = 0; r < m->replicas; r++) {
    if (b->count[r] == 0) continue;
    const float *moments = m->moments + (int64_t)first_image(b, r) * 2 * m->moments_width;
    const double total = (double)b->count[r] * m->positions;
    for (int c0 = 0; c0 < width; c0 += SK_LANES) {
      double mean[SK_LANES], m2[SK_LANES];
      merge(moments + c0, b->count[r], m->moments_width, m->positions, mean, m2);
      for (int l = 0; l < SK_LANES; l++) {
        const int c = c0 + l, i = r * width + c;
        const double invstd = 1 / sqrt(m2[l] / total + SK_NORM_EPSILON);
        const float gamma = param(params, m->gamma_at[c]), zero = param(params, m->beta_at[c]);
        m->mean[i] = (float)mean[l];
        m->invstd[i] = (float)invstd;
        m->scale[i] = (float)(gamma * invstd);
        m->shift[i] = (float)(zero - mean[l] * gamma * invstd);
        if (m->gamma_at[c] < 0) continue;
        const double var = m2[l] / (total > 1 ? total - 1 : 1);
        m->running_mean[i] =
            (float)(m->running_mean[i] + momentum * (mean[l] - m->running_mean[i]));
        m->running_var[i] = (float)(m->running_var[i] + momentum * (var - m->running_var[i]));
      }
    }
  }
}

void sk_norm_eval(const sk_norm *m, const float *params, int replica) {
  const int width = m->blocks * SK_LANES;
  for (int r = 0; r < m->replicas; r++)
    for (int c = 0; c < width; c++) {
      const int from = replica * width + c, to = r * width + c;
      const double scale =
          param(params, m->gamma_at[c]) / sqrt(m->running_var[from] + SK_NORM_EPSILON);
      m->scale[to] = (float)scale;
      m->shift[to] = (float)(param(params, m->beta_at[c]) - m->running_mean[from] * scale);
    }
}

void sk_norm_backward(const sk_norm *m, const sk_batch *b, const float *params, float *grads) {
  const int width = m->blocks * SK_LANES;
  for (int c0 = 0; c0 < width; c0 += SK_LANES) {
    double dgamma[SK_LANES] = {0}, dbeta[SK_LANES] = {0};
    for (int r = 0; r < m->replicas; r++) {
      if (b->count[r] == 0) continue;
      const float *partial = m->partial + (int64_t)first_image(b, r) * 2 * width + c0;
      const double total = (double)b->count[r] * m->positions;
      double s1[SK_LANES] = {0}, s2[SK_LANES] = {0};
      for (int k = 0; k < b->count[r]; k++, partial += 2 * width)
        for (int l = 0; l < SK_LANES; l++) s1[l] += partial[l], s2[l] += partial[width + l];
      for (int l = 0; l < SK_LANES; l++) {
        dbeta[l] += s1[l], dgamma[l] += s2[l];
        const int i = r * width + c0 + l;
        const double invstd = m->invstd[i], g = param(params, m->gamma_at[c0 + l]) * invstd;
        m->dx_g[i] = (float)g;
        m->dx_x[i] = (float)(-g * invstd * s2[l] / total);
        m->dx_1[i] = (float)(g * (m->mean[i] * invstd * s2[l] - s1[l]) / total);
      }
    }
    for (int l = 0; l < SK_LANES; l++) {
      if (m->gamma_at[c0 + l] < 0) continue;
      grads[m->gamma_at[c0 + l]] = (float)dgamma[l];
      grads[m->beta_at[c0 + l]] = (float)dbeta[l];
    }
  }
}
