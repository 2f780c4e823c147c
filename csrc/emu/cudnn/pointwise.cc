// Element-wise operations, computed in float: y = f(alpha1*x, alpha2*b), operands of size 1
// broadcast. As by the library's default, ReLU turns a NaN into its lower bound; it passes the NaN
// on if the descriptor asks for that.
#include <cmath>

#include "run.h"

namespace dnn {
using namespace abi;

namespace {

// each calls f(x, b, t) for every element of the output, in the buffer's order.
template <class F> void each(Buffer &out, const Buffer &x, const Buffer *b, const Buffer *t, F f) {
  size_t rank = out.dims.size();
  const Buffer *operands[3] = {&x, b ? b : &x, t ? t : &x};
  std::vector<int64_t> steps[3];
  for (int i = 0; i < 3; i++) {
    steps[i] = denseStrides(operands[i]->dims);
    for (size_t d = 0; d < rank; d++)
      if (operands[i]->dims[d] == 1) steps[i][d] = 0;
  }
  std::vector<size_t> order;
  for (size_t d = 0; d < rank; d++)
    if (d != 1) order.push_back(d);
  if (rank > 1) order.push_back(1);
  size_t inner = order.back();
  int64_t n = out.dims[inner], at[3] = {0, 0, 0};
  std::vector<int64_t> index(rank, 0);
  for (size_t i = 0; i < out.v.size();) {
    const float *p[3];
    for (int j = 0; j < 3; j++) p[j] = operands[j]->v.data() + at[j];
    int64_t sx = steps[0][inner], sb = steps[1][inner], st = steps[2][inner];
    for (int64_t c = 0; c < n; c++, i++) out.v[i] = f(p[0][c * sx], p[1][c * sb], p[2][c * st]);
    for (size_t d = rank - 1; d-- > 0;) {
      size_t dim = order[d];
      for (int j = 0; j < 3; j++) at[j] += steps[j][dim];
      if (++index[dim] < out.dims[dim]) break;
      for (int j = 0; j < 3; j++) at[j] -= out.dims[dim] * steps[j][dim];
      index[dim] = 0;
    }
    if (rank == 1) break;
  }
}

float gelu(float x) { return 0.5f * x * (1 + erff(x * 0.70710678f)); }
float sigmoid(float x) { return 1 / (1 + expf(-x)); }
float geluTanh(float x) {
  return 0.5f * x * (1 + tanhf(0.79788456f * (x + 0.044715f * x * x * x)));
}

float relu(const Pointwise &p, float x) {
  if (x != x) return p.propagateNan ? x : float(p.lower);
  float lower = float(p.lower), upper = float(p.upper);
  if (x < lower) x = p.slope == 0 ? lower : lower + float(p.slope) * (x - lower);
  return x > upper ? upper : x;
}

float forward(const Pointwise &p, float x, float b, float t) {
  switch (p.mode) {
  case kAdd: return x + b;
  case kAddSquare: return x + b * b;
  case kSub: return x - b;
  case kMul: return x * b;
  case kDiv: return x / b;
  case kMod: return fmodf(x, b);
  case kPow: return powf(x, b);
  case kAtan2: return atan2f(x, b);
  case kMin: return fminf(x, b);
  case kMax: return fmaxf(x, b);
  case kSqrt: return sqrtf(x);
  case kAbs: return fabsf(x);
  case kCeil: return ceilf(x);
  case kFloor: return floorf(x);
  case kCos: return cosf(x);
  case kSin: return sinf(x);
  case kTan: return tanf(x);
  case kExp: return expf(x);
  case kLog: return logf(x);
  case kNeg: return -x;
  case kRsqrt: return 1 / sqrtf(x);
  case kErf: return erff(x);
  case kReciprocal: return 1 / x;
  case kIdentity: return x;
  case kReluFwd: return relu(p, x);
  case kTanhFwd: return tanhf(x);
  case kSigmoidFwd: return sigmoid(x);
  case kEluFwd: return x > 0 ? x : float(p.elu) * expm1f(x);
  case kGeluFwd: return gelu(x);
  case kGeluTanhFwd: return geluTanh(x);
  case kSoftplusFwd: return log1pf(expf(float(p.softplus) * x)) / float(p.softplus);
  case kSwishFwd: return x * sigmoid(float(p.swish) * x);
  case kCmpEq: return x == b;
  case kCmpNeq: return x != b;
  case kCmpGt: return x > b;
  case kCmpGe: return x >= b;
  case kCmpLt: return x < b;
  case kCmpLe: return x <= b;
  case kLogicalAnd: return x != 0 && b != 0;
  case kLogicalOr: return x != 0 || b != 0;
  case kLogicalNot: return x == 0;
  case kBinarySelect: return t != 0 ? x : b;
  default: die("pointwise mode %d", p.mode);
  }
}

// backward is dx from dy and the forward's input x.
float backward(const Pointwise &p, float dy, float x) {
  float s, e = 0.79788456f;
  switch (p.mode) {
  case kReluBwd:
    return x > float(p.lower) && x <= float(p.upper) ? dy
           : x > float(p.upper)                      ? 0
           : p.slope == 0                            ? 0
                                                     : float(p.slope) * dy;
  case kTanhBwd: s = tanhf(x); return dy * (1 - s * s);
  case kSigmoidBwd: s = sigmoid(x); return dy * s * (1 - s);
  case kEluBwd: return x > 0 ? dy : dy * float(p.elu) * expf(x);
  case kGeluBwd:
    return dy * (0.5f * (1 + erff(x * 0.70710678f)) + x * 0.39894228f * expf(-0.5f * x * x));
  case kSoftplusBwd: return dy * sigmoid(float(p.softplus) * x);
  case kSwishBwd:
    s = sigmoid(float(p.swish) * x);
    return dy * (s + float(p.swish) * x * s * (1 - s));
  case kGeluTanhBwd:
    s = tanhf(e * (x + 0.044715f * x * x * x));
    return dy * (0.5f * (1 + s) + 0.5f * x * (1 - s * s) * e * (1 + 3 * 0.044715f * x * x));
  default: die("pointwise mode %d", p.mode);
  }
}

}  // namespace

void runPointwise(const Operation &o, State &s) {
  auto &p = o.pw;
  float a1 = float(o.alpha), a2 = float(o.beta);
  if (o.t(kOpPwDx)) {
    each(s.out(o, kOpPwDx), s.in(o, kOpPwDy), &s.in(o, kOpPwX), nullptr,
         [&](float dy, float x, float) { return backward(p, a1 * dy, a2 * x); });
    return;
  }
  const Buffer *b = s.has(o, kOpPwB) ? &s.in(o, kOpPwB) : nullptr,
               *t = s.has(o, kOpPwT) ? &s.in(o, kOpPwT) : nullptr;
  Buffer &y = s.out(o, kOpPwY);
  const Buffer &x = s.in(o, kOpPwX);
  if (p.mode == kGenIndex) {
    int64_t axis = p.axis, step = denseStrides(y.dims)[size_t(axis)];
    for (size_t i = 0; i < y.v.size(); i++)
      y.v[i] = float(int64_t(i) / step % y.dims[size_t(axis)]);
    return;
  }
  // The common operations have loops of their own.
  switch (p.mode) {
  case kAdd: return each(y, x, b, t, [=](float u, float v, float) { return a1 * u + a2 * v; });
  case kMul: return each(y, x, b, t, [=](float u, float v, float) { return (a1 * u) * (a2 * v); });
  case kIdentity: return each(y, x, b, t, [=](float u, float, float) { return a1 * u; });
  default:
    return each(y, x, b, t,
                [&](float u, float v, float w) { return forward(p, a1 * u, a2 * v, w); });
  }
}

}  // namespace dnn
