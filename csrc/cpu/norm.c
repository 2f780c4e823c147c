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

void sk_norm_train(const sk_norm *m, const sk_batch *b, const float *params, float momentum) {
  const int width = m->cb * SK_B;
  for (int r = 0; r < m->replicas; r++) {
    if (b->count[r] == 0) continue;
    const float *part = m->part + (int64_t)first(b, r) * 2 * width;
    const double total = (double)b->count[r] * m->hw, per = 1.0 / m->hw;
    for (int c = 0; c < width; c++) {
      const int i = r * width + c;
      double mean = 0, m2 = 0;
      for (int k = 0; k < b->count[r]; k++) {
        const float *s = part + (int64_t)k * 2 * width + c;
        const double delta = s[0] * per - mean, share = 1.0 / (k + 1); // every image has as many values
        mean += delta * share;
        m2 += s[width] + delta * delta * share * k * m->hw;
      }
      const double invstd = 1 / sqrt(m2 / total + eps);
      const float gamma = param(params, m->gamma[c]), beta = param(params, m->beta[c]);
      m->mean[i] = (float)mean;
      m->invstd[i] = (float)invstd;
      m->scale[i] = (float)(gamma * invstd);
      m->shift[i] = (float)(beta - mean * gamma * invstd);
      if (m->gamma[c] < 0) continue;
      m->rmean[i] = (float)(m->rmean[i] + momentum * (mean - m->rmean[i]));
      m->rvar[i] = (float)(m->rvar[i] + momentum * (m2 / (total > 1 ? total - 1 : 1) - m->rvar[i]));
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
  for (int c = 0; c < width; c++) {
    double dgamma = 0, dbeta = 0;
    for (int r = 0; r < m->replicas; r++) {
      if (b->count[r] == 0) continue;
      const float *part = m->part + (int64_t)first(b, r) * 2 * width + c;
      double s1 = 0, s2 = 0;
      for (int k = 0; k < b->count[r]; k++, part += 2 * width) s1 += part[0], s2 += part[width];
      dbeta += s1, dgamma += s2;
      const int i = r * width + c;
      const double total = (double)b->count[r] * m->hw;
      const double invstd = m->invstd[i], ca = param(params, m->gamma[c]) * invstd;
      m->ca[i] = (float)ca;
      m->cb_[i] = (float)(-ca * invstd * s2 / total);
      m->cc[i] = (float)(ca * (m->mean[i] * invstd * s2 - s1) / total);
    }
    if (m->gamma[c] < 0) continue;
    grads[m->gamma[c]] = (float)dgamma;
    grads[m->beta[c]] = (float)dbeta;
  }
}
