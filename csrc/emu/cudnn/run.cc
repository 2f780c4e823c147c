#include "run.h"

#include <cstring>

#include "handle.h"

namespace dnn {
using namespace abi;

namespace {

void runOperation(const Operation &o, State &s) {
  switch (o.kind) {
  case kOpConvForward:
  case kOpConvData:
  case kOpConvFilter: return runConvolution(o, s);
  case kOpPointwise: return runPointwise(o, s);
  case kOpReduction: return runReduction(o, s);
  case kOpGenStats: return runStatistics(o, s);
  case kOpNormForward: return runNormForward(o, s);
  case kOpNormBackward: return runNormBackward(o, s);
  case kOpBnFinalize: return runBnFinalize(o, s);
  case kOpBnBwdWeights: return runBnBackwardWeights(o, s);
  case kOpResampleForward:
  case kOpResampleBackward: return runPool(o, s);
  default: die("a plan with %s", kindName(o.kind));
  }
}

}  // namespace

Buffer &State::out(const Operation &o, int attr) {
  auto &t = *o.t(attr);
  Buffer &b = buffers[t.uid];
  b.dims = t.dims;
  b.v.assign(size_t(t.count()), 0.0f);
  return b;
}

// runPlan is the work on the stream. Memory that has been freed since the call was queued is an
// illegal address, which loses the context. A workspace is left full of NaNs, so that a value kept
// in it is visibly lost.
void runPlan(void *arg) {
  auto &run = *static_cast<Run *>(arg);
  auto &engine = *run.plan->engine;
  State s;
  s.tf32 = engine.how.tensorCore;
  static std::atomic<unsigned> turn{0};
  s.reversed = engine.how.nondeterministic && turn++ % 2;
  auto &g = *engine.graph;
  for (auto &p : g.tensors) {
    auto &t = *p.second;
    if (t.isVirtual) continue;
    if (t.byValue) {
      s.buffers[t.uid] = {t.dims, {run.scalars.at(t.uid)}};
      continue;
    }
    auto w = g.writer.find(t.uid);
    bool written = w != g.writer.end();
    if (!inDevice(run.pointers.at(t.uid), size_t(t.bytes()), written))
      return failWork(format("%s at %p was freed before the plan ran", show(t).c_str(),
                             run.pointers.at(t.uid)));
    if (!written || (w->second->isConv() && w->second->beta != 0))
      s.buffers[t.uid] = load(t, run.pointers.at(t.uid));
  }
  if (engine.how.workspace) {
    if (!inDevice(run.workspace, size_t(engine.how.workspace), true))
      return failWork(format("the workspace at %p was freed before the plan ran", run.workspace));
    memset(run.workspace, 0xff, size_t(engine.how.workspace));
  }
  for (auto &o : g.ops) {
    runOperation(*o, s);
    for (int a : o->writes) roundTo(s.buffers.at(o->t(a)->uid), o->t(a)->type);
  }
  for (auto &p : g.writer) {
    auto &t = *g.tensors.at(p.first);
    if (!t.isVirtual) store(s.buffers.at(t.uid), t, run.pointers.at(t.uid));
  }
}

void releaseRun(void *arg) { delete static_cast<Run *>(arg); }

}  // namespace dnn
