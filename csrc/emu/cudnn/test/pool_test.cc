// Pooling and the legacy softmax against their formulas in double.
#include "fixture.h"

namespace {

constexpr int64_t N = 3, K = 8, H = 4, W = 5;
const std::vector<int64_t> full{N, K, H, W};

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
        expectNear("pooled", y, want, 1e-6);
        if (indexed) expectNear("index", index, places, 0);
      });
      everyConfig(graph(handle, {b}), [&](const DescPtr &c, int, size_t) {
        std::vector<Array *> arrays = {&dy, &dx};
        if (indexed) arrays.push_back(&index);
        if (mode == kMaxPool && layout) arrays.push_back(&x), arrays.push_back(&y);
        EXPECT_STATUS(runWith(c, arrays), kSuccess);
        expectNear("unpooled", dx, gradient, 1e-6);
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
      expectNear("softmax", y, want, 1e-6);
      EXPECT_STATUS(
          b(handle, logarithm ? 2 : 1, mode, &one_, t, y.data(), t, dy.data(), &zero, t, dx.data()),
          kSuccess);
      expectNear("softmax's gradient", dx, gradient, 1e-5);
    }
  EXPECT_STATUS(f(handle, 9, 0, &one_, t, x.data(), &zero, t, y.data()), kBadParam);
  EXPECT_STATUS(f(handle, 1, 0, &one_, t, nullptr, &zero, t, y.data()), kBadParam);
  EXPECT_STATUS(drop(t), kSuccess);
}

}  // namespace

int main(int argc, char **argv) {
  api.open(argc > 1 ? argv[1] : "libcudnn.so.9");
  EXPECT_STATUS(api.create(&handle), kSuccess);
  pools();
  softmax();
  EXPECT_STATUS(api.destroy(handle), kSuccess);
  return failures != 0;
}
