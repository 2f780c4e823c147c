// Reductions and per-channel statistics. Sums are in double and rounded once, as close as a fixed
// order comes to any card's. A nondeterministic engine adds in float, and in the reverse order
// every other time.
#include <cmath>

#include "run.h"

namespace dnn {
using namespace abi;

namespace {

// places maps every element of x, in the buffer's order, to its place in y.
template <class F> void places(const Buffer &x, const Buffer &y, bool reversed, F f) {
  auto dense = denseStrides(x.dims), steps = denseStrides(y.dims);
  for (size_t d = 0; d < x.dims.size(); d++)
    if (y.dims[d] == 1) steps[d] = 0;
  for (size_t n = 0; n < x.v.size(); n++) {
    size_t i = reversed ? x.v.size() - 1 - n : n;
    int64_t place = 0;
    for (size_t d = 0; d < x.dims.size(); d++)
      place += int64_t(i) / dense[d] % x.dims[d] * steps[d];
    f(i, size_t(place));
  }
}

double start(int op) {
  switch (op) {
  case kReduceMul:
  case kReduceMulNoZeros: return 1;
  case kReduceMin: return HUGE_VAL;
  case kReduceMax: return -HUGE_VAL;
  default: return 0;
  }
}

double step(int op, double sum, double x) {
  switch (op) {
  case kReduceAdd:
  case kReduceAvg: return sum + x;
  case kReduceMul: return sum * x;
  case kReduceMulNoZeros: return x == 0 ? sum : sum * x;
  case kReduceMin: return x != x ? x : std::fmin(sum, x);
  case kReduceMax: return x != x ? x : std::fmax(sum, x);
  case kReduceAmax: return std::fmax(sum, std::fabs(x));
  case kReduceNorm1: return sum + std::fabs(x);
  default: return sum + x * x;
  }
}

}  // namespace

void runReduction(const Operation &o, State &s) {
  auto &x = s.in(o, kOpReductionX);
  Buffer &y = s.out(o, kOpReductionY);
  std::vector<double> sum(y.v.size(), start(o.red.op));
  places(x, y, s.reversed, [&](size_t i, size_t at) {
    sum[at] = step(o.red.op, sum[at], x.v[i]);
    if (s.reversed) sum[at] = float(sum[at]);
  });
  double n = double(x.v.size()) / double(y.v.size());
  for (size_t i = 0; i < sum.size(); i++) {
    if (o.red.op == kReduceAvg) sum[i] /= n;
    if (o.red.op == kReduceNorm2) sum[i] = std::sqrt(sum[i]);
    y.v[i] = float(sum[i]);
  }
}

void runStatistics(const Operation &o, State &s) {
  auto &x = s.in(o, kGenStatsX);
  Buffer &sums = s.out(o, kGenStatsSum), &squares = s.out(o, kGenStatsSqSum);
  size_t channels = size_t(x.dims[1]);
  std::vector<double> a(channels), b(channels);
  for (size_t i = 0; i < x.v.size(); i++) {
    a[i % channels] += x.v[i];
    b[i % channels] += double(x.v[i]) * x.v[i];
  }
  for (size_t c = 0; c < channels; c++) sums.v[c] = float(a[c]), squares.v[c] = float(b[c]);
}

}  // namespace dnn
