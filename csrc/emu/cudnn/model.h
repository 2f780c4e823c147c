// The content of finalized descriptors: tensors, operations, the graph that they form, and the
// engines that could run it.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "descriptor.h"
#include "numbers.h"

namespace dnn {

struct Tensor {
  int64_t uid = 0;
  int type = 0;
  std::vector<int64_t> dims, strides;
  int64_t align = 0;
  bool isVirtual = false, byValue = false;

  int64_t count() const;
  int64_t extent() const;  // elements from the first to the last, both included
  int64_t bytes() const;   // of the extent; eight booleans to a byte
  bool channelsLast() const;
};
using TensorPtr = std::shared_ptr<const Tensor>;
std::string show(const std::vector<int64_t> &v);
std::string show(const Tensor &t);

// Window is the geometry of a convolution or a pooling, for each spatial dimension.
struct Window {
  std::vector<int64_t> pre, post, stride, dilation, size;  // size: pooling only
};

struct Convolution {
  Window w;
  int comp = 0;
  bool flip = false;  // convolution proper, not cross-correlation
};

struct Pointwise {
  int mode = 0, prec = 0;
  double lower = 0, upper = 0, slope = 0, elu = 1, softplus = 1, swish = 1;
  int64_t axis = -1;
  bool propagateNan = false;
};

struct Reduction {
  int op = 0, comp = 0;
  bool deterministic = false;
};

struct Resample {
  int mode = 0, comp = 0, padding = 0;
  Window w;
};

// Operation is a node: its tensors by attribute, some read and some written, and the values of its
// own descriptor.
struct Operation {
  int kind = -1;
  std::map<int, TensorPtr> tensors;
  std::vector<int> reads, writes;  // attributes
  double alpha = 1, beta = 0;      // pointwise: alpha1, alpha2
  int mode = 0, phase = 0;         // norms, statistics
  Convolution conv;
  Pointwise pw;
  Reduction red;
  Resample pool;

  const Tensor *t(int attr) const {
    auto i = tensors.find(attr);
    return i == tensors.end() ? nullptr : i->second.get();
  }
  bool isConv() const {
    return kind == abi::kOpConvForward || kind == abi::kOpConvData || kind == abi::kOpConvFilter;
  }
  // The tensors in the places x, w and y of a convolution of any direction.
  const Tensor &x() const;
  const Tensor &w() const;
  const Tensor &y() const;
  int64_t groups() const { return x().dims[1] / w().dims[1]; }
};
using OperationPtr = std::shared_ptr<const Operation>;

// Graph has its operations in an order in which each reads only tensors that are already written.
struct Graph {
  std::vector<ContentPtr> sources;  // the operations' descriptors
  std::vector<OperationPtr> ops;
  std::map<int64_t, TensorPtr> tensors;
  std::map<int64_t, const Operation *> writer;
  void *handle = nullptr;
};
using GraphPtr = std::shared_ptr<const Graph>;

// Card is the device that a plan is for.
struct Card {
  int arch = 900;
};
using CardPtr = std::shared_ptr<const Card>;

// Knob is a setting of an engine: its type and its range.
struct Knob {
  int type = 0;
  int64_t least = 0, most = 0, stride = 1;
};

// Candidate is one way to run a graph. mode is the way in which its sums are formed (see run.h).
struct Candidate {
  int engine = 0;
  std::vector<int> notes, behaviour;
  int64_t workspace = 0;
  bool tensorCore = false;        // products of floats are rounded to TF32
  bool nondeterministic = false;  // sums change from run to run, noted or not
  bool broken = false;            // made to fail to compile, by a setting
  std::vector<Knob> knobs;
  int64_t slices = 0;  // of the sums, as set by the knob; 0: the engine's own choice
};

// Choice has the answers of the heuristics of each mode. If all are empty, no engine runs the
// graph, and why is the reason.
struct Choice {
  std::vector<Candidate> a, b, fallback;
  // The status of the heuristic query itself, for graphs that the library refuses outright.
  int status = 0;
  std::string why;
};
constexpr int kEngines = 16;
Choice choose(const Graph &g);
// candidate is the graph's candidate of that engine; refused if the engine cannot run it.
Candidate candidate(const Graph &g, int engine);
// sliced is the candidate how with its sums cut into so many slices, which it keeps in the
// workspace; refused outside of the knob's range.
Candidate sliced(const Graph &g, Candidate how, int64_t slices);

struct Engine {
  GraphPtr graph;
  Candidate how;
  CardPtr card;
};
struct Config {
  std::shared_ptr<const Engine> engine;
};
struct Plan {
  std::shared_ptr<const Engine> engine;
  void *handle = nullptr;
  int arch = 0;
};
struct Pack {
  std::map<int64_t, void *> pointers;
  void *workspace = nullptr;
};

// finalize checks a descriptor and gives it its typed content.
void finalize(Content &c);

std::shared_ptr<const void> makeTensor(const Content &c);
std::shared_ptr<const void> makeOperation(const Content &c);
std::shared_ptr<const void> makeGraph(const Content &c);
std::shared_ptr<const void> makePlan(const Content &c);

}  // namespace dnn
