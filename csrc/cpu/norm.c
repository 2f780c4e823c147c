// norm.c: batch normalisation's arithmetic per replica and channel, in double: it is a few thousand numbers a step, and the merge of
// partial sums is where float32 would lose them.
//
//   train     (count, mean, M2) of images merged in order by Chan's formula; var = M2/P, scale = gamma/sqrt(var+eps), shift = beta - mean*scale
//   backward  dx = ca*(g' - S1/P - (x-mean)*invstd*S2/P) = ca*g' + cb_*x + cc
#include "norm.h"
#include <math.h>

static const double eps = 1e-5;

// Images of one replica are consecutive; first is where replica r begins.
static int first(const sk_batch *b, int r) {
  int n = 0;
  for (int i = 0; i < r; i++) n += b->count[i];
  return n;
}

static float param(const float *params, int32_t i) { return i < 0 ? 0 : params[i]; }

// Mean and M2 of a block of channels over n images of hw values, from each one's sum and M2, which stand `width` apart.
static void merge(const float *part, int n, int width, int hw, double mean[SK_B], double m2[SK_B]) {
  const double per = 1.0 / hw;
  for (int l = 0; l < SK_B; l++) mean[l] = m2[l] = 0;
  for (int k = 0; k < n; k++, part += 2 * width) {
    const double share = 1.0 / (k + 1); // every image has as many values
    for (int l = 0; l < SK_B; l++) {
      const double delta = part[l] * per - mean[l];
      mean[l] += delta * share;
      m2[l] += part[width + l] + delta * delta * share * k * hw;
    }
  }
}

void sk_norm_train(const sk_norm *m, const sk_batch *b, const float *params, float momentum) {
  const int width = m->cb * SK_B;
  for (int r = 0; r < m->replicas; r++) {
    if (b->count[r] == 0) continue;
    const float *part = m->part + (int64_t)first(b, r) * 2 * width;
    const double total = (double)b->count[r] * m->hw;
    for (int c0 = 0; c0 < width; c0 += SK_B) {
      double mean[SK_B], m2[SK_B];
      merge(part + c0, b->count[r], width, m->hw, mean, m2);
      for (int l = 0; l < SK_B; l++) {
        const int c = c0 + l, i = r * width + c;
        const double invstd = 1 / sqrt(m2[l] / total + eps);
        const float gamma = param(params, m->gamma[c]), beta = param(params, m->beta[c]);
        m->mean[i] = (float)mean[l];
        m->invstd[i] = (float)invstd;
        m->scale[i] = (float)(gamma * invstd);
        m->shift[i] = (float)(beta - mean[l] * gamma * invstd);
        if (m->gamma[c] < 0) continue;
        m->rmean[i] = (float)(m->rmean[i] + momentum * (mean[l] - m->rmean[i]));
        m->rvar[i] = (float)(m->rvar[i] + momentum * (m2[l] / (total > 1 ? total - 1 : 1) - m->rvar[i]));
      }
    }
  }
}

void sk_norm_eval(const sk_norm *m, const float *params, int replica) {
  const int width = m->cb * SK_B;
  for (int r = 0; r < m->replicas; r++)
    for (int c = 0; c < width; c++) {
      const int from = replica * width + c, to = r * width + c;
      const double scale = param(params, m->gamma[c]) / sqrt(m->rvar[from] + eps);
      m->scale[to] = (float)scale;
      m->shift[to] = (float)(param(params, m->beta[c]) - m->rmean[from] * scale);
    }
}

void sk_norm_backward(const sk_norm *m, const sk_batch *b, const float *params, float *grads) {
  const int width = m->cb * SK_B;
  for (int c0 = 0; c0 < width; c0 += SK_B) {
    double dgamma[SK_B] = {0}, dbeta[SK_B] = {0};
    for (int r = 0; r < m->replicas; r++) {
      if (b->count[r] == 0) continue;
      const float *part = m->part + (int64_t)first(b, r) * 2 * width + c0;
      const double total = (double)b->count[r] * m->hw;
      double s1[SK_B] = {0}, s2[SK_B] = {0};
      for (int k = 0; k < b->count[r]; k++, part += 2 * width)
        for (int l = 0; l < SK_B; l++) s1[l] += part[l], s2[l] += part[width + l];
      for (int l = 0; l < SK_B; l++) {
        dbeta[l] += s1[l], dgamma[l] += s2[l];
        const int i = r * width + c0 + l;
        const double invstd = m->invstd[i], ca = param(params, m->gamma[c0 + l]) * invstd;
        m->ca[i] = (float)ca;
        m->cb_[i] = (float)(-ca * invstd * s2[l] / total);
        m->cc[i] = (float)(ca * (m->mean[i] * invstd * s2[l] - s1[l]) / total);
      }
    }
    for (int l = 0; l < SK_B; l++)
      if (m->gamma[c0 + l] >= 0) grads[m->gamma[c0 + l]] = (float)dgamma[l], grads[m->beta[c0 + l]] = (float)dbeta[l];
  }
}
