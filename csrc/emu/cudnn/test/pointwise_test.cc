// Element-wise operations against loops in double, of every type and by every engine.
#include "graphs.h"

namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double gelu(double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); }
double geluTanh(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}
double swish(double x) { return x * sigmoid(x); }
double softplus(double x) { return std::log1p(std::exp(x)); }
double elu(double x) { return x > 0 ? x : std::expm1(x); }

void unary() {
  struct Mode {
    int forward, backward;
    double (*f)(double);
  };
  const Mode modes[] = {
      {kReluFwd, kReluBwd, relu},
      {kTanhFwd, kTanhBwd, std::tanh},
      {kSigmoidFwd, kSigmoidBwd, sigmoid},
      {kEluFwd, kEluBwd, elu},
      {kGeluFwd, kGeluBwd, gelu},
      {kSoftplusFwd, kSoftplusBwd, softplus},
      {kSwishFwd, kSwishBwd, swish},
      {kGeluTanhFwd, kGeluTanhBwd, geluTanh},
      {kIdentity, 0, [](double x) { return x; }},
      {kAbs, 0, std::fabs},
      {kCeil, 0, std::ceil},
      {kFloor, 0, std::floor},
      {kCos, 0, std::cos},
      {kSin, 0, std::sin},
      {kTan, 0, [](double x) { return std::tan(x); }},
      {kExp, 0, std::exp},
      {kNeg, 0, [](double x) { return -x; }},
      {kErf, 0, std::erf},
      {kReciprocal, 0, [](double x) { return 1 / x; }},
      {kSqrt, 0, [](double x) { return std::sqrt(x); }},
      {kLog, 0, [](double x) { return std::log(x); }},
      {kRsqrt, 0, [](double x) { return 1 / std::sqrt(x); }},
  };
  for (auto &m : modes)
    for (int type : {kFloat, kHalf, kBfloat16}) {
      bool positive = m.forward == kSqrt || m.forward == kLog || m.forward == kRsqrt ||
                      m.forward == kReciprocal || m.forward == kTan;
      Array x(spec(1, full, type)), y(spec(2, full, type)), dy(spec(3, full, type)),
          dx(spec(4, full, type));
      x.normal(1, positive ? 0.1 : 1, positive ? 1 : 0), dy.normal(2);
      std::vector<double> want, gradient;
      for (int64_t i = 0; i < x.count(); i++) {
        want.push_back(m.f(x.get(i)));
        gradient.push_back(dy.get(i) * (m.f(x.get(i) + 1e-5) - m.f(x.get(i) - 1e-5)) / 2e-5);
      }
      everyConfig(graph(handle, {pointwise(m.forward, x.tensor(), nullptr, y.tensor())}),
                  [&](const DescPtr &c, int, size_t) {
                    EXPECT_STATUS(runWith(c, {&x, &y}), kSuccess);
                    EXPECT(worst(y, want) <= step(type), "mode %d, type %d: off by %g", m.forward,
                           type, worst(y, want));
                  });
      if (!m.backward) continue;
      everyConfig(graph(handle, {pointwise(m.backward, dy.tensor(), x.tensor(), dx.tensor())}),
                  [&](const DescPtr &c, int, size_t) {
                    EXPECT_STATUS(runWith(c, {&x, &dy, &dx}), kSuccess);
                    EXPECT(worst(dx, gradient) <= step(type) + 1e-6, "mode %d, type %d: off by %g",
                           m.backward, type, worst(dx, gradient));
                  });
    }
}

void binary() {
  struct Mode {
    int mode;
    double (*f)(double, double);
  };
  const Mode modes[] = {
      {kAdd, [](double a, double b) { return a + b; }},
      {kSub, [](double a, double b) { return a - b; }},
      {kMul, [](double a, double b) { return a * b; }},
      {kDiv, [](double a, double b) { return a / b; }},
      {kMin, [](double a, double b) { return std::fmin(a, b); }},
      {kMax, [](double a, double b) { return std::fmax(a, b); }},
      {kPow, [](double a, double b) { return std::pow(a, b); }},
      {kMod, [](double a, double b) { return std::fmod(a, b); }},
      {kAddSquare, [](double a, double b) { return a + b * b; }},
      {kCmpEq, [](double a, double b) { return double(a == b); }},
      {kCmpNeq, [](double a, double b) { return double(a != b); }},
      {kCmpGt, [](double a, double b) { return double(a > b); }},
      {kCmpGe, [](double a, double b) { return double(a >= b); }},
      {kCmpLt, [](double a, double b) { return double(a < b); }},
      {kCmpLe, [](double a, double b) { return double(a <= b); }},
      {kLogicalAnd, [](double a, double b) { return double(a != 0 && b != 0); }},
      {kLogicalOr, [](double a, double b) { return double(a != 0 || b != 0); }},
  };
  for (auto &m : modes)
    for (auto &other : {full, channel, one}) {
      Array x(spec(1, full)), b(spec(2, other)), y(spec(3, full));
      x.integers(3, 1), b.integers(2, 5);
      if (m.mode == kPow || m.mode == kDiv || m.mode == kMod)
        for (auto a : {&x, &b})
          for (int64_t i = 0; i < a->count(); i++) a->set(i, 1 + std::fabs(a->get(i)));
      std::vector<double> want;
      for (int64_t i = 0; i < x.count(); i++)
        want.push_back(m.f(2 * x.get(i), -b.get(other == full      ? i
                                                : other == channel ? channelOf(i, full)
                                                                   : 0)));
      if (m.mode == kPow) want.assign(want.size(), 1);  // 2x to the power of 0
      auto p = desc(kPointwise), d = desc(kOpPointwise);
      p->e(kPointwiseMode, kTypePointwiseMode, m.mode).type(kPointwiseMathPrec, kFloat).finalize();
      d->child(kOpPwDesc, *p)
          .child(kOpPwX, *x.tensor())
          .child(kOpPwB, *b.tensor())
          .child(kOpPwY, *y.tensor());
      d->f32(kOpPwAlpha1, 2).f32(kOpPwAlpha2, m.mode == kPow ? 0 : -1).finalize();
      everyConfig(graph(handle, {d}), [&](const DescPtr &c, int, size_t) {
        EXPECT_STATUS(runWith(c, {&x, &b, &y}), kSuccess);
        EXPECT(worst(y, want) <= 1e-6, "mode %d with %zu elements: off by %g", m.mode,
               size_t(b.count()), worst(y, want));
      });
    }
}

