// The parts that the rules of choose*.cc share. Each rule gives the engines of one family of
// graphs, or says why no engine runs the graph.
#pragma once
#include "model.h"

namespace dnn {

// The engines' numbers are our own.
enum {
  kDirect,
  kTensorOp,
  kFma,
  kTensorOpWorkspace,
  kAtomics,
  kPadding,
  kFused,
  kFusedSplit,
  kElementwise,
  kReduce,
  kReduceSplit,
  kNorm,
  kNormFallback,
  kPool
};

// A candidate without notes, one on tensor cores, and one that is compiled at run time.
Candidate plain(int engine);
Candidate tensorOp(int engine, int64_t workspace = 0);
Candidate compiled(int engine, int64_t workspace = 0);
// No engine, and why.
Choice no(int status, const std::string &why);
bool dense(const Tensor &t);

Choice chooseConvolution(const Operation &o, bool isAligned);
Choice chooseFusion(const Graph &g, const Operation &conv, bool isAligned);
Choice chooseElementwise(const Graph &g, bool isAligned);
Choice chooseNorm(const Graph &g, const Operation &o);
Choice choosePooling(const Operation &o);

}  // namespace dnn
