// Batch norm in all of its forms, pooling and the legacy softmax against their formulas in double.
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
void close(const char *what, const Array &a, const std::vector<double> &want, double limit) {
  EXPECT(worst(a, want) <= limit, "%s: off by %g", what, worst(a, want));
}

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
        close("y", a.y, want, step(type)), close("mean", a.mean, s.mean, 1e-6),
            close("invstd", a.invstd, s.invstd, 1e-6);
        close("running mean", a.newMean, mean, 1e-6),
            close("running variance", a.newVar, var, 1e-6);
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
    close("dx", dx, wantX, 1e-5), close("dscale", dscale, wantScale, 1e-6),
        close("dbias", dbias, wantBias, 1e-6);
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
    close("dx in two steps", dx, wantX, 1e-5), close("dscale", dscale, wantScale, 1e-6),
        close("dbias", dbias, wantBias, 1e-6);
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
                close("dbias of what ReLU let through", dbias, want, 0);
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
    close("eq scale", eqScale, scale, 1e-5), close("eq bias", eqBias, bias, 1e-5),
        close("invstd", a.invstd, s.invstd, 1e-5), close("variance", a.newVar, var, 1e-5);
  });
}

DescPtr window(int mode, std::vector<int64_t> size, std::vector<int64_t> stride,
               std::vector<int64_t> pad) {
  auto d = desc(kResample);
  d->e(kResampleMode, kTypeResampleMode, mode)
      .type(kResampleCompType, kFloat)
      .i64(kResampleSpatialDims, {2})
      .i64(kResampleWindow, size);
  d->e(kResamplePadding, kTypePaddingMode, mode == kMaxPool ? kNegInfPad : kZeroPad)
      .i64(kResampleStrides, stride)
      .i64(kResamplePrePads, pad)
      .i64(kResamplePostPads, pad);
  d->finalize();
  return d;
}

void pools() {
  const std::vector<int64_t> yd{N, K, 2, 3};  // a window of 3x2, strides 3 and 2, padding 1 and 1
  for (int mode : {kAvgPoolInclude, kAvgPoolExclude, kMaxPool})
    for (int layout : {0, 1}) {
      Array x({1, full, layout ? nchw(full) : nhwc(full)}),
          y({2, yd, layout ? nchw(yd) : nhwc(yd)}), dy({3, yd, y.spec.strides}),
          dx({4, full, x.spec.strides});
      Array index({5, yd, nhwc(yd), kInt8});
      x.normal(1), dy.normal(2);
      std::vector<double> want(size_t(y.count())), gradient(size_t(x.count())),
          places(size_t(y.count()));
      for (int64_t i = 0; i < y.count(); i++) {
        int64_t nk = i / 6, p = i / 3 % 2, q = i % 3, inside = 0, best = -1;
        double sum = 0;
        std::vector<int64_t> at;
        for (int64_t r = 0; r < 3; r++)
          for (int64_t s = 0; s < 2; s++) {
            int64_t h = 3 * p - 1 + r, w = 2 * q - 1 + s;
            if (h < 0 || h >= H || w < 0 || w >= W) continue;
            at.push_back((nk * H + h) * W + w);
            sum += x.get(at.back());
            if (best < 0 || x.get(at.back()) > x.get(best))
              best = at.back(), places[size_t(i)] = double(r * 2 + s);
            inside++;
          }
        double n = mode == kAvgPoolExclude ? double(inside) : 6;
        want[size_t(i)] = mode == kMaxPool ? x.get(best) : sum / n;
        if (mode == kMaxPool)
          gradient[size_t(best)] += dy.get(i);
        else
          for (auto j : at) gradient[size_t(j)] += dy.get(i) / n;
      }
      auto pool = window(mode, {3, 2}, {3, 2}, {1, 1}), f = desc(kOpResampleForward),
           b = desc(kOpResampleBackward);
      bool indexed = mode == kMaxPool && layout == 0;
      f->child(kResampleFwdDesc, *pool)
          .child(kResampleFwdX, *x.tensor())
          .child(kResampleFwdY, *y.tensor());
      b->child(kResampleBwdDesc, *pool)
          .child(kResampleBwdDx, *dx.tensor())
          .child(kResampleBwdDy, *dy.tensor());
      if (indexed)
        f->child(kResampleFwdIndex, *index.tensor()), b->child(kResampleBwdIndex, *index.tensor());
      if (mode == kMaxPool && layout)
        b->child(kResampleBwdX, *x.tensor()).child(kResampleBwdY, *y.tensor());
      f->finalize(), b->finalize();
      everyConfig(graph(handle, {f}), [&](const DescPtr &c, int, size_t) {
        std::vector<Array *> arrays = {&x, &y};
        if (indexed) arrays.push_back(&index);
        EXPECT_STATUS(runWith(c, arrays), kSuccess);
        close("pooled", y, want, 1e-6);
        if (indexed) close("index", index, places, 0);
      });
      everyConfig(graph(handle, {b}), [&](const DescPtr &c, int, size_t) {
        std::vector<Array *> arrays = {&dy, &dx};
        if (indexed) arrays.push_back(&index);
        if (mode == kMaxPool && layout) arrays.push_back(&x), arrays.push_back(&y);
        EXPECT_STATUS(runWith(c, arrays), kSuccess);
        close("unpooled", dx, gradient, 1e-6);
      });
    }
}