// A virtual tensor has the precision of its type: 1 + 2^-10 is 1 in bfloat16, so that minus one is
// 0; in float it is 2^-10.
void virtualTypes() {
  for (int type : {kFloat, kHalf, kBfloat16}) {
    Array x(spec(1, full)), b(spec(2, one)), c(spec(4, one)), y(spec(5, full));
    for (int64_t i = 0; i < x.count(); i++) x.set(i, std::ldexp(1, -10 - int(i % 3)));
    b.set(0, 1), c.set(0, -1);
    auto v = virt(3, full, type);
    std::vector<double> want;
    for (int64_t i = 0; i < x.count(); i++)
      want.push_back(dnn::rounded(float(1 + x.get(i)), type) - 1);
    everyConfig(graph(handle, {pointwise(kAdd, x.tensor(), b.tensor(), v),
                               pointwise(kAdd, v, c.tensor(), y.tensor())}),
                [&](const DescPtr &config, int, size_t) {
                  EXPECT_STATUS(runWith(config, {&x, &b, &c, &y}), kSuccess);
                  EXPECT(worst(y, want) == 0, "virtual type %d: off by %g", type, worst(y, want));
                });
  }
}

// Clipped ReLU, a NaN through ReLU, a comparison kept as bits and read again as a mask.
void masks() {
  Array x(spec(1, full)), y(spec(2, full)), z(spec(4, full));
  x.normal(1);
  x.set(7, NAN);
  auto p = desc(kPointwise), d = desc(kOpPointwise);
  p->e(kPointwiseMode, kTypePointwiseMode, kReluFwd)
      .type(kPointwiseMathPrec, kFloat)
      .f64(kPointwiseReluLower, -0.25)
      .f64(kPointwiseReluUpper, 0.5);
  p->f64(kPointwiseReluSlope, 0.5).finalize();
  d->child(kOpPwDesc, *p).child(kOpPwX, *x.tensor()).child(kOpPwY, *y.tensor()).finalize();
  std::vector<double> want;
  for (int64_t i = 0; i < x.count(); i++) {
    double v = x.get(i);
    want.push_back(v != v ? -0.25 : v < -0.25 ? -0.25 + 0.5 * (v + 0.25) : v > 0.5 ? 0.5 : v);
  }
  everyConfig(graph(handle, {d}), [&](const DescPtr &c, int, size_t) {
    EXPECT_STATUS(runWith(c, {&x, &y}), kSuccess);
    EXPECT(worst(y, want) < 1e-6, "clipped ReLU: off by %g", worst(y, want));
  });
  x.set(7, 0);
  auto scalarZero = scalar(3);
  float zero = 0;
  Array mask(spec(5, full, kBoolean));
  everyConfig(graph(handle, {pointwise(kCmpGt, x.tensor(), scalarZero, mask.tensor())}),
              [&](const DescPtr &c, int, size_t) {
                EXPECT_STATUS(runWith(c, {&x, &mask}, {{3, &zero}}), kSuccess);
                auto bits = static_cast<unsigned char *>(mask.data());
                for (int64_t i = 0; i < x.count(); i++)
                  EXPECT((bits[x.place(i) / 8] >> x.place(i) % 8 & 1) == (x.get(i) > 0),
                         "mask of element %ld", long(i));
              });
  everyConfig(graph(handle, {pointwise(kMul, x.tensor(), mask.tensor(), z.tensor())}),
              [&](const DescPtr &c, int, size_t) {
                EXPECT_STATUS(runWith(c, {&x, &mask, &z}), kSuccess);
                for (int64_t i = 0; i < x.count(); i++)
                  EXPECT(z.get(i) == relu(x.get(i)), "masked element %ld", long(i));
              });
}

}  // namespace

int main(int argc, char **argv) {
  api.open(argc > 1 ? argv[1] : "libcudnn.so.9");
  EXPECT_STATUS(api.create(&handle), kSuccess);
  unary();
  binary();
  virtualTypes();
  masks();
  EXPECT_STATUS(api.destroy(handle), kSuccess);
  return failures != 0;
}
