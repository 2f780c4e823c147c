// Fused graphs and reductions against loops in double, of every type and by every engine.
#include "graphs.h"

namespace {

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
  reductions();
  fusedForward();
  epilogues();
  EXPECT_STATUS(api.destroy(handle), kSuccess);
  return failures != 0;
}
