#include "execute.h"

#include "run.h"

namespace dnn {
using namespace abi;

namespace {

struct Range {
  const char *from, *to;
};
Range range(const Tensor &t, void *p) {
  return {static_cast<char *>(p), static_cast<char *>(p) + t.bytes()};
}
bool meet(Range a, Range b) { return a.from < b.to && b.from < a.to; }

// interleaved tells whether two tensors share a range but no element: slices of the channels of one
// buffer.
bool interleaved(const Tensor &a, void *pa, const Tensor &b, void *pb) {
  if (a.type != b.type || a.dims.size() != 4 || b.dims.size() != 4 || a.strides[1] != 1 ||
      b.strides[1] != 1 || a.strides[3] != b.strides[3])
    return false;
  int64_t pitch = a.strides[3],
          apart = (static_cast<char *>(pb) - static_cast<char *>(pa)) / size(a.type) % pitch;
  if (apart < 0) apart += pitch;
  return apart >= a.dims[1] && apart + b.dims[1] <= pitch;
}

// inPlace tells whether out may use the memory of in: only element-wise operations lie between
// them, and the elements coincide.
bool inPlace(const Graph &g, const Tensor &in, void *pin, const Tensor &out, void *pout) {
  if (pin != pout || in.dims != out.dims || in.strides != out.strides || in.type != out.type)
    return false;
  for (auto &o : g.ops)
    for (int a : o->reads)
      if (o->t(a)->uid == in.uid && o->kind != kOpPointwise && o->kind != kOpNormBackward &&
          o->kind != kOpBnFinalize && in.dims[0] != 1)
        return false;
  return true;
}

void separate(const Graph &g, const Run &run) {
  for (auto &w : g.writer) {
    auto &out = *g.tensors.at(w.first);
    if (out.isVirtual) continue;
    void *p = run.pointers.at(out.uid);
    for (auto &other : run.pointers) {
      auto &t = *g.tensors.at(other.first);
      if (t.uid == out.uid || !meet(range(out, p), range(t, other.second)) ||
          interleaved(out, p, t, other.second))
        continue;
      bool bothWritten = g.writer.count(t.uid);
      if (bothWritten || !inPlace(g, t, other.second, out, p))
        refuse(kBadParam, "%s and %s overlap in memory", show(out).c_str(), show(t).c_str());
    }
  }
}

float scalarAt(const Tensor &t, const void *host) { return load(t, host).v[0]; }

}  // namespace

void execute(Handle &handle, std::shared_ptr<const Plan> plan, const Pack &pack) {
  auto &g = *plan->engine->graph;
  if (plan->arch != handle.arch)
    refuse(kNotSupportedArchMismatch, "a plan for compute capability %d on a device of %d",
           plan->arch, handle.arch);
  auto run = std::make_unique<Run>();
  run->plan = plan;
  for (auto &p : g.tensors) {
    auto &t = *p.second;
    if (t.isVirtual) continue;
    auto at = pack.pointers.find(t.uid);
    if (at == pack.pointers.end())
      refuse(kBadParam, "the variant pack has no pointer for %s", show(t).c_str());
    if (!at->second) refuse(kNullPointer, "%s: the pointer is null", show(t).c_str());
    if (t.byValue) {
      run->scalars[t.uid] = scalarAt(t, at->second);
      continue;
    }
    if (reinterpret_cast<uintptr_t>(at->second) % uintptr_t(t.align))
      refuse(kMisalignedPointer, "%s: %p is not aligned to %ld bytes", show(t).c_str(), at->second,
             long(t.align));
    int64_t bytes = t.bytes();
    if (!inDevice(at->second, size_t(bytes), g.writer.count(t.uid)))
      refuse(kBadParam, "%s: the %ld bytes at %p are not inside one live device allocation",
             show(t).c_str(), long(bytes), at->second);
    run->pointers[t.uid] = at->second;
  }
  separate(g, *run);
  if (int64_t bytes = plan->engine->how.workspace) {
    run->workspace = pack.workspace;
    if (!pack.workspace)
      refuse(kNullPointer, "the plan needs a workspace of %ld bytes, the variant pack has none",
             long(bytes));
    if (reinterpret_cast<uintptr_t>(pack.workspace) % 16)
      refuse(kMisalignedPointer, "the workspace at %p is not aligned to 16 bytes", pack.workspace);
    if (!inDevice(pack.workspace, size_t(bytes), true))
      refuse(kSizeInsufficient,
             "the %ld bytes of workspace at %p are not inside one live device allocation",
             long(bytes), pack.workspace);
    Range w{static_cast<char *>(pack.workspace), static_cast<char *>(pack.workspace) + bytes};
    for (auto &p : run->pointers)
      if (meet(w, range(*g.tensors.at(p.first), p.second)))
        refuse(kBadParam, "the workspace overlaps %s", show(*g.tensors.at(p.first)).c_str());
  }
  if (int e = queue(handle.stream, runPlan, run.release(), releaseRun))
    refuse(kExecutionFailedDriver, "queueing on the stream failed with CUDA error %d", e);
}

}  // namespace dnn
