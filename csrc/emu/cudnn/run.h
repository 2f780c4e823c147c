// Running a plan on the host. Every tensor of the graph becomes a dense buffer of floats, and each
// operation turns buffers into buffers. An output is rounded to its tensor's type, virtual tensors
// included.
#pragma once
#include <atomic>
#include <map>
#include <memory>
#include <vector>

#include "model.h"

namespace dnn {

// Buffer holds a tensor densely with the channels last: n, then the spatial dimensions, then c; so
// a filter is K R S C.
struct Buffer {
  std::vector<int64_t> dims;  // in the tensor's order: N C H W
  std::vector<float> v;
};

// denseStrides are the strides of such a buffer in the order of its dims.
std::vector<int64_t> denseStrides(const std::vector<int64_t> &dims);

Buffer load(const Tensor &t, const void *p);
void store(const Buffer &b, const Tensor &t, void *p);
void roundTo(Buffer &b, int type);

// State is a run in progress: the buffers by tensor id, and the way in which sums are formed.
struct State {
  std::map<int64_t, Buffer> buffers;
  bool tf32 = false;      // products of floats are rounded first
  bool reversed = false;  // a nondeterministic engine, this time in the other order

  const Buffer &in(const Operation &o, int attr) const { return buffers.at(o.t(attr)->uid); }
  bool has(const Operation &o, int attr) const { return o.t(attr) != nullptr; }
  float scalar(const Operation &o, int attr) const { return in(o, attr).v[0]; }
  // out makes the buffer of an output of the operation, filled with zeros.
  Buffer &out(const Operation &o, int attr);
};

void runConvolution(const Operation &o, State &s);
void runPointwise(const Operation &o, State &s);
void runReduction(const Operation &o, State &s);
void runStatistics(const Operation &o, State &s);
void runNormForward(const Operation &o, State &s);
void runNormBackward(const Operation &o, State &s);
void runBnFinalize(const Operation &o, State &s);
void runBnBackwardWeights(const Operation &o, State &s);
void runPool(const Operation &o, State &s);

// A row-major matrix whose rows are pitch numbers apart.
template <class T> struct Matrix {
  T *data;
  int64_t pitch;

  T *row(int64_t i) const { return data + i * pitch; }
};

// multiply adds the product of a (m x k) and b (k x n) to c (m x n).
void multiply(int64_t m, int64_t n, int64_t k, Matrix<const float> a, Matrix<const float> b,
              Matrix<float> c);

// Run is one execution of a plan on a stream. It may be captured and replayed, so it may run often,
// and it outlives plan and pack.
struct Run {
  std::shared_ptr<const Plan> plan;
  std::map<int64_t, void *> pointers;
  std::map<int64_t, float> scalars;
  void *workspace = nullptr;
};
void runPlan(void *run);
void releaseRun(void *run);

}  // namespace dnn
