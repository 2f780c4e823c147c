// Batch norm in all of its forms against its formulas in double.
#include <algorithm>

#include "fixture.h"

namespace {

constexpr int64_t N = 3, K = 8, H = 4, W = 5, P = N * H * W;
const std::vector<int64_t> full{N, K, H, W}, channel{1, K, 1, 1}, one{1, 1, 1, 1};

TensorSpec spec(int64_t uid, const std::vector<int64_t> &d, int type = kFloat,
                bool isVirtual = false) {
  return {uid, d, nhwc(d), type, isVirtual};
}
DescPtr virt(int64_t uid, int type = kFloat) { return tensor(spec(uid, full, type, true)); }
DescPtr scalar(int64_t uid, int type = kFloat) {
  return tensor({uid, one, one, type, false, true});
}
size_t channelOf(int64_t i) { return size_t(i / (H * W) % K); }
double step(int type) { return type == kFloat ? 3e-6 : type == kHalf ? 7e-4 : 5e-3; }

// Channels are the statistics of each channel, and the parameters of each channel.
struct Channels {
  std::vector<double> mean, variance, invstd, sum, square;
  explicit Channels(const Array &x, double epsilon)
      : mean(K), variance(K), invstd(K), sum(K), square(K) {
    for (int64_t i = 0; i < x.count(); i++)
      sum[channelOf(i)] += x.get(i), square[channelOf(i)] += x.get(i) * x.get(i);
    for (size_t c = 0; c < K; c++) mean[c] = sum[c] / P;
    for (int64_t i = 0; i < x.count(); i++)
      variance[channelOf(i)] += std::pow(x.get(i) - mean[channelOf(i)], 2) / P;
    for (size_t c = 0; c < K; c++) invstd[c] = 1 / std::sqrt(variance[c] + epsilon);
  }
};

struct NormArrays {
  Array x, y, scale, bias, mean, invstd, oldMean, oldVar, newMean, newVar;
  float epsilon = 1e-3f, factor = 0.1f;
  explicit NormArrays(int type)
      : x(spec(1, full, type)),
        y(spec(2, full, type)),
        scale(spec(3, channel)),
        bias(spec(4, channel)),
        mean(spec(5, channel)),
        invstd(spec(6, channel)),
        oldMean(spec(7, channel)),
        oldVar(spec(8, channel)),
        newMean(spec(9, channel)),
        newVar(spec(10, channel)) {
    x.normal(1, 2, 3), scale.normal(2, 0.5, 1), bias.normal(3), oldMean.normal(4),
        oldVar.normal(5, 0.1, 1);
  }
  DescPtr op(const DescPtr &out) {
    auto d = desc(kOpNormForward);
    d->e(kNormFwdMode, kTypeNormMode, kBatchNorm)
        .e(kNormFwdPhase, kTypeNormPhase, kNormTraining)
        .child(kNormFwdX, *x.tensor())
        .child(kNormFwdY, *out);
    d->child(kNormFwdScale, *scale.tensor())
        .child(kNormFwdBias, *bias.tensor())
        .child(kNormFwdMean, *mean.tensor())
        .child(kNormFwdInvVar, *invstd.tensor());
    d->child(kNormFwdInMean, *oldMean.tensor())
        .child(kNormFwdInVar, *oldVar.tensor())
        .child(kNormFwdOutMean, *newMean.tensor());
    d->child(kNormFwdOutVar, *newVar.tensor())
        .child(kNormFwdEpsilon, *scalar(11))
        .child(kNormFwdFactor, *scalar(12))
        .finalize();
    return d;
  }
  std::vector<Array *> arrays() {
    return {&x, &y, &scale, &bias, &mean, &invstd, &oldMean, &oldVar, &newMean, &newVar};
  }
  std::map<int64_t, void *> scalars() { return {{11, &epsilon}, {12, &factor}}; }
};

void forward() {
  for (int type : {kFloat, kHalf, kBfloat16})
    for (int form : {0, 1, 2}) {  // plain, ReLU, add and ReLU
      NormArrays a(type);
      Array z(spec(13, full, type));
      z.normal(6);
      Channels s(a.x, a.epsilon);
      std::vector<double> want, mean, var;
      for (int64_t i = 0; i < a.x.count(); i++) {
        size_t c = channelOf(i);
        double v = a.scale.get(int64_t(c)) * (a.x.get(i) - s.mean[c]) * s.invstd[c] +
                   a.bias.get(int64_t(c)) + (form == 2 ? z.get(i) : 0);
        want.push_back(form && v < 0 ? 0 : v);
      }
      for (int64_t c = 0; c < K; c++) {
        mean.push_back(0.9 * a.oldMean.get(c) + 0.1 * s.mean[size_t(c)]);
        var.push_back(0.9 * a.oldVar.get(c) + 0.1 * s.variance[size_t(c)] * P / (P - 1.0));
      }
      auto v = virt(20), w = virt(21);
      std::vector<DescPtr> ops = {a.op(form ? v : a.y.tensor())};
      if (form == 2) ops.push_back(pointwise(kAdd, v, z.tensor(), w));
      if (form) ops.push_back(pointwise(kReluFwd, form == 2 ? w : v, nullptr, a.y.tensor()));
      everyConfig(graph(handle, ops), [&](const DescPtr &config, int, size_t) {
        auto arrays = a.arrays();
        if (form == 2) arrays.push_back(&z);
        EXPECT_STATUS(runWith(config, arrays, a.scalars()), kSuccess);
        expectNear("y", a.y, want, step(type)), expectNear("mean", a.mean, s.mean, 1e-6),
            expectNear("invstd", a.invstd, s.invstd, 1e-6);
        expectNear("running mean", a.newMean, mean, 1e-6),
            expectNear("running variance", a.newVar, var, 1e-6);
      });
    }
}

// The gradient against finite differences of the sum of dy*y, and through the two-step form
// (weights first, then dx as an affine function).
void backward() {
  NormArrays a(kFloat);
  Array dy(spec(13, full)), dx(spec(14, full)), dscale(spec(15, channel)), dbias(spec(16, channel));
  Array eqDy(spec(17, channel)), eqX(spec(18, channel)), eqBias(spec(19, channel));
  dy.normal(7);
  Channels s(a.x, a.epsilon);
  for (int64_t c = 0; c < K; c++)
    a.mean.set(c, s.mean[size_t(c)]), a.invstd.set(c, s.invstd[size_t(c)]);
  std::vector<double> values = a.x.values(), wantX, wantScale(K), wantBias(K);
  auto loss = [&](size_t channel) {
    double sum = 0, mean = 0, variance = 0, out = 0;
    for (size_t i = 0; i < values.size(); i++)
      if (channelOf(int64_t(i)) == channel) sum += values[i];
    mean = sum / P;
    for (size_t i = 0; i < values.size(); i++)
      if (channelOf(int64_t(i)) == channel) variance += (values[i] - mean) * (values[i] - mean) / P;
    for (size_t i = 0; i < values.size(); i++)
      if (channelOf(int64_t(i)) == channel)
        out += dy.get(int64_t(i)) * a.scale.get(int64_t(channel)) * (values[i] - mean) /
               std::sqrt(variance + a.epsilon);
    return out;
  };
  for (size_t i = 0; i < values.size(); i++) {
    size_t c = channelOf(int64_t(i));
    double v = values[i], h = 1e-5;
    values[i] = v + h;
    double up = loss(c);
    values[i] = v - h;
    wantX.push_back((up - loss(c)) / (2 * h));
    values[i] = v;
    wantScale[c] += dy.get(int64_t(i)) * (v - s.mean[c]) * s.invstd[c];
    wantBias[c] += dy.get(int64_t(i));
  }
  auto d = desc(kOpNormBackward);
  d->e(kNormBwdMode, kTypeNormMode, kBatchNorm)
      .child(kNormBwdX, *a.x.tensor())
      .child(kNormBwdDy, *dy.tensor())
      .child(kNormBwdDx, *dx.tensor());
  d->child(kNormBwdScale, *a.scale.tensor())
      .child(kNormBwdMean, *a.mean.tensor())
      .child(kNormBwdInvVar, *a.invstd.tensor());
  d->child(kNormBwdDscale, *dscale.tensor()).child(kNormBwdDbias, *dbias.tensor()).finalize();
  everyConfig(graph(handle, {d}), [&](const DescPtr &config, int, size_t) {
    EXPECT_STATUS(runWith(config, {&a.x, &dy, &dx, &a.scale, &a.mean, &a.invstd, &dscale, &dbias}),
                  kSuccess);
    expectNear("dx", dx, wantX, 1e-5), expectNear("dscale", dscale, wantScale, 1e-6),
        expectNear("dbias", dbias, wantBias, 1e-6);
  });
  auto b = desc(kOpBnBwdWeights);
  b->type(kBnBwdMathPrec, kFloat)
      .child(kBnBwdMean, *a.mean.tensor())
      .child(kBnBwdInvStd, *a.invstd.tensor())
      .child(kBnBwdScale, *a.scale.tensor());
  b->child(kBnBwdX, *a.x.tensor())
      .child(kBnBwdDy, *dy.tensor())
      .child(kBnBwdDscale, *dscale.tensor())
      .child(kBnBwdDbias, *dbias.tensor());
  b->child(kBnBwdEqDyScale, *eqDy.tensor())
      .child(kBnBwdEqXScale, *eqX.tensor())
      .child(kBnBwdEqBias, *eqBias.tensor())
      .finalize();
  everyConfig(graph(handle, {b}), [&](const DescPtr &config, int, size_t) {
    EXPECT_STATUS(runWith(config, {&a.x, &dy, &a.scale, &a.mean, &a.invstd, &dscale, &dbias, &eqDy,
                                   &eqX, &eqBias}),
                  kSuccess);
    for (int64_t i = 0; i < dx.count(); i++) {
      auto c = int64_t(channelOf(i));
      dx.set(i, eqDy.get(c) * dy.get(i) + eqX.get(c) * a.x.get(i) + eqBias.get(c));
    }
    expectNear("dx in two steps", dx, wantX, 1e-5), expectNear("dscale", dscale, wantScale, 1e-6),
        expectNear("dbias", dbias, wantBias, 1e-6);
  });
}

// ReLU's gradient before the norm's, with the norm computed again.
void backwardThroughReLU() {
  NormArrays a(kBfloat16);
  Array dy(spec(13, full, kBfloat16)), dx(spec(14, full, kBfloat16)), dscale(spec(15, channel)),
      dbias(spec(16, channel));
  dy.integers(3, 7);
  Channels s(a.x, a.epsilon);
  for (int64_t c = 0; c < K; c++)
    a.mean.set(c, s.mean[size_t(c)]), a.invstd.set(c, s.invstd[size_t(c)]);
  std::vector<double> want(K);
  for (int64_t i = 0; i < a.x.count(); i++) {
    auto c = int64_t(channelOf(i));
    if (a.scale.get(c) * (a.x.get(i) - a.mean.get(c)) * a.invstd.get(c) + a.bias.get(c) > 0)
      want[size_t(c)] += dy.get(i);
  }
  auto again = desc(kOpNormForward), d = desc(kOpNormBackward);
  auto y = virt(20), masked = virt(21, kBfloat16);
  again->e(kNormFwdMode, kTypeNormMode, kBatchNorm)
      .e(kNormFwdPhase, kTypeNormPhase, kNormInference)
      .child(kNormFwdX, *a.x.tensor())
      .child(kNormFwdY, *y);
  again->child(kNormFwdScale, *a.scale.tensor())
      .child(kNormFwdBias, *a.bias.tensor())
      .child(kNormFwdMean, *a.mean.tensor())
      .child(kNormFwdInvVar, *a.invstd.tensor())
      .finalize();
  d->e(kNormBwdMode, kTypeNormMode, kBatchNorm)
      .child(kNormBwdX, *a.x.tensor())
      .child(kNormBwdDy, *masked)
      .child(kNormBwdDx, *dx.tensor());
  d->child(kNormBwdScale, *a.scale.tensor())
      .child(kNormBwdMean, *a.mean.tensor())
      .child(kNormBwdInvVar, *a.invstd.tensor());
  d->child(kNormBwdDscale, *dscale.tensor()).child(kNormBwdDbias, *dbias.tensor()).finalize();
  everyConfig(graph(handle, {again, pointwise(kReluBwd, dy.tensor(), y, masked), d}),
              [&](const DescPtr &config, int, size_t) {
                EXPECT_STATUS(runWith(config, {&a.x, &dy, &dx, &a.scale, &a.bias, &a.mean,
                                               &a.invstd, &dscale, &dbias}),
                              kSuccess);
                expectNear("dbias of what ReLU let through", dbias, want, 0);
              });
}

void finalizeStatistics() {
  NormArrays a(kFloat);
  Array sum(spec(20, channel)), square(spec(21, channel)), eqScale(spec(22, channel)),
      eqBias(spec(23, channel));
  Channels s(a.x, a.epsilon);
  std::vector<double> scale, bias, var;
  for (int64_t c = 0; c < K; c++) {
    sum.set(c, s.sum[size_t(c)]), square.set(c, s.square[size_t(c)]);
    scale.push_back(a.scale.get(c) * s.invstd[size_t(c)]);
    bias.push_back(a.bias.get(c) - s.mean[size_t(c)] * scale.back());
    var.push_back(0.9 * a.oldVar.get(c) + 0.1 * s.variance[size_t(c)] * P / (P - 1.0));
  }
  auto d = desc(kOpBnFinalize);
  d->e(kBnFinMode, kTypeBnFinalizeMode, 0)
      .type(kBnFinMathPrec, kFloat)
      .child(kBnFinSum, *sum.tensor())
      .child(kBnFinSqSum, *square.tensor());
  d->child(kBnFinScale, *a.scale.tensor())
      .child(kBnFinBias, *a.bias.tensor())
      .child(kBnFinPrevMean, *a.oldMean.tensor())
      .child(kBnFinPrevVar, *a.oldVar.tensor());
  d->child(kBnFinNextMean, *a.newMean.tensor())
      .child(kBnFinNextVar, *a.newVar.tensor())
      .child(kBnFinSavedMean, *a.mean.tensor());
  d->child(kBnFinSavedInvStd, *a.invstd.tensor())
      .child(kBnFinEqScale, *eqScale.tensor())
      .child(kBnFinEqBias, *eqBias.tensor());
  d->child(kBnFinCount, *scalar(24, kInt64))
      .child(kBnFinEpsilon, *scalar(11))
      .child(kBnFinFactor, *scalar(12))
      .finalize();
  int64_t count = P;
  everyConfig(graph(handle, {d}), [&](const DescPtr &config, int, size_t) {
    EXPECT_STATUS(runWith(config,
                          {&sum, &square, &a.scale, &a.bias, &a.oldMean, &a.oldVar, &a.newMean,
                           &a.newVar, &a.mean, &a.invstd, &eqScale, &eqBias},
                          {{24, &count}, {11, &a.epsilon}, {12, &a.factor}}),
                  kSuccess);
    expectNear("eq scale", eqScale, scale, 1e-5), expectNear("eq bias", eqBias, bias, 1e-5),
        expectNear("invstd", a.invstd, s.invstd, 1e-5), expectNear("variance", a.newVar, var, 1e-5);
  });
}

}  // namespace

int main(int argc, char **argv) {
  api.open(argc > 1 ? argv[1] : "libcudnn.so.9");
  EXPECT_STATUS(api.create(&handle), kSuccess);
  forward();
  backward();
  backwardThroughReLU();
  finalizeStatistics();
  EXPECT_STATUS(api.destroy(handle), kSuccess);
  return failures != 0;
}
