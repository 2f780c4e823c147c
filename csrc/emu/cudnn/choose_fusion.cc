// The engines of convolutions with element-wise operations and reductions around them.
#include <algorithm>
#include <optional>
#include <set>

#include "choose.h"

namespace dnn {
using namespace abi;

namespace {

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

// The operations around a convolution.
struct Fusion {
  std::set<const Operation *> first;  // the operations that produce its inputs
  bool statistics = false, reductions = false;
  bool perImage = false;  // an operand has a number for each image
  bool odd = false;       // channels that are no whole 4 bytes

  bool prologue() const { return !first.empty(); }
};

// look fills f with the graph's operations around the convolution, or names one that no engine
// takes.
std::optional<Choice> look(const Graph &g, const Operation &conv, Fusion &f) {
  const Tensor &in = *conv.t(conv.reads[0]);
  for (auto &o : g.ops) {
    if (o.get() == &conv) continue;
    bool early = f.first.count(o.get());
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
      f.statistics = true;
    else if (o->kind == kOpReduction)
      f.reductions = true;
    else if (o->kind != kOpPointwise)
      return no(kNotSupportedGraphPattern,
                format("%s in a graph with a convolution", kindName(o->kind)));
    else if (broadcastsImages(*o))
      f.perImage = true;
  }
  return std::nullopt;
}

// prologue says why no engine takes element-wise operations before a convolution.
std::optional<Choice> prologue(const Operation &conv, const Fusion &f) {
  const Tensor &in = *conv.t(conv.reads[0]);
  if (f.odd)
    return no(kNotSupportedGraphPattern,
              "channels that are no whole 4 bytes behind an element-wise operation");
  if (conv.kind == kOpConvData)
    return no(kNotSupportedGraphPattern, "an element-wise operation before a data gradient");
  if (conv.kind == kOpConvFilter && (in.type != kHalf || conv.groups() != 1))
    return no(kNotSupportedGraphPattern,
              "an element-wise operation before a filter gradient that is not half, or has groups");
  return std::nullopt;
}

// result says why no engine takes the convolution's result and its factors' types.
std::optional<Choice> result(const Graph &g, const Operation &conv, const Fusion &f) {
  const Tensor &in = *conv.t(conv.reads[0]), &out = *conv.t(conv.writes[0]);
  if (f.prologue() && conv.kind == kOpConvFilter)
    for (auto o : f.first)
      for (int a : o->reads)
        if (o->t(a)->type != kHalf)
          return no(kNotSupportedGraphPattern,
                    format("%s before a filter gradient, want half", show(*o->t(a)).c_str()));
  if (!out.isVirtual && g.ops.size() > f.first.size() + 1 &&
      !(conv.kind == kOpConvForward && f.statistics && out.type == in.type))
    return no(kNotSupportedGraphPattern, format("%s is stored and read again", show(out).c_str()));
  if (out.isVirtual && out.type != kFloat)
    return no(kNotSupportedGraphPattern, format("%s, want float", show(out).c_str()));
  return std::nullopt;
}

Choice filterGradient(const Operation &conv, const Fusion &f) {
  if (f.odd)
    return no(kNotSupportedGraphPattern,
              "a fused filter gradient of channels that are no whole 4 bytes");
  if (f.statistics || f.reductions)
    return no(kNotSupportedGraphPattern, "a reduction behind a filter gradient");
  Choice c;
  Candidate split = compiled(kFusedSplit, 16 * conv.w().count() + 512);
  split.knobs = {{kKnobSplitK, 1, 128, 1}};
  c.a = {split, compiled(kFused)};
  c.fallback = {compiled(kFused)};
  return c;
}

Choice dataGradient(const Operation &conv, const Fusion &f) {
  const Tensor &in = *conv.t(conv.reads[0]);
  bool stride2 = std::any_of(conv.conv.w.stride.begin(), conv.conv.w.stride.end(),
                             [](int64_t s) { return s != 1; });
  if (f.perImage && (stride2 || conv.w().dims[1] * size(in.type) % 16))
    return no(kNotSupportedGraphPattern,
              "a factor for each image behind a data gradient with a stride, or of channels that "
              "are no whole 16 bytes");
  if (f.statistics) return no(kNotSupportedGraphPattern, "statistics of a data gradient");
  if (f.reductions && (stride2 || conv.groups() != 1))
    return no(kNotSupportedGraphPattern,
              "a reduction behind a data gradient with a stride or groups");
  Choice c;
  if (f.odd) {
    if (f.perImage || f.reductions)
      return no(kNotSupportedGraphPattern, "channels that are no whole 4 bytes");
    c.fallback = {plain(kDirect)};
    c.why = "no engine but a fallback takes channels that are no whole 4 bytes";
    return c;
  }
  c.a = {compiled(kFused), compiled(kFusedSplit, 4 * conv.x().count())};
  c.fallback = {compiled(kFused)};
  return c;
}

Choice forward(const Operation &conv, const Fusion &f) {
  Choice c;
  c.a = {compiled(kFused), compiled(kFusedSplit, 4 * conv.y().count())};
  if (f.odd) c.a.pop_back();
  if (!(f.odd && (f.statistics || f.perImage)))
    c.fallback = {f.odd ? plain(kDirect) : compiled(kFused)};
  // Reductions behind a convolution add with atomics, independent of the notes.
  if (f.reductions || f.statistics) c.a[0].nondeterministic = f.reductions;
  return c;
}

}  // namespace

// Fused convolutions: one convolution, element-wise operations and reductions behind it,
// element-wise operations before it.
Choice chooseFusion(const Graph &g, const Operation &conv, bool isAligned) {
  const Tensor &in = *conv.t(conv.reads[0]), &in2 = *conv.t(conv.reads[1]);
  if (conv.conv.w.stride.size() != 2 || conv.conv.comp != kFloat)
    return no(kNotSupported, "fusions of two-dimensional convolutions with sums in float only");
  if (!isFloating(in.type) || in.type != in2.type)
    return no(kNotSupportedGraphPattern,
              format("a fused convolution of %s and %s", typeName(in.type), typeName(in2.type)));
  if (conv.alpha != 1 || conv.beta != 0)
    return no(kNotSupportedGraphPattern, "a fused convolution with blending factors");
  if (!isAligned) return no(kNotSupported, "pointers of less than 16 bytes alignment");
  Fusion f;
  f.first = before(g, conv);
  f.odd = conv.w().dims[1] * size(in.type) % 4 != 0;
  if (auto refusal = look(g, conv, f)) return *refusal;
  if (auto refusal = result(g, conv, f)) return *refusal;
  if (f.prologue())
    if (auto refusal = prologue(conv, f)) return *refusal;
  if (conv.kind == kOpConvFilter) return filterGradient(conv, f);
  return conv.kind == kOpConvData ? dataGradient(conv, f) : forward(conv, f);
}

}  // namespace dnn
