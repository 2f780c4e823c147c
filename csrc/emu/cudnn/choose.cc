// The graphs that can be run, and their engines: the answers of cuDNN 9.28 for an H100, as far as a
// few rules give them.
//
// The engines' numbers are our own. Each graph that runs has several candidates, which differ in
// the points that a caller must handle: tensor cores or not, a workspace or none, sums in a fixed
// order or (noted or not) in the order of the moment, and engines that only FALLBACK has.
#include <algorithm>
#include <set>

#include "model.h"

namespace dnn {
using namespace abi;

namespace {

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

Candidate plain(int engine) {
  Candidate c;
  c.engine = engine;
  return c;
}
Candidate tensorOp(int engine, int64_t workspace = 0) {
  Candidate c = plain(engine);
  c.notes = {kNoteTensorCore};
  c.tensorCore = true;
  c.workspace = workspace;
  return c;
}
Candidate compiled(int engine, int64_t workspace = 0) {
  Candidate c = tensorOp(engine, workspace);
  c.behaviour = {kNoteRuntimeCompilation, kNoteCudaGraphNative};
  return c;
}

Choice no(int status, const std::string &why) {
  Choice c;
  c.why =
      format("CUDNN_STATUS_%s: %s",
             status == kNotSupportedGraphPattern ? "NOT_SUPPORTED_GRAPH_PATTERN" : "NOT_SUPPORTED",
             why.c_str());
  return c;
}

bool aligned(const Graph &g) {
  return std::all_of(g.tensors.begin(), g.tensors.end(),
                     [](auto &p) { return p.second->byValue || p.second->align % 16 == 0; });
}

bool dense(const Tensor &t) { return t.extent() == t.count(); }

// A plain convolution: x, w and y are of one type, sums are in float. 16-bit inputs with a float
// output, or the reverse, run on one fallback engine. A filter gradient of such types does not run
// at all if its channels are not whole 4 bytes.
Choice convolution(const Operation &o, bool isAligned) {
  auto &x = o.x(), &w = o.w(), &y = o.y();
  if (o.conv.w.stride.size() != 2)
    return no(kNotSupported, "convolutions of two spatial dimensions only");
  if (o.conv.comp != kFloat)
    return no(kNotSupported, format("compute type %s, want float", typeName(o.conv.comp)));
  const Tensor &out = *o.t(o.writes[0]), &in = *o.t(o.reads[0]), &in2 = *o.t(o.reads[1]);
  if (!isFloating(in.type) || !isFloating(out.type) || in.type != in2.type)
    return no(kNotSupported,
              format("data types %s %s %s", typeName(x.type), typeName(w.type), typeName(y.type)));
  Choice c;
  if (out.type != in.type) {
    if (o.kind == kOpConvFilter && w.dims[1] * size(x.type) % 4)
      return no(kNotSupported,
                "a filter gradient of another type, and channels that are no whole 4 bytes");
    if (is16(out.type) && is16(in.type))
      return no(kNotSupported, "two 16-bit types in one convolution");
    c.fallback = {tensorOp(kDirect)};
    c.why = "no engine but a fallback takes these data types";
    return c;
  }
  int64_t columns = 4 * o.groups() * y.dims[2] * y.dims[3] * w.dims[1] * w.dims[2] * w.dims[3];
  Candidate fallback = plain(kDirect), atomics = plain(kAtomics);
  fallback.workspace = columns;
  atomics.notes = is16(x.type) ? std::vector<int>{kNoteReducedPrecision, kNoteNondeterministic}
                               : std::vector<int>{kNoteNondeterministic};
  atomics.nondeterministic = true;
  atomics.workspace = o.kind == kOpConvFilter ? 4 * w.count() : 0;
  c.fallback = {fallback};
  if (o.kind != kOpConvForward) c.fallback.push_back(atomics);
  if (!isAligned) {
    c.why = "pointers of less than 16 bytes alignment";
    return c;
  }
  // Tensor cores need channels in whole 16 bytes; other tensors get a padded copy.
  int64_t per = 16 / size(x.type), pad = 0;
  if (w.dims[1] % per || (w.dims[0] / o.groups()) % per || !dense(x) || !dense(y))
    pad = size(x.type) * (x.count() + y.count()) * 2;
  c.a = {tensorOp(kTensorOpWorkspace, columns), tensorOp(pad ? kPadding : kTensorOp, pad),
         plain(kFma)};
  if (o.kind != kOpConvForward) c.a.push_back(atomics);
  c.b = {tensorOp(pad ? kPadding : kTensorOp, pad), plain(kFma)};
  // A filter gradient of many channels in groups has engines in the other modes only.
  if (o.kind == kOpConvFilter && o.groups() > 1 && x.dims[1] >= 1024 && is16(x.type))
    c.a.clear(), c.why = "this mode knows no filter gradient of so many channels in groups";
  return c;
}

bool broadcastsImages(const Operation &o) {
  if (o.kind != kOpPointwise) return false;
  for (int a : o.reads) {
    auto &t = *o.t(a);
    if (t.dims.size() == 4 && t.dims[0] > 1 && t.count() == t.dims[0]) return true;
  }
  return false;
}

// before collects the operations that produce the convolution's inputs.
std::set<const Operation *> before(const Graph &g, const Operation &conv) {
  std::set<const Operation *> found;
  std::vector<const Operation *> todo = {&conv};
  while (!todo.empty()) {
    auto o = todo.back();
    todo.pop_back();
    for (int a : o->reads) {
      auto w = g.writer.find(o->t(a)->uid);
      if (w != g.writer.end() && found.insert(w->second).second) todo.push_back(w->second);
    }
  }
  return found;
}

// Fused convolutions: one convolution, element-wise operations and reductions behind it,
// element-wise operations before it.
Choice fusion(const Graph &g, const Operation &conv, bool isAligned) {
  auto &x = conv.x(), &w = conv.w();
  const Tensor &in = *conv.t(conv.reads[0]), &in2 = *conv.t(conv.reads[1]),
               &out = *conv.t(conv.writes[0]);
  if (conv.conv.w.stride.size() != 2 || conv.conv.comp != kFloat)
    return no(kNotSupported, "fusions of two-dimensional convolutions with sums in float only");
  if (!isFloating(in.type) || in.type != in2.type)
    return no(kNotSupportedGraphPattern,
              format("a fused convolution of %s and %s", typeName(in.type), typeName(in2.type)));
  if (conv.alpha != 1 || conv.beta != 0)
    return no(kNotSupportedGraphPattern, "a fused convolution with blending factors");
  if (!isAligned) return no(kNotSupported, "pointers of less than 16 bytes alignment");
  auto first = before(g, conv);
  bool prologue = !first.empty(), statistics = false, reductions = false, perImage = false;
  for (auto &o : g.ops) {
    if (o.get() == &conv) continue;
    bool early = first.count(o.get());
    if (early && o->kind != kOpPointwise)
      return no(kNotSupportedGraphPattern, format("%s before a convolution", kindName(o->kind)));
    if (early && broadcastsImages(*o))
      return no(kNotSupportedGraphPattern, "a factor for each image before the convolution");
    const Tensor &v = *o->t(o->writes[0]);
    if (early && (!v.isVirtual || v.type != in.type))
      return no(kNotSupportedGraphPattern,
                format("%s before the convolution, want it virtual and %s", show(v).c_str(),
                       typeName(in.type)));
    if (o->kind == kOpGenStats)
      statistics = true;
    else if (o->kind == kOpReduction)
      reductions = true;
    else if (o->kind != kOpPointwise)
      return no(kNotSupportedGraphPattern,
                format("%s in a graph with a convolution", kindName(o->kind)));
    else if (broadcastsImages(*o))
      perImage = true;
  }
  if (prologue && conv.kind == kOpConvFilter)
    for (auto o : first)
      for (int a : o->reads)
        if (o->t(a)->type != kHalf)
          return no(kNotSupportedGraphPattern,
                    format("%s before a filter gradient, want half", show(*o->t(a)).c_str()));
  if (!out.isVirtual && g.ops.size() > first.size() + 1 &&
      !(conv.kind == kOpConvForward && statistics && out.type == in.type))
    return no(kNotSupportedGraphPattern, format("%s is stored and read again", show(out).c_str()));
  if (out.isVirtual && out.type != kFloat)
    return no(kNotSupportedGraphPattern, format("%s, want float", show(out).c_str()));
  Choice c;
  bool odd = w.dims[1] * size(in.type) % 4 != 0;
  if (prologue) {
    if (odd)
      return no(kNotSupportedGraphPattern,
                "channels that are no whole 4 bytes behind an element-wise operation");
    if (conv.kind == kOpConvData)
      return no(kNotSupportedGraphPattern, "an element-wise operation before a data gradient");
    if (conv.kind == kOpConvFilter && (in.type != kHalf || conv.groups() != 1))
      return no(
          kNotSupportedGraphPattern,
          "an element-wise operation before a filter gradient that is not half, or has groups");
  }
  if (conv.kind == kOpConvFilter) {
    if (odd)
      return no(kNotSupportedGraphPattern,
                "a fused filter gradient of channels that are no whole 4 bytes");
    if (statistics || reductions)
      return no(kNotSupportedGraphPattern, "a reduction behind a filter gradient");
    Candidate split = compiled(kFusedSplit, 16 * w.count() + 512);
    split.knobs = {{kKnobSplitK, 1, 128, 1}};
    c.a = {split, compiled(kFused)};
    c.fallback = {compiled(kFused)};
    return c;
  }
  if (conv.kind == kOpConvData) {
    bool stride2 = std::any_of(conv.conv.w.stride.begin(), conv.conv.w.stride.end(),
                               [](int64_t s) { return s != 1; });
    if (perImage && (stride2 || w.dims[1] * size(in.type) % 16))
      return no(kNotSupportedGraphPattern,
                "a factor for each image behind a data gradient with a stride, or of channels that "
                "are no whole 16 bytes");
    if (statistics) return no(kNotSupportedGraphPattern, "statistics of a data gradient");
    if (reductions && (stride2 || conv.groups() != 1))
      return no(kNotSupportedGraphPattern,
                "a reduction behind a data gradient with a stride or groups");
    Candidate slow = plain(kDirect);
    if (odd) {
      if (perImage || reductions)
        return no(kNotSupportedGraphPattern, "channels that are no whole 4 bytes");
      c.fallback = {slow};
      c.why = "no engine but a fallback takes channels that are no whole 4 bytes";
      return c;
    }
    c.a = {compiled(kFused), compiled(kFusedSplit, 4 * x.count())};
    c.fallback = {compiled(kFused)};
    return c;
  }
  c.a = {compiled(kFused), compiled(kFusedSplit, 4 * conv.y().count())};
  if (odd) c.a.pop_back();
  if (!(odd && (statistics || perImage))) c.fallback = {odd ? plain(kDirect) : compiled(kFused)};
  // Reductions behind a convolution add with atomics, independent of the notes.
  if (reductions || statistics) c.a[0].nondeterministic = reductions;
  return c;
}

// Element-wise operations alone, possibly with one reduction at the end. In four dimensions an
// operand spans all elements, the channels, or one number.
Choice elementwise(const Graph &g, bool isAligned) {
  if (!isAligned) return no(kNotSupported, "pointers of less than 16 bytes alignment");
  const Operation *reduction = nullptr;
  for (auto &o : g.ops) {
    if (o->kind == kOpReduction) {
      if (reduction) return no(kNotSupportedGraphPattern, "two reductions");
      reduction = o.get();
      continue;
    }
    if (o->pw.prec != kFloat)
      return no(kNotSupportedDataType, format("math in %s, want float", typeName(o->pw.prec)));
    const Tensor &out = *o->t(o->writes[0]);
    for (int a : o->reads) {
      auto &t = *o->t(a);
      if (t.dims.size() != 4 || t.dims == out.dims || t.count() == 1 || t.count() == t.dims[1])
        continue;
      return no(kNotSupportedGraphPattern,
                format("%s broadcast to %s: in four dimensions all, the channels or one",
                       show(t).c_str(), show(out).c_str()));
    }
  }
  Choice c;
  if (!reduction) {
    c.a = {compiled(kElementwise), compiled(kFused)};
    c.b = c.fallback = {compiled(kElementwise)};
    return c;
  }
  auto &x = *reduction->t(kOpReductionX), &y = *reduction->t(kOpReductionY);
  if (y.type != kFloat || reduction->red.comp != kFloat)
    return no(kNotSupportedDataType, "a reduction that is not into float, in float");
  if (y.isVirtual) return no(kNotSupportedGraphPattern, "a reduction before the end");
  bool column = y.count() == (y.dims.size() > 1 ? y.dims[1] : 1),
       row = x.dims.size() == 4 && y.count() == x.count() / x.dims[1] && y.dims[1] == 1;
  if (!column && !row && y.count() != 1)
    return no(
        kNotSupportedGraphPattern,
        format("a reduction of %s to %s: want to the channels, over the channels, or to one number",
               show(x).c_str(), show(y).c_str()));
  if (reduction->red.deterministic) {
    c.a = c.fallback = {compiled(kReduceSplit, 4 * 132 * y.count())};
  } else {
    c.a = {compiled(kReduce), compiled(kReduceSplit, 4 * 132 * y.count())};
    c.fallback = {compiled(kReduce)};
    c.a[0].nondeterministic = c.fallback[0].nondeterministic = true;
  }
  return c;
}

// Batch norm in training, channels last, in whole 16 bytes. ReLU, or add and ReLU, may follow it,
// and a mask of that ReLU may be kept. The ReLU's gradient may stand before the norm's gradient, by
// such a mask or by the norm computed again.
Choice norm(const Graph &g, const Operation &o) {
  bool forward = o.kind == kOpNormForward;
  auto &x = *o.t(forward ? kNormFwdX : kNormBwdX);
  if (o.mode != kBatchNorm) return no(kNotSupported, "of the norms only batch norm");
  if (forward && o.phase == kNormInference) {
    Choice c = no(kNotSupported, "batch norm for inference");
    c.status = kNotSupported;
    return c;
  }
  if (!isFloating(x.type) || x.dims.size() != 4)
    return no(kNotSupported, format("batch norm of %s", show(x).c_str()));
  if (!x.channelsLast() || !dense(x))
    return no(kNotSupported, "batch norm of a layout that is not channels last and dense");
  if (x.dims[1] % (16 / size(x.type)))
    return no(kNotSupported, format("%ld channels of %s are no whole 16 bytes", long(x.dims[1]),
                                    typeName(x.type)));
  for (auto &p : o.tensors)
    if (p.second->count() == x.dims[1] && p.second->count() != x.count() &&
        p.second->type != kFloat)
      return no(kNotSupported, format("%s, want float", show(*p.second).c_str()));
  int adds = 0, relus = 0, masks = 0, again = 0;
  for (auto &other : g.ops) {
    if (other.get() == &o) continue;
    int mode = other->kind == kOpPointwise ? other->pw.mode : -1;
    if (forward && mode == kAdd)
      adds++;
    else if (forward && mode == kReluFwd)
      relus++;
    else if (forward && mode == kCmpGt)
      masks++;
    else if (!forward && mode == kReluBwd) {
      if (!other->t(kOpPwX)->isVirtual)
        return no(kNotSupportedGraphPattern,
                  "ReLU's gradient before a batch norm's, of an x that is stored");
      relus++;
    } else if (!forward && mode == kMul && other->t(kOpPwB)->type == kBoolean)
      masks++;
    else if (!forward && other->kind == kOpNormForward && other->phase == kNormInference &&
             other->t(kNormFwdX)->uid == x.uid)
      again++;
    else
      return no(kNotSupportedGraphPattern, format("%s beside a batch norm", kindName(other->kind)));
  }
  if (forward && (adds > 1 || relus > 1 || (adds && !relus) || masks > adds))
    return no(kNotSupportedGraphPattern,
              "behind a batch norm: ReLU, or add and ReLU and a mask, nothing else");
  if (!forward && (relus != again || relus + masks > 1))
    return no(kNotSupportedGraphPattern,
              "before a batch norm's gradient: ReLU's of the norm computed again, or a mask");
  Choice c;
  Candidate fast = plain(kNorm), slow = plain(kNormFallback);
  fast.workspace = 16 * x.dims[1] + 1024;
  slow.workspace = 16 * x.dims[1];
  c.a = {fast};
  c.fallback = {slow};
  return c;
}

// Pooling. The gradient of a maximum finds the maximum again in x and y if the rows are last, and
// by the index if the channels are.
Choice pooling(const Operation &o) {
  bool forward = o.kind == kOpResampleForward;
  auto &x = *o.t(forward ? kResampleFwdX : kResampleBwdDx);
  if (o.pool.w.size.size() != 2 || !isFloating(x.type) || o.pool.comp != kFloat)
    return no(kNotSupported, "pooling of two dimensions, of floats, in float only");
  if (o.pool.mode == kNearest || o.pool.mode == kBilinear)
    return no(kNotSupported, "of the resamplings only pooling");
  if (!forward && o.pool.mode == kMaxPool && x.channelsLast() && x.dims[1] > 1 &&
      !o.t(kResampleBwdIndex))
    return no(kNotSupported, "the gradient of a maximum, channels last, without an index");
  if (o.beta != 0) return no(kNotSupported, "pooling onto what was there");
  Choice c;
  c.a = c.fallback = {compiled(kPool)};
  return c;
}

}  // namespace

Choice choose(const Graph &g) {
  const Operation *conv = nullptr, *normed = nullptr, *special = nullptr;
  for (auto &o : g.ops) {
    if (o->isConv()) {
      if (conv) return no(kNotSupportedGraphPattern, "two convolutions in one graph");
      conv = o.get();
    }
    if (o->kind == kOpNormBackward || (o->kind == kOpNormForward && !normed)) normed = o.get();
    if (o->kind == kOpResampleForward || o->kind == kOpResampleBackward ||
        o->kind == kOpBnFinalize || o->kind == kOpBnBwdWeights || o->kind == kOpReshape)
      special = o.get();
  }
  bool isAligned = aligned(g);
  if (conv) return g.ops.size() == 1 ? convolution(*conv, isAligned) : fusion(g, *conv, isAligned);
  if (normed) return norm(g, *normed);
  if (special) {
    if (g.ops.size() != 1 || special->kind == kOpReshape)
      return no(kNotSupportedGraphPattern, format("%s among others", kindName(special->kind)));
    if (special->kind == kOpResampleForward || special->kind == kOpResampleBackward)
      return pooling(*special);
    Choice c;
    c.a = c.fallback = {plain(kPool)};
    return c;
  }
  for (auto &o : g.ops)
    if (o->kind == kOpGenStats) {
      if (g.ops.size() != 1)
        return no(kNotSupportedGraphPattern, "statistics without a convolution");
      Choice c;
      c.a = c.fallback = {plain(kReduce)};
      return c;
    }
  return elementwise(g, isAligned);
}

Candidate candidate(const Graph &g, int engine) {
  if (engine < 0 || engine >= kEngines)
    refuse(kNotSupported, "engine %d: want 0 to %d", engine, kEngines - 1);
  Choice c = choose(g);
  for (auto list : {&c.a, &c.b, &c.fallback})
    for (auto &x : *list)
      if (x.engine == engine) return x;
  refuse(kNotSupported, "engine %d does not run this graph%s%s", engine, c.why.empty() ? "" : ": ",
         c.why.c_str());
}

Candidate sliced(const Graph &g, Candidate how, int64_t slices) {
  for (auto &k : how.knobs) {
    if (k.type != kKnobSplitK) continue;
    if (slices < k.least || slices > k.most)
      refuse(kBadParam, "%ld slices: want %ld to %ld", long(slices), long(k.least), long(k.most));
    how.slices = slices;
    how.workspace = 0;
    if (slices > 1)
      for (auto &o : g.ops)
        if (o->kind == kOpConvFilter) how.workspace = 4 * slices * o->w().count();
    return how;
  }
  refuse(kBadParam, "engine %d has no such knob", how.engine);
}

}  // namespace dnn
