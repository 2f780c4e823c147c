// The common parts of the stand-in's tests: a device of host memory with hooks like the emulated
// driver's, tensors filled with small numbers, and the running of plans.
#pragma once
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <random>

#include "../numbers.h"
#include "backend.h"

// A failed expectation is printed and counted; the test goes on.
inline int failures = 0;
#define EXPECT(ok, ...)                               \
  do {                                                \
    if (!(ok)) {                                      \
      failures++;                                     \
      fprintf(stderr, "%s:%d: ", __FILE__, __LINE__); \
      fprintf(stderr, __VA_ARGS__);                   \
      fprintf(stderr, "\n");                          \
    }                                                 \
  } while (0)
#define EXPECT_STATUS(have, want)                                                           \
  do {                                                                                      \
    int have_ = (have);                                                                     \
    EXPECT(have_ == (want), "%s: want status %d, have %d %s (%s)", #have, int(want), have_, \
           api.errorString(have_), api.last().c_str());                                     \
  } while (0)

// Array is a tensor's description and its memory, as large as its strides reach.
struct Array {
  TensorSpec spec;
  std::vector<unsigned char> memory;
  size_t skip = 0;  // bytes before the first element

  explicit Array(TensorSpec s) : spec(std::move(s)) {
    int64_t last = 0;
    for (size_t i = 0; i < spec.dims.size(); i++) last += (spec.dims[i] - 1) * spec.strides[i];
    memory.assign(size_t(last + 1) * size_t(dnn::size(spec.type)) + 16 + 15, 0x5a);
    skip = (16 - reinterpret_cast<uintptr_t>(memory.data()) % 16) % 16;
  }
  Array(const Array &) = delete;
  void *data() { return memory.data() + skip; }
  int64_t count() const {
    int64_t n = 1;
    for (auto d : spec.dims) n *= d;
    return n;
  }
  // place is the position of the i-th element, counted in the order of the dimensions.
  int64_t place(int64_t i) const {
    int64_t at = 0;
    for (size_t d = spec.dims.size(); d-- > 0;)
      at += i % spec.dims[d] * spec.strides[d], i /= spec.dims[d];
    return at;
  }
  double get(int64_t i) const {
    const unsigned char *p = memory.data() + skip;
    auto at = place(i);
    float f;
    uint16_t h;
    int32_t n;
    switch (spec.type) {
    case kFloat: return memcpy(&f, p + 4 * at, 4), f;
    case kHalf: return memcpy(&h, p + 2 * at, 2), dnn::fromF16(h);
    case kBfloat16: return memcpy(&h, p + 2 * at, 2), dnn::fromBf16(h);
    case kInt32: return memcpy(&n, p + 4 * at, 4), n;
    default: return p[at] == 0xff ? -1 : (spec.type == kInt8 ? int8_t(p[at]) : p[at]);
    }
  }
  void set(int64_t i, double v) {
    unsigned char *p = memory.data() + skip;
    auto at = place(i);
    float f = float(v);
    uint16_t h = spec.type == kHalf ? dnn::toF16(f) : dnn::toBf16(f);
    if (spec.type == kFloat)
      memcpy(p + 4 * at, &f, 4);
    else
      memcpy(p + 2 * at, &h, 2);
  }
  std::vector<double> values() const {
    std::vector<double> v;
    for (int64_t i = 0; i < count(); i++) v.push_back(get(i));
    return v;
  }
  // integers fills with whole numbers of [-n, n], which every type holds and every order of
  // summation adds exactly.
  Array &integers(int n, unsigned seed) {
    std::mt19937 r(seed);
    for (int64_t i = 0; i < count(); i++) set(i, int(r() % unsigned(2 * n + 1)) - n);
    return *this;
  }
  Array &normal(unsigned seed, double scale = 1, double mean = 0) {
    std::mt19937 r(seed);
    std::normal_distribution<double> d(mean, scale);
    for (int64_t i = 0; i < count(); i++) set(i, d(r));
    return *this;
  }
  DescPtr tensor() const { return ::tensor(spec); }
};

inline void *handle = nullptr;

// workspaceOf is memory for a plan, of the size that the plan needs.
struct Workspace {
  std::vector<unsigned char> memory;
  void *at = nullptr;
  explicit Workspace(const DescPtr &p) {
    int64_t n = number(p, kPlanWorkspace);
    memory.assign(size_t(n > 0 ? n : 0) + 31, 0);
    if (n > 0)
      at = reinterpret_cast<void *>((reinterpret_cast<uintptr_t>(memory.data()) + 15) / 16 * 16);
  }
};

// runWith executes one configuration of g on the arrays.
inline int runWith(const DescPtr &config, const std::vector<Array *> &arrays,
                   const std::map<int64_t, void *> &scalars = {}) {
  auto p = plan(handle, config);
  if (p->status()) return p->status();
  std::vector<int64_t> uids;
  std::vector<void *> pointers;
  for (auto a : arrays) uids.push_back(a->spec.uid), pointers.push_back(a->data());
  for (auto &s : scalars) uids.push_back(s.first), pointers.push_back(s.second);
  Workspace w(p);
  auto k = pack(uids, pointers, w.at);
  return k->status() ? k->status() : api.execute(handle, p->get(), k->get());
}

// everyConfig calls f for each configuration of every mode of the heuristics; it expects at least
// one.
inline void everyConfig(const DescPtr &g,
                        const std::function<void(const DescPtr &, int mode, size_t i)> &f) {
  EXPECT(!g->status(), "graph: %s", api.last().c_str());
  size_t n = 0;
  for (int mode : {kHeurA, kHeurB, kHeurFallback}) {
    auto list = heuristics(g, mode);
    n += list.size();
    for (size_t i = 0; i < list.size(); i++) f(list[i], mode, i);
  }
  EXPECT(n > 0, "no configuration: %s", api.last().c_str());
}

inline bool noted(const DescPtr &config, int note) {
  for (int n : notes(config))
    if (n == note) return true;
  return false;
}

// worst is the largest difference between an array and the wanted values, relative to the largest
// wanted value. Rounded wanted values must match to half a step.
inline double worst(const Array &a, const std::vector<double> &want) {
  double top = 1e-30, difference = 0;
  for (auto w : want) top = std::fmax(top, std::fabs(w));
  for (int64_t i = 0; i < a.count(); i++)
    difference = std::fmax(difference, std::fabs(a.get(i) - want[size_t(i)]));
  for (int64_t i = 0; i < a.count(); i++)
    if (a.get(i) != a.get(i)) return HUGE_VAL;
  return difference / top;
}

inline void expectNear(const char *what, const Array &a, const std::vector<double> &want,
                       double limit) {
  EXPECT(worst(a, want) <= limit, "%s: off by %g", what, worst(a, want));
}
