// Convolutions of two spatial dimensions as matrix products over gathered windows, an image and a
// group at a time.
//
//   forward   y[p, k]  = sum over taps and channels of col[p, rsc] * w[k, rsc]
//   data      col[p, rsc] = sum over k of dy[p, k] * w[k, rsc], scattered back into dx
//   filter    dw[k, rsc] = sum over images and pixels of dy[p, k] * col[p, rsc]
//
// Sums are in float. Those of a filter gradient are in float within an image and in double over the
// images, which is as close as a card comes.
#include <algorithm>

#include "run.h"

namespace dnn {
using namespace abi;

namespace {

struct Shape {
  int64_t n, h, w, c, k, r, s, p, q, groups, cg, kg, taps;
  int64_t padH, padW, strideH, strideW, dilationH, dilationW;
  bool flip;

  explicit Shape(const Operation &o) {
    auto &x = o.x().dims, &f = o.w().dims, &y = o.y().dims;
    n = x[0], c = x[1], h = x[2], w = x[3], k = f[0], cg = f[1], r = f[2], s = f[3], p = y[2],
    q = y[3];
    groups = c / cg, kg = k / groups, taps = r * s * cg;
    auto &g = o.conv.w;
    padH = g.pre[0], padW = g.pre[1], strideH = g.stride[0], strideW = g.stride[1],
    dilationH = g.dilation[0], dilationW = g.dilation[1];
    flip = o.conv.flip;
  }
  // tile is the number of output pixels that are gathered at a time: about a quarter of a megabyte.
  int64_t tile() const { return std::max<int64_t>(16, std::min<int64_t>(p * q, 65536 / taps)); }
  int64_t row(int64_t pixel, int64_t i) const {
    return pixel / q * strideH - padH + (flip ? r - 1 - i : i) * dilationH;
  }
  int64_t column(int64_t pixel, int64_t j) const {
    return pixel % q * strideW - padW + (flip ? s - 1 - j : j) * dilationW;
  }
};

// gather copies the windows of the output pixels [from, to) of one image and group into col.
void gather(const Shape &f, const float *image, int64_t from, int64_t to, float *col) {
  for (int64_t pixel = from; pixel < to; pixel++)
    for (int64_t i = 0; i < f.r; i++) {
      int64_t y = f.row(pixel, i);
      for (int64_t j = 0; j < f.s; j++, col += f.cg) {
        int64_t x = f.column(pixel, j);
        if (y >= 0 && y < f.h && x >= 0 && x < f.w)
          std::copy_n(image + (y * f.w + x) * f.c, f.cg, col);
        else
          std::fill_n(col, f.cg, 0.0f);
      }
    }
}

void scatter(const Shape &f, const float *col, int64_t from, int64_t to, float *image) {
  for (int64_t pixel = from; pixel < to; pixel++)
    for (int64_t i = 0; i < f.r; i++) {
      int64_t y = f.row(pixel, i);
      for (int64_t j = 0; j < f.s; j++, col += f.cg) {
        int64_t x = f.column(pixel, j);
        if (y < 0 || y >= f.h || x < 0 || x >= f.w) continue;
        float *to_ = image + (y * f.w + x) * f.c;
        for (int64_t c = 0; c < f.cg; c++) to_[c] += col[c];
      }
    }
}

void forward(const Shape &f, const float *x, const float *w, float *y) {
  std::vector<float> col(size_t(f.tile() * f.taps)), turned(size_t(f.taps * f.kg));
  for (int64_t g = 0; g < f.groups; g++) {
    const float *filter = w + g * f.kg * f.taps;
    for (int64_t k = 0; k < f.kg; k++)
      for (int64_t t = 0; t < f.taps; t++) turned[size_t(t * f.kg + k)] = filter[k * f.taps + t];
    for (int64_t n = 0; n < f.n; n++)
      for (int64_t at = 0; at < f.p * f.q; at += f.tile()) {
        int64_t to = std::min(f.p * f.q, at + f.tile());
        gather(f, x + n * f.h * f.w * f.c + g * f.cg, at, to, col.data());
        multiply(to - at, f.kg, f.taps, {col.data(), f.taps}, {turned.data(), f.kg},
                 {y + (n * f.p * f.q + at) * f.k + g * f.kg, f.k});
      }
  }
}

void data(const Shape &f, const float *dy, const float *w, float *dx, bool reversed) {
  std::vector<float> col(size_t(f.tile() * f.taps));
  int64_t pixels = f.p * f.q, tiles = (pixels + f.tile() - 1) / f.tile();
  for (int64_t g = 0; g < f.groups; g++)
    for (int64_t n = 0; n < f.n; n++)
      for (int64_t i = 0; i < tiles; i++) {
        int64_t at = (reversed ? tiles - 1 - i : i) * f.tile(),
                to = std::min(pixels, at + f.tile());
        std::fill_n(col.data(), (to - at) * f.taps, 0.0f);
        multiply(to - at, f.taps, f.kg, {dy + (n * pixels + at) * f.k + g * f.kg, f.k},
                 {w + g * f.kg * f.taps, f.taps}, {col.data(), f.taps});
        float *image = dx + n * f.h * f.w * f.c + g * f.cg;
        if (!reversed) {
          scatter(f, col.data(), at, to, image);
          continue;
        }
        for (int64_t pixel = to; pixel-- > at;)
          scatter(f, col.data() + (pixel - at) * f.taps, pixel, pixel + 1, image);
      }
}

void filter(const Shape &f, const float *x, const float *dy, float *dw, bool reversed) {
  std::vector<float> col(size_t(f.tile() * f.taps)), turned(size_t(f.kg * f.tile())),
      part(size_t(f.kg * f.taps));
  std::vector<double> sum(size_t(f.kg * f.taps));
  int64_t pixels = f.p * f.q;
  for (int64_t g = 0; g < f.groups; g++) {
    std::fill(sum.begin(), sum.end(), 0.0);
    for (int64_t i = 0; i < f.n; i++) {
      int64_t n = reversed ? f.n - 1 - i : i;
      std::fill(part.begin(), part.end(), 0.0f);
      for (int64_t at = 0; at < pixels; at += f.tile()) {
        int64_t to = std::min(pixels, at + f.tile()), rows = to - at;
        gather(f, x + n * f.h * f.w * f.c + g * f.cg, at, to, col.data());
        for (int64_t r = 0; r < rows; r++)
          for (int64_t k = 0; k < f.kg; k++)
            turned[size_t(k * rows + r)] = dy[(n * pixels + at + r) * f.k + g * f.kg + k];
        multiply(f.kg, f.taps, rows, {turned.data(), rows}, {col.data(), f.taps},
                 {part.data(), f.taps});
      }
      // A nondeterministic engine adds the images up in float.
      for (size_t j = 0; j < sum.size(); j++)
        sum[j] = reversed ? double(float(sum[j]) + part[j]) : sum[j] + part[j];
    }
    for (size_t j = 0; j < sum.size(); j++) dw[size_t(g * f.kg * f.taps) + j] = float(sum[j]);
  }
}

}  // namespace

void runConvolution(const Operation &o, State &s) {
  Shape f(o);
  Buffer a = s.in(o, o.reads[0]), b = s.in(o, o.reads[1]);
  if (s.tf32 && o.t(o.reads[0])->type == kFloat)
    for (auto buffer : {&a, &b})
      for (auto &v : buffer->v) v = toTf32(v);
  int attr = o.writes[0];
  std::vector<float> before;
  auto old = s.buffers.find(o.t(attr)->uid);
  if (o.beta != 0 && old != s.buffers.end()) before = old->second.v;
  auto &out = s.out(o, attr).v;
  if (o.kind == kOpConvForward) forward(f, a.v.data(), b.v.data(), out.data());
  if (o.kind == kOpConvData) data(f, b.v.data(), a.v.data(), out.data(), s.reversed);
  if (o.kind == kOpConvFilter) filter(f, a.v.data(), b.v.data(), out.data(), s.reversed);
  float alpha = float(o.alpha), beta = float(o.beta);
  if (alpha != 1 || !before.empty())
    for (size_t i = 0; i < out.size(); i++)
      out[i] = alpha * out[i] + (before.empty() ? 0 : beta * before[i]);
}

}  // namespace dnn
