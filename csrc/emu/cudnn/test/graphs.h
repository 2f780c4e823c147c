// The common parts of the tests of graphs: tensors of a few shapes, stored and virtual.
#pragma once
#include "fixture.h"

constexpr int64_t N = 3, K = 8, H = 5, W = 4;
inline const std::vector<int64_t> full{N, K, H, W}, channel{1, K, 1, 1}, image{N, 1, 1, 1},
    one{1, 1, 1, 1};

inline TensorSpec spec(int64_t uid, const std::vector<int64_t> &d, int type = kFloat,
                       bool isVirtual = false) {
  return {uid, d, nhwc(d), type, isVirtual};
}
inline DescPtr virt(int64_t uid, const std::vector<int64_t> &d, int type = kFloat) {
  return tensor(spec(uid, d, type, true));
}
inline DescPtr scalar(int64_t uid) { return tensor({uid, one, one, kFloat, false, true}); }
inline int64_t channelOf(int64_t i, const std::vector<int64_t> &d) {
  return i / (d[2] * d[3]) % d[1];
}
// The step of a type, relative to the largest value.
inline double step(int type) { return type == kFloat ? 2e-6 : type == kHalf ? 6e-4 : 4.5e-3; }

inline double relu(double x) { return x > 0 ? x : 0; }
