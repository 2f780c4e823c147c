// Batch norm. With m elements in a channel, mean and variance of the batch, xhat = (x -
// mean)*invstd and invstd = 1/sqrt(variance + epsilon):
//
//   y  = scale*xhat + bias
//   dx = scale*invstd*(dy - sum(dy)/m - xhat*sum(dy*xhat)/m)
//   dscale = sum(dy*xhat),  dbias = sum(dy)
//   running = (1 - factor)*running + factor*statistic, the variance times m/(m-1)
//
// Sums are in double and rounded once.
#include <cmath>

#include "run.h"

namespace dnn {
using namespace abi;

namespace {

size_t channels(const Buffer &b) { return size_t(b.dims[1]); }

// running updates one running statistic.
void running(const Operation &o, State &s, int in, int out, float factor,
             const std::vector<double> &statistic) {
  std::vector<float> before = s.in(o, in).v;
  auto &after = s.out(o, out).v;
  for (size_t c = 0; c < after.size(); c++)
    after[c] = float((1.0 - factor) * before[c] + factor * statistic[c]);
}

std::vector<double> unbiased(std::vector<double> variance, double m) {
  for (auto &v : variance) v *= m > 1 ? m / (m - 1) : 1;
  return variance;
}

}  // namespace

void runNormForward(const Operation &o, State &s) {
  auto &x = s.in(o, kNormFwdX);
  size_t n = channels(x);
  std::vector<double> mean(n), variance(n), inverse(n);
  auto &scale = s.in(o, kNormFwdScale).v, &bias = s.in(o, kNormFwdBias).v;
  auto affine = [&](std::vector<float> &y) {
    for (size_t i = 0; i < y.size(); i++) {
      size_t c = i % n;
      y[i] = scale[c] * ((x.v[i] - float(mean[c])) * float(inverse[c])) + bias[c];
    }
  };
  if (o.phase == kNormInference) {
    for (size_t c = 0; c < n; c++)
      mean[c] = s.in(o, kNormFwdMean).v[c], inverse[c] = s.in(o, kNormFwdInvVar).v[c];
    return affine(s.out(o, kNormFwdY).v);
  }
  double m = double(x.v.size()) / double(n), epsilon = double(s.scalar(o, kNormFwdEpsilon));
  for (size_t i = 0; i < x.v.size(); i++) mean[i % n] += x.v[i];
  for (auto &v : mean) v /= m;
  for (size_t i = 0; i < x.v.size(); i++)
    variance[i % n] += (x.v[i] - mean[i % n]) * (x.v[i] - mean[i % n]);
  for (size_t c = 0; c < n; c++) inverse[c] = 1 / std::sqrt((variance[c] /= m) + epsilon);
  affine(s.out(o, kNormFwdY).v);
  if (s.has(o, kNormFwdMean)) {
    auto &saved = s.out(o, kNormFwdMean).v, &savedInverse = s.out(o, kNormFwdInvVar).v;
    for (size_t c = 0; c < n; c++) saved[c] = float(mean[c]), savedInverse[c] = float(inverse[c]);
  }
  if (!s.has(o, kNormFwdFactor)) return;
  float factor = s.scalar(o, kNormFwdFactor);
  running(o, s, kNormFwdInMean, kNormFwdOutMean, factor, mean);
  running(o, s, kNormFwdInVar, kNormFwdOutVar, factor, unbiased(variance, m));
}

void runNormBackward(const Operation &o, State &s) {
  auto &x = s.in(o, kNormBwdX), &dy = s.in(o, kNormBwdDy);
  auto &mean = s.in(o, kNormBwdMean).v, &inverse = s.in(o, kNormBwdInvVar).v,
       &scale = s.in(o, kNormBwdScale).v;
  size_t n = channels(x);
  double m = double(x.v.size()) / double(n);
  std::vector<double> sum(n), product(n);
  auto xhat = [&](size_t i) { return (x.v[i] - mean[i % n]) * inverse[i % n]; };
  for (size_t i = 0; i < x.v.size(); i++)
    sum[i % n] += dy.v[i], product[i % n] += double(dy.v[i]) * xhat(i);
  auto &dx = s.out(o, kNormBwdDx).v;
  for (size_t i = 0; i < dx.size(); i++) {
    size_t c = i % n;
    dx[i] = scale[c] * inverse[c] * (dy.v[i] - float(sum[c] / m) - xhat(i) * float(product[c] / m));
  }
  auto &dscale = s.out(o, kNormBwdDscale).v, &dbias = s.out(o, kNormBwdDbias).v;
  for (size_t c = 0; c < n; c++) dscale[c] = float(product[c]), dbias[c] = float(sum[c]);
}

// runBnFinalize turns sums into statistics and the affine form y = eqscale*x + eqbias.
void runBnFinalize(const Operation &o, State &s) {
  auto &sum = s.in(o, kBnFinSum).v, &squares = s.in(o, kBnFinSqSum).v,
       &scale = s.in(o, kBnFinScale).v, &bias = s.in(o, kBnFinBias).v;
  double m = s.scalar(o, kBnFinCount), epsilon = double(s.scalar(o, kBnFinEpsilon));
  size_t n = sum.size();
  std::vector<double> mean(n), variance(n);
  auto &saved = s.out(o, kBnFinSavedMean).v, &inverse = s.out(o, kBnFinSavedInvStd).v,
       &eqScale = s.out(o, kBnFinEqScale).v;
  auto &eqBias = s.out(o, kBnFinEqBias).v;
  for (size_t c = 0; c < n; c++) {
    mean[c] = sum[c] / m;
    variance[c] = std::fmax(0.0, squares[c] / m - mean[c] * mean[c]);
    double i = 1 / std::sqrt(variance[c] + epsilon);
    saved[c] = float(mean[c]), inverse[c] = float(i), eqScale[c] = float(scale[c] * i),
    eqBias[c] = float(bias[c] - mean[c] * scale[c] * i);
  }
  if (!s.has(o, kBnFinFactor)) return;
  float factor = s.scalar(o, kBnFinFactor);
  running(o, s, kBnFinPrevMean, kBnFinNextMean, factor, mean);
  running(o, s, kBnFinPrevVar, kBnFinNextVar, factor, unbiased(variance, m));
}

// runBnBackwardWeights gives dscale, dbias and the affine form dx = eqdy*dy + eqx*x + eqbias.
void runBnBackwardWeights(const Operation &o, State &s) {
  auto &x = s.in(o, kBnBwdX), &dy = s.in(o, kBnBwdDy);
  auto &mean = s.in(o, kBnBwdMean).v, &inverse = s.in(o, kBnBwdInvStd).v,
       &scale = s.in(o, kBnBwdScale).v;
  size_t n = channels(x);
  double m = double(x.v.size()) / double(n);
  std::vector<double> sum(n), product(n);
  for (size_t i = 0; i < x.v.size(); i++) {
    size_t c = i % n;
    sum[c] += dy.v[i];
    product[c] += double(dy.v[i]) * (x.v[i] - mean[c]) * inverse[c];
  }
  auto &dscale = s.out(o, kBnBwdDscale).v, &dbias = s.out(o, kBnBwdDbias).v;
  auto &eqDy = s.out(o, kBnBwdEqDyScale).v, &eqX = s.out(o, kBnBwdEqXScale).v,
       &eqBias = s.out(o, kBnBwdEqBias).v;
  for (size_t c = 0; c < n; c++) {
    double k = double(scale[c]) * inverse[c], slope = -k * inverse[c] * product[c] / m;
    dscale[c] = float(product[c]), dbias[c] = float(sum[c]);
    eqDy[c] = float(k), eqX[c] = float(slope), eqBias[c] = float(-k * sum[c] / m - slope * mean[c]);
  }
}

}  // namespace dnn
