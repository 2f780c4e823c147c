// The legacy tensor descriptor and softmax, which the graph API lacks: over the channels of each
// pixel, or over all of an image.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>
#include <unordered_set>

#include "handle.h"
#include "run.h"

namespace dnn {
namespace {
using namespace abi;

enum { kFast = 0, kAccurate = 1, kLogarithm = 2 };  // algorithms
enum { kInstance = 0, kChannel = 1 };               // modes

struct Legacy {
  bool set = false;
  Tensor t;
};

std::mutex legacyMutex;
std::unordered_set<const void *> &liveLegacy() {
  static auto *s = new std::unordered_set<const void *>;
  return *s;
}
Legacy &legacy(const void *d) {
  if (!d) refuse(kBadParam, "the tensor descriptor is null");
  std::lock_guard<std::mutex> lock(legacyMutex);
  if (!liveLegacy().count(d)) die("%p is no live tensor descriptor", d);
  return *static_cast<Legacy *>(const_cast<void *>(d));
}
const Tensor &described(const void *d) {
  auto &l = legacy(d);
  if (!l.set) refuse(kBadParam, "the tensor descriptor is not set");
  return l.t;
}

// Call is one softmax: x and dy are null in the direction that does not use them.
struct Call {
  int algorithm, mode;
  float alpha, beta;
  Tensor y, other, out;
  const void *py, *pother;
  void *pout;
  bool forward;
};

void run(void *arg) {
  auto &c = *static_cast<Call *>(arg);
  Buffer in = load(c.forward ? c.other : c.y, c.forward ? c.pother : c.py), dy,
         out = c.beta != 0 ? load(c.out, c.pout)
                           : Buffer{c.out.dims, std::vector<float>(in.v.size())};
  if (!c.forward) dy = load(c.other, c.pother);
  size_t n = c.mode == kChannel ? size_t(in.dims[1]) : in.v.size() / size_t(in.dims[0]);
  for (size_t at = 0; at < in.v.size(); at += n) {
    const float *x = in.v.data() + at;
    double top = -HUGE_VAL, sum = 0;
    for (size_t i = 0; i < n; i++) {
      if (c.forward)
        top = std::max(top, double(x[i]));
      else
        sum += c.algorithm == kLogarithm ? dy.v[at + i] : double(dy.v[at + i]) * x[i];
    }
    if (c.algorithm == kFast) top = 0;
    if (c.forward)
      for (size_t i = 0; i < n; i++) sum += std::exp(x[i] - top);
    for (size_t i = 0; i < n; i++) {
      double v;
      if (c.forward)
        v = c.algorithm == kLogarithm ? x[i] - top - std::log(sum) : std::exp(x[i] - top) / sum;
      else
        v = c.algorithm == kLogarithm ? dy.v[at + i] - std::exp(double(x[i])) * sum
                                      : x[i] * (dy.v[at + i] - sum);
      out.v[at + i] = float(c.alpha * v) + (c.beta != 0 ? c.beta * out.v[at + i] : 0);
    }
  }
  store(out, c.out, c.pout);
}

void check(const Tensor &t, const void *p, bool write) {
  if (!p) refuse(kBadParam, "%s: the pointer is null", show(t).c_str());
  if (!inDevice(p, size_t(t.bytes()), write))
    refuse(kBadParam, "%s at %p is not inside one live device allocation", show(t).c_str(), p);
}

void submit(void *handle, Call call, const void *alpha, const void *beta) {
  auto h = liveHandle(handle);
  if (!alpha || !beta) refuse(kBadParam, "a blending factor is null");
  memcpy(&call.alpha, alpha, 4);
  memcpy(&call.beta, beta, 4);
  if (call.algorithm < kFast || call.algorithm > kLogarithm || call.mode < kInstance ||
      call.mode > kChannel)
    refuse(kBadParam, "softmax algorithm %d, mode %d", call.algorithm, call.mode);
  for (auto t : {&call.y, &call.other, &call.out})
    if (t->dims != call.out.dims || t->type != call.out.type)
      refuse(kBadParam, "softmax of %s and %s", show(*t).c_str(), show(call.out).c_str());
  if (call.py) check(call.y, call.py, false);
  check(call.other, call.pother, false);
  check(call.out, call.pout, true);
  if (int e = queue(h->stream, run, new Call(call), [](void *p) { delete static_cast<Call *>(p); }))
    refuse(kExecutionFailedDriver, "queueing on the stream failed with CUDA error %d", e);
}

}  // namespace
}  // namespace dnn

SK_EXPORTS
using namespace dnn;

int cudnnCreateTensorDescriptor(void **d) {
  return guarded("cudnnCreateTensorDescriptor", [&] {
    if (!d) refuse(abi::kBadParam, "the place for the descriptor is null");
    auto l = new Legacy;
    std::lock_guard<std::mutex> lock(legacyMutex);
    liveLegacy().insert(l);
    *d = l;
  });
}

int cudnnDestroyTensorDescriptor(void *d) {
  return guarded("cudnnDestroyTensorDescriptor", [&] {
    if (!d) return;
    auto l = &legacy(d);
    std::lock_guard<std::mutex> lock(legacyMutex);
    liveLegacy().erase(d);
    delete l;
  });
}

int cudnnSetTensorNdDescriptor(void *d, int type, int n, const int *dims, const int *strides) {
  return guarded("cudnnSetTensorNdDescriptor", [&] {
    auto &l = legacy(d);
    if (n < 4 || n > abi::kMaxDims)
      refuse(abi::kNotSupported, "%d dimensions, want 4 to %d", n, abi::kMaxDims);
    if (!dims || !strides) refuse(abi::kBadParam, "dimensions or strides are null");
    if (!isFloating(type)) refuse(abi::kNotSupported, "data type %d", type);
    Tensor t;
    t.type = type;
    for (int i = 0; i < n; i++) {
      if (dims[i] < 1 || strides[i] < 1)
        refuse(abi::kBadParam, "dimension %d: size %d, stride %d", i, dims[i], strides[i]);
      t.dims.push_back(dims[i]);
      t.strides.push_back(strides[i]);
    }
    l = {true, t};
  });
}

int cudnnSoftmaxForward(void *handle, int algorithm, int mode, const void *alpha, const void *xdesc,
                        const void *x, const void *beta, const void *ydesc, void *y) {
  return guarded("cudnnSoftmaxForward", [&] {
    auto &in = described(xdesc), &out = described(ydesc);
    submit(handle, Call{algorithm, mode, 1, 0, in, in, out, nullptr, x, y, true}, alpha, beta);
  });
}

int cudnnSoftmaxBackward(void *handle, int algorithm, int mode, const void *alpha,
                         const void *ydesc, const void *y, const void *dydesc, const void *dy,
                         const void *beta, const void *dxdesc, void *dx) {
  return guarded("cudnnSoftmaxBackward", [&] {
    if (!y) refuse(abi::kBadParam, "y is null");
    submit(handle,
           Call{algorithm, mode, 1, 0, described(ydesc), described(dydesc), described(dxdesc), y,
                dy, dx, false},
           alpha, beta);
  });
}
SK_EXPORTS_END
