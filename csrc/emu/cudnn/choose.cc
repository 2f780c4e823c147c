// The graphs that can be run, and their engines: the answers of cuDNN 9.28 for an H100, as far as a
// few rules give them. Convolutions, fusions and norms have files of their own.
//
// Each graph that runs has several candidates, which differ in the points that a caller must
// handle: tensor cores or not, a workspace or none, sums in a fixed order or (noted or not) in the
// order of the moment, and engines that only FALLBACK has.
#include "choose.h"

#include <algorithm>

#include "settings.h"

namespace dnn {
using namespace abi;

Candidate plain(int engine) {
  Candidate c;
  c.engine = engine;
  return c;
}
Candidate tensorOp(int engine, int64_t workspace) {
  Candidate c = plain(engine);
  c.notes = {kNoteTensorCore};
  c.tensorCore = true;
  c.workspace = workspace;
  return c;
}
Candidate compiled(int engine, int64_t workspace) {
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

bool dense(const Tensor &t) { return t.extent() == t.count(); }

// Element-wise operations alone, possibly with one reduction at the end. In four dimensions an
// operand spans all elements, the channels, or one number.
Choice chooseElementwise(const Graph &g, bool isAligned) {
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

// Pooling. The gradient of a maximum finds the maximum again in x and y if the rows are last, and
// by the index if the channels are.
Choice choosePooling(const Operation &o) {
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

namespace {

bool aligned(const Graph &g) {
  return std::all_of(g.tensors.begin(), g.tensors.end(),
                     [](auto &p) { return p.second->byValue || p.second->align % 16 == 0; });
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
  if (conv) {
    Choice c =
        g.ops.size() == 1 ? chooseConvolution(*conv, isAligned) : chooseFusion(g, *conv, isAligned);
    if (conv->kind == kOpConvForward)
      for (auto list : {&c.a, &c.b, &c.fallback})
        for (auto &x : *list) x.workspace += setting("room", 0) * conv->x().dims[0];
    return c;
  }
  if (normed) return chooseNorm(g, *normed);
  if (special) {
    if (g.ops.size() != 1 || special->kind == kOpReshape)
      return no(kNotSupportedGraphPattern, format("%s among others", kindName(special->kind)));
    if (special->kind == kOpResampleForward || special->kind == kOpResampleBackward)
      return choosePooling(*special);
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
  return chooseElementwise(g, isAligned);
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