void softmax() {
  int (*make)(void **), (*drop)(void *), (*describe)(void *, int, int, const int *, const int *);
  int (*f)(void *, int, int, const void *, const void *, const void *, const void *, const void *,
           void *);
  int (*b)(void *, int, int, const void *, const void *, const void *, const void *, const void *,
           const void *, const void *, void *);
  api.symbol(make, "cudnnCreateTensorDescriptor"), api.symbol(drop, "cudnnDestroyTensorDescriptor"),
      api.symbol(describe, "cudnnSetTensorNdDescriptor");
  api.symbol(f, "cudnnSoftmaxForward"), api.symbol(b, "cudnnSoftmaxBackward");
  Array x({1, {4, 10, 1, 1}, {10, 1, 1, 1}}), y({2, {4, 10, 1, 1}, {10, 1, 1, 1}}),
      dy({3, {4, 10, 1, 1}, {10, 1, 1, 1}}), dx({4, {4, 10, 1, 1}, {10, 1, 1, 1}});
  x.normal(1, 5), dy.normal(2);
  void *t = nullptr;
  const int dims[4] = {4, 10, 1, 1}, strides[4] = {10, 1, 1, 1};
  EXPECT_STATUS(make(&t), kSuccess);
  float one_ = 1, zero = 0;
  EXPECT_STATUS(f(handle, 1, 0, &one_, t, x.data(), &zero, t, y.data()), kBadParam);  // not set yet
  EXPECT_STATUS(describe(t, kFloat, 4, dims, strides), kSuccess);
  for (bool logarithm : {false, true})
    for (int mode : {0, 1}) {
      std::vector<double> want(40), gradient(40);
      for (int64_t n = 0; n < 4; n++) {
        double sum = 0, product = 0;
        for (int64_t i = 0; i < 10; i++) sum += std::exp(x.get(10 * n + i));
        for (int64_t i = 0; i < 10; i++) {
          double p = std::exp(x.get(10 * n + i)) / sum;
          want[size_t(10 * n + i)] = logarithm ? std::log(p) : p;
          product += logarithm ? dy.get(10 * n + i) : p * dy.get(10 * n + i);
        }
        for (int64_t i = 0; i < 10; i++) {
          double p = std::exp(x.get(10 * n + i)) / sum;
          gradient[size_t(10 * n + i)] =
              logarithm ? dy.get(10 * n + i) - p * product : p * (dy.get(10 * n + i) - product);
        }
      }
      EXPECT_STATUS(f(handle, logarithm ? 2 : 1, mode, &one_, t, x.data(), &zero, t, y.data()),
                    kSuccess);
      close("softmax", y, want, 1e-6);
      EXPECT_STATUS(
          b(handle, logarithm ? 2 : 1, mode, &one_, t, y.data(), t, dy.data(), &zero, t, dx.data()),
          kSuccess);
      close("softmax's gradient", dx, gradient, 1e-5);
    }
  EXPECT_STATUS(f(handle, 9, 0, &one_, t, x.data(), &zero, t, y.data()), kBadParam);
  EXPECT_STATUS(f(handle, 1, 0, &one_, t, nullptr, &zero, t, y.data()), kBadParam);
  EXPECT_STATUS(drop(t), kSuccess);
}

}  // namespace

int main(int argc, char **argv) {
  api.open(argc > 1 ? argv[1] : "libcudnn.so.9");
  EXPECT_STATUS(api.create(&handle), kSuccess);
  forward();
  backward();
  backwardThroughReLU();
  finalizeStatistics();
  pools();
  softmax();
  EXPECT_STATUS(api.destroy(handle), kSuccess);
  return failures != 0;
}
