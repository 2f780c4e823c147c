// Convolutions against loops in double: all directions, odd shapes, groups, strides, uneven
// padding, dilation, blending, channel slices, every type and every engine. Results of small
// integers are compared exactly.
#include "fixture.h"

namespace {

struct Case {
  const char *name;
  int64_t n, c, h, w, k, r, s, groups;
  ConvSpec conv;
};
const Case cases[] = {
    {"3x3", 2, 8, 7, 5, 16, 3, 3, 1, {{1, 1}, {1, 1}}},
    {"1x1", 3, 16, 4, 4, 8, 1, 1, 1, {}},
    {"image of three channels", 2, 3, 9, 9, 5, 3, 3, 1, {{1, 1}, {1, 1}}},
    {"stride", 2, 8, 9, 8, 8, 3, 3, 1, {{1, 1}, {1, 1}, {2, 2}}},
    {"groups", 2, 32, 6, 6, 16, 3, 3, 4, {{1, 1}, {1, 1}}},
    {"depthwise", 1, 9, 5, 5, 9, 3, 3, 9, {{1, 1}, {1, 1}}},
    {"uneven padding", 2, 4, 6, 5, 4, 2, 3, 1, {{0, 2}, {1, 0}, {1, 2}}},
    {"dilation", 1, 8, 10, 9, 8, 3, 3, 1, {{2, 1}, {2, 3}, {1, 1}, {2, 3}}},
    {"one row", 1, 8, 1, 12, 8, 1, 5, 1, {{0, 2}, {0, 2}}},
    {"stride without window", 2, 8, 8, 8, 16, 1, 1, 1, {{0, 0}, {0, 0}, {2, 2}}},
    {"mirrored",
     1,
     4,
     6,
     6,
     4,
     3,
     2,
     1,
     {{1, 0}, {1, 1}, {1, 1}, {1, 1}, kFloat, kConvolutionMode}},
    {"deep", 1, 136, 4, 4, 40, 3, 3, 1, {{1, 1}, {1, 1}}},
};

std::vector<int64_t> outputOf(const Case &c) {
  auto size = [](int64_t x, int64_t pad, int64_t window, int64_t stride, int64_t dilation) {
    return (x + pad - dilation * (window - 1) - 1) / stride + 1;
  };
  auto &v = c.conv;
  return {c.n, c.k, size(c.h, v.pre[0] + v.post[0], c.r, v.stride[0], v.dilation[0]),
          size(c.w, v.pre[1] + v.post[1], c.s, v.stride[1], v.dilation[1])};
}

// taps calls f(place in x, place in w, place in y) for every product of the convolution.
template <class F> void taps(const Case &c, const std::vector<int64_t> &y, F f) {
  int64_t cg = c.c / c.groups, kg = c.k / c.groups;
  for (int64_t n = 0; n < c.n; n++)
    for (int64_t k = 0; k < c.k; k++)
      for (int64_t p = 0; p < y[2]; p++)
        for (int64_t q = 0; q < y[3]; q++)
          for (int64_t i = 0; i < cg; i++)
            for (int64_t r = 0; r < c.r; r++)
              for (int64_t s = 0; s < c.s; s++) {
                bool mirrored = c.conv.mode == kConvolutionMode;
                int64_t h = p * c.conv.stride[0] - c.conv.pre[0] +
                            (mirrored ? c.r - 1 - r : r) * c.conv.dilation[0];
                int64_t w = q * c.conv.stride[1] - c.conv.pre[1] +
                            (mirrored ? c.s - 1 - s : s) * c.conv.dilation[1];
                if (h < 0 || h >= c.h || w < 0 || w >= c.w) continue;
                f(((n * c.c + k / kg * cg + i) * c.h + h) * c.w + w,
                  ((k * cg + i) * c.r + r) * c.s + s, ((n * c.k + k) * y[2] + p) * y[3] + q);
              }
}

// reference computes the output tensor of kind from the other two.
std::vector<double> reference(const Case &c, int kind, const std::vector<double> &x,
                              const std::vector<double> &w, const std::vector<double> &y) {
  std::vector<double> out((kind == kOpConvForward ? y : kind == kOpConvData ? x : w).size());
  taps(c, outputOf(c), [&](int64_t i, int64_t j, int64_t k) {
    if (kind == kOpConvForward) out[size_t(k)] += x[size_t(i)] * w[size_t(j)];
    if (kind == kOpConvData) out[size_t(i)] += y[size_t(k)] * w[size_t(j)];
    if (kind == kOpConvFilter) out[size_t(j)] += x[size_t(i)] * y[size_t(k)];
  });
  return out;
}

std::vector<int64_t> strides(const std::vector<int64_t> &d, int layout) {
  if (layout == 0) return nhwc(d);
  if (layout == 1) return nchw(d);
  // The first half of the channels of a buffer twice as wide.
  return {d[1] * 2 * d[2] * d[3], 1, d[1] * 2 * d[3], d[1] * 2};
}

double wantRounded(double v, int type) { return dnn::rounded(float(v), type); }

void exact() {
  for (auto &c : cases)
    for (int kind : {kOpConvForward, kOpConvData, kOpConvFilter})
      for (int type : {kFloat, kHalf, kBfloat16})
        for (int layout : {0, 1, 2})
          for (double beta : {0.0, 1.0}) {
            if ((layout != 0 || beta != 0) && type == kHalf) continue;
            std::vector<int64_t> xd{c.n, c.c, c.h, c.w}, wd{c.k, c.c / c.groups, c.r, c.s},
                yd = outputOf(c);
            Array x({1, xd, strides(xd, layout), type}),
                w({2, wd, layout == 1 ? nchw(wd) : nhwc(wd), type}),
                y({3, yd, strides(yd, layout), type});
            x.integers(2, 1), w.integers(2, 2), y.integers(2, 3);
            Array &out = kind == kOpConvForward ? y : kind == kOpConvData ? x : w;
            auto before = out.values();
            auto sum = reference(c, kind, x.values(), w.values(), y.values());
            std::vector<double> want;
            for (size_t i = 0; i < sum.size(); i++)
              want.push_back(wantRounded(2 * sum[i] + beta * before[i], type));
            auto g = graph(handle, {conv(kind, convolution(c.conv), x.tensor(), w.tensor(),
                                         y.tensor(), 2, beta)});
            everyConfig(g, [&](const DescPtr &config, int mode, size_t i) {
              for (size_t j = 0; j < before.size(); j++) out.set(int64_t(j), before[j]);
              EXPECT_STATUS(runWith(config, {&x, &w, &y}), kSuccess);
              EXPECT(worst(out, want) == 0,
                     "%s, operation %d, type %d, layout %d, beta %g, mode %d, configuration %zu: "
                     "off by %g",
                     c.name, kind, type, layout, beta, mode, i, worst(out, want));
            });
          }
}

// Real numbers: float without tensor cores to 1e-6 of the largest, with them the products of TF32,
// 16 bits to their half step.
void real() {
  for (auto &c : cases)
    for (int kind : {kOpConvForward, kOpConvData, kOpConvFilter})
      for (int type : {kFloat, kHalf, kBfloat16}) {
        std::vector<int64_t> xd{c.n, c.c, c.h, c.w}, wd{c.k, c.c / c.groups, c.r, c.s},
            yd = outputOf(c);
        Array x({1, xd, nhwc(xd), type}), w({2, wd, nhwc(wd), type}), y({3, yd, nhwc(yd), type});
        x.normal(1), w.normal(2, 0.3), y.normal(3);
        Array &out = kind == kOpConvForward ? y : kind == kOpConvData ? x : w;
        auto xv = x.values(), wv = w.values(), yv = y.values();
        auto want = reference(c, kind, xv, wv, yv);
        for (auto v : {&xv, &wv, &yv})
          for (auto &f : *v) f = dnn::toTf32(float(f));
        auto want32 = reference(c, kind, xv, wv, yv);
        auto g =
            graph(handle, {conv(kind, convolution(c.conv), x.tensor(), w.tensor(), y.tensor())});
        everyConfig(g, [&](const DescPtr &config, int, size_t) {
          EXPECT_STATUS(runWith(config, {&x, &w, &y}), kSuccess);
          bool tf32 = type == kFloat && noted(config, kNoteTensorCore);
          double off = worst(out, tf32 ? want32 : want), limit = type == kFloat  ? 1e-6
                                                                 : type == kHalf ? 6e-4
                                                                                 : 4.5e-3;
          EXPECT(off <= limit, "%s, operation %d, type %d: off by %g, want at most %g", c.name,
                 kind, type, off, limit);
          if (tf32 && c.c > 3)
            EXPECT(worst(out, want) > 1e-6, "%s: tensor cores, but no rounding to TF32", c.name);
        });
      }
}

}  // namespace

int main(int argc, char **argv) {
  api.open(argc > 1 ? argv[1] : "libcudnn.so.9");
  EXPECT_STATUS(api.create(&handle), kSuccess);
  exact();
  real();
  EXPECT_STATUS(api.destroy(handle), kSuccess);
  return failures != 0;
}
