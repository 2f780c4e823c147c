// Fused graphs, element-wise operations, reductions, batch norm and pooling against loops in
// double, of every type and by every engine.
#include "fixture.h"

namespace {

constexpr int64_t N = 3, K = 8, H = 5, W = 4;
const std::vector<int64_t> full{N, K, H, W}, channel{1, K, 1, 1}, image{N, 1, 1, 1},
    one{1, 1, 1, 1};

TensorSpec spec(int64_t uid, const std::vector<int64_t> &d, int type = kFloat,
                bool isVirtual = false) {
  return {uid, d, nhwc(d), type, isVirtual};
}
DescPtr virt(int64_t uid, const std::vector<int64_t> &d, int type = kFloat) {
  return tensor(spec(uid, d, type, true));
}
DescPtr scalar(int64_t uid) { return tensor({uid, one, one, kFloat, false, true}); }
int64_t channelOf(int64_t i, const std::vector<int64_t> &d) { return i / (d[2] * d[3]) % d[1]; }
// The step of a type, relative to the largest value.
double step(int type) { return type == kFloat ? 2e-6 : type == kHalf ? 6e-4 : 4.5e-3; }

double relu(double x) { return x > 0 ? x : 0; }
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

DescPtr reduction(int op, const DescPtr &x, const DescPtr &y, bool deterministic) {
  auto r = desc(kReduction), d = desc(kOpReduction);
  r->e(kReductionOperator, kTypeReductionOperator, op)
      .type(kReductionCompType, kFloat)
      .flag(kReductionDeterministic, deterministic)
      .finalize();
  d->child(kOpReductionDesc, *r).child(kOpReductionX, *x).child(kOpReductionY, *y).finalize();
  return d;
}

void reductions() {
  for (int op : {kReduceAdd, kReduceMul, kReduceMin, kReduceMax, kReduceAmax, kReduceAvg,
                 kReduceNorm1, kReduceNorm2})
    for (auto &to : {channel, one, std::vector<int64_t>{N, 1, H, W}}) {
      Array x(spec(1, full, kBfloat16)), y(spec(2, to));
      x.normal(3, 0.3, 1);
      std::vector<double> want(size_t(y.count()), op == kReduceMul   ? 1
                                                  : op == kReduceMin ? HUGE_VAL
                                                  : op == kReduceMax ? -HUGE_VAL
                                                                     : 0);
      for (int64_t i = 0; i < x.count(); i++) {
        int64_t c = channelOf(i, full), n = i / (K * H * W), place = i % (H * W);
        double &w = want[size_t(to == channel ? c
                                : to == one   ? 0
                                              : n * H * W + place)],
               v = x.get(i);
        if (op == kReduceAdd || op == kReduceAvg) w += v;
        if (op == kReduceMul) w *= v;
        if (op == kReduceMin) w = std::fmin(w, v);
        if (op == kReduceMax) w = std::fmax(w, v);
        if (op == kReduceAmax) w = std::fmax(w, std::fabs(v));
        if (op == kReduceNorm1) w += std::fabs(v);
        if (op == kReduceNorm2) w += v * v;
      }
      for (auto &w : want)
        w = op == kReduceAvg     ? w / double(x.count() / y.count())
            : op == kReduceNorm2 ? std::sqrt(w)
                                 : w;
      everyConfig(graph(handle, {reduction(op, x.tensor(), y.tensor(), false)}),
                  [&](const DescPtr &c, int, size_t) {
                    EXPECT_STATUS(runWith(c, {&x, &y}), kSuccess);
                    EXPECT(worst(y, want) < 2e-6, "reduction %d to %zu: off by %g", op, want.size(),
                           worst(y, want));
                  });
    }
  // With the request for determinism the bits are the same every time; without it they are not.
  Array x(spec(1, {8, 8, 16, 16})), y(spec(2, channel));
  x.normal(4, 1e3);
  for (bool deterministic : {false, true}) {
    auto list = heuristics(
        graph(handle, {reduction(kReduceAdd, x.tensor(), y.tensor(), deterministic)}), kHeurA);
    bool same = true;
    std::vector<double> first;
    for (int i = 0; i < 4; i++) {
      EXPECT_STATUS(runWith(list.at(0), {&x, &y}), kSuccess);
      if (i) same = same && first == y.values();
      first = y.values();
    }
    EXPECT(same == deterministic, "deterministic %d: the same bits %d", deterministic, same);
  }
}

// scale, bias, ReLU -> convolution -> stored rounded, with the sums of the unrounded values.
void fusedForward() {
  for (int type : {kFloat, kHalf, kBfloat16})
    for (int64_t groups : {1, 2}) {
      std::vector<int64_t> xd{2, 8, 6, 5}, wd{16, 8 / groups, 3, 3}, yd{2, 16, 6, 5}, c{1, 8, 1, 1},
          k{1, 16, 1, 1};
      Array x(spec(1, xd, type)), s(spec(2, c, type)), b(spec(3, c, type)), w(spec(4, wd, type)),
          y(spec(5, yd, type)), sum(spec(6, k)), square(spec(7, k));
      x.integers(2, 1), s.integers(1, 2), b.integers(2, 3), w.integers(2, 4);
      auto v1 = virt(10, xd, type), v2 = virt(11, xd, type), v3 = virt(12, xd, type),
           v4 = virt(13, yd);
      auto stats = desc(kOpGenStats);
      stats->e(kGenStatsMode, kTypeGenstatsMode, 0)
          .type(kGenStatsMathPrec, kFloat)
          .child(kGenStatsX, *v4)
          .child(kGenStatsSum, *sum.tensor());
      stats->child(kGenStatsSqSum, *square.tensor()).finalize();
      auto g =
          graph(handle, {pointwise(kMul, x.tensor(), s.tensor(), v1),
                         pointwise(kAdd, v1, b.tensor(), v2), pointwise(kReluFwd, v2, nullptr, v3),
                         conv(kOpConvForward, convolution({{1, 1}, {1, 1}}), v3, w.tensor(), v4),
                         pointwise(kIdentity, v4, nullptr, y.tensor()), stats});
      // Zeros of padding stay zeros for every bias.
      std::vector<double> want(size_t(y.count())), sums(16), squares(16);
      for (int64_t i = 0; i < y.count(); i++) {
        int64_t n = i / (16 * 30), f = i / 30 % 16, p = i / 5 % 6, q = i % 5, cg = 8 / groups;
        double v = 0;
        for (int64_t j = 0; j < cg; j++)
          for (int64_t r = 0; r < 3; r++)
            for (int64_t t = 0; t < 3; t++) {
              int64_t h = p + r - 1, e = q + t - 1, from = f / (16 / groups) * cg + j;
              if (h < 0 || h > 5 || e < 0 || e > 4) continue;
              v += relu(x.get(((n * 8 + from) * 6 + h) * 5 + e) * s.get(from) + b.get(from)) *
                   w.get(((f * cg + j) * 3 + r) * 3 + t);
            }
        sums[size_t(f)] += v, squares[size_t(f)] += v * v;
        want[size_t(i)] = dnn::rounded(float(v), type);
      }
      everyConfig(g, [&](const DescPtr &config, int, size_t) {
        EXPECT_STATUS(runWith(config, {&x, &s, &b, &w, &y, &sum, &square}), kSuccess);
        EXPECT(worst(y, want) == 0 && worst(sum, sums) == 0 && worst(square, squares) == 0,
               "type %d, groups %ld: off by %g, %g, %g", type, long(groups), worst(y, want),
               worst(sum, sums), worst(square, squares));
      });
    }
}

// A factor for each image, the residual and ReLU behind a convolution; a filter gradient into and
// onto float; ReLU's gradient behind a data gradient.
void epilogues() {
  std::vector<int64_t> xd{3, 8, 4, 4}, wd{8, 8, 1, 1}, n{3, 1, 1, 1};
  for (int type : {kHalf, kBfloat16}) {
    Array x(spec(1, xd, type)), w(spec(2, wd, type)), a(spec(3, n)), z(spec(4, xd, type)),
        y(spec(5, xd, type)), dw(spec(6, wd)), before(spec(7, wd)), dx(spec(8, xd, type));
    x.integers(2, 1), w.integers(2, 2), a.integers(3, 3), z.integers(4, 4), before.integers(9, 5);
    auto cv = convolution({});
    std::vector<double> want(size_t(y.count())), gradient(size_t(dx.count())),
        filter(size_t(dw.count()));
    for (int64_t i = 0; i < y.count(); i++) {
      int64_t image = i / 128, k = i / 16 % 8, place = i % 16;
      double v = 0, g = 0;
      for (int64_t c = 0; c < 8; c++) {
        v += x.get((image * 8 + c) * 16 + place) * w.get(k * 8 + c);
        g += z.get((image * 8 + c) * 16 + place) * w.get(c * 8 + k);
        filter[size_t(k * 8 + c)] += z.get(i) * x.get((image * 8 + c) * 16 + place);
      }
      want[size_t(i)] = dnn::rounded(float(relu(v * a.get(image) + z.get(i))), type);
      gradient[size_t(i)] = dnn::rounded(float(x.get(i) > 0 ? g : 0), type);
    }
    auto v1 = virt(10, xd), v2 = virt(11, xd), v3 = virt(12, xd), v4 = virt(13, wd),
         v5 = virt(14, xd);
    everyConfig(
        graph(handle, {conv(kOpConvForward, cv, x.tensor(), w.tensor(), v1),
                       pointwise(kMul, v1, a.tensor(), v2), pointwise(kAdd, v2, z.tensor(), v3),
                       pointwise(kReluFwd, v3, nullptr, y.tensor())}),
        [&](const DescPtr &c, int, size_t) {
          EXPECT_STATUS(runWith(c, {&x, &w, &a, &z, &y}), kSuccess);
          EXPECT(worst(y, want) == 0, "epilogue, type %d: off by %g", type, worst(y, want));
        });
    everyConfig(graph(handle, {conv(kOpConvFilter, cv, x.tensor(), v4, z.tensor()),
                               pointwise(kIdentity, v4, nullptr, dw.tensor())}),
                [&](const DescPtr &c, int, size_t) {
                  EXPECT_STATUS(runWith(c, {&x, &z, &dw}), kSuccess);
                  EXPECT(worst(dw, filter) == 0, "into float, type %d: off by %g", type,
                         worst(dw, filter));
                });
    for (size_t i = 0; i < filter.size(); i++) filter[i] += before.get(int64_t(i));
    everyConfig(graph(handle, {conv(kOpConvFilter, cv, x.tensor(), v4, z.tensor()),
                               pointwise(kAdd, v4, before.tensor(), dw.tensor())}),
                [&](const DescPtr &c, int, size_t) {
                  EXPECT_STATUS(runWith(c, {&x, &z, &before, &dw}), kSuccess);
                  EXPECT(worst(dw, filter) == 0, "onto float, type %d: off by %g", type,
                         worst(dw, filter));
                });
    everyConfig(graph(handle, {conv(kOpConvData, cv, v5, w.tensor(), z.tensor()),
                               pointwise(kReluBwd, v5, x.tensor(), dx.tensor())}),
                [&](const DescPtr &c, int, size_t) {
                  EXPECT_STATUS(runWith(c, {&x, &w, &z, &dx}), kSuccess);
                  EXPECT(worst(dx, gradient) == 0, "data gradient, type %d: off by %g", type,
                         worst(dx, gradient));
                });
  }
}

}  // namespace

int main(int argc, char **argv) {
  api.open(argc > 1 ? argv[1] : "libcudnn.so.9");
  EXPECT_STATUS(api.create(&handle), kSuccess);
  unary();
  binary();
  virtualTypes();
  masks();
  reductions();
  fusedForward();
  epilogues();
  EXPECT_STATUS(api.destroy(handle), kSuccess);
  return failures != 0;
}
