// Pooling over two spatial dimensions, forward and backward. The index of a maximum counts the
// window's elements row by row, the first of equals. Without an index, backward finds the maximum
// again in x.
#include <cmath>

#include "run.h"

namespace dnn {
using namespace abi;

namespace {

struct Walk {
  int64_t h, w, c, p, q, r, s, padH, padW, strideH, strideW, n;
  Walk(const Resample &pool, const std::vector<int64_t> &x, const std::vector<int64_t> &y)
      : h(x[2]),
        w(x[3]),
        c(x[1]),
        p(y[2]),
        q(y[3]),
        r(pool.w.size[0]),
        s(pool.w.size[1]),
        padH(pool.w.pre[0]),
        padW(pool.w.pre[1]),
        strideH(pool.w.stride[0]),
        strideW(pool.w.stride[1]),
        n(x[0]) {}
  // windows calls f(place in y, place of the image and channel in x, first row, first column).
  template <class F> void windows(F f) const {
    for (int64_t i = 0; i < n; i++)
      for (int64_t y = 0; y < p; y++)
        for (int64_t x = 0; x < q; x++)
          for (int64_t k = 0; k < c; k++)
            f(size_t(((i * p + y) * q + x) * c + k), i * h * w * c + k, y * strideH - padH,
              x * strideW - padW);
  }
  // taps calls f(index in the window, place in x) for the elements inside of the image, and returns
  // their number.
  template <class F> int64_t taps(int64_t base, int64_t row, int64_t column, F f) const {
    int64_t inside = 0;
    for (int64_t i = 0; i < r; i++)
      for (int64_t j = 0; j < s; j++) {
        if (row + i < 0 || row + i >= h || column + j < 0 || column + j >= w) continue;
        f(i * s + j, size_t(base + ((row + i) * w + column + j) * c));
        inside++;
      }
    return inside;
  }
};

void forward(const Operation &o, State &s) {
  const Buffer x = s.in(o, kResampleFwdX);
  Buffer &y = s.out(o, kResampleFwdY);
  Buffer *index = s.has(o, kResampleFwdIndex) ? &s.out(o, kResampleFwdIndex) : nullptr;
  Walk walk(o.pool, x.dims, y.dims);
  walk.windows([&](size_t at, int64_t base, int64_t row, int64_t column) {
    double sum = 0;
    float top = -INFINITY;
    int64_t place = 0;
    int64_t inside = walk.taps(base, row, column, [&](int64_t i, size_t from) {
      sum += x.v[from];
      if (x.v[from] > top || x.v[from] != x.v[from]) top = x.v[from], place = i;
    });
    if (o.pool.mode == kMaxPool) {
      // Zeros around the image take part unless the padding is minus infinity.
      if (o.pool.padding == kZeroPad && inside < walk.r * walk.s && top < 0) top = 0;
      y.v[at] = float(o.alpha) * top;
      if (index) index->v[at] = float(place);
    } else {
      y.v[at] =
          float(o.alpha * sum / double(o.pool.mode == kAvgPoolExclude ? inside : walk.r * walk.s));
    }
  });
}

void backward(const Operation &o, State &s) {
  const Buffer dy = s.in(o, kResampleBwdDy);
  Buffer &dx = s.out(o, kResampleBwdDx);
  const Buffer *index = s.has(o, kResampleBwdIndex) ? &s.in(o, kResampleBwdIndex) : nullptr;
  const Buffer *x = s.has(o, kResampleBwdX) ? &s.in(o, kResampleBwdX) : nullptr;
  Walk walk(o.pool, dx.dims, dy.dims);
  std::vector<double> sum(dx.v.size());
  walk.windows([&](size_t at, int64_t base, int64_t row, int64_t column) {
    if (o.pool.mode == kMaxPool) {
      float top = -INFINITY;
      int64_t place = index ? int64_t(index->v[at]) : 0;
      if (!index)
        walk.taps(base, row, column, [&](int64_t i, size_t from) {
          if (x->v[from] > top) top = x->v[from], place = i;
        });
      walk.taps(base, row, column, [&](int64_t i, size_t to) {
        if (i == place) sum[to] += dy.v[at];
      });
      return;
    }
    int64_t n = walk.r * walk.s;
    if (o.pool.mode == kAvgPoolExclude) n = walk.taps(base, row, column, [](int64_t, size_t) {});
    walk.taps(base, row, column,
              [&](int64_t, size_t to) { sum[to] += double(dy.v[at]) / double(n); });
  });
  for (size_t i = 0; i < sum.size(); i++) dx.v[i] = float(o.alpha * sum[i]);
}

}  // namespace

void runPool(const Operation &o, State &s) {
  o.kind == kOpResampleForward ? forward(o, s) : backward(o, s);
}

}  // namespace dnn
