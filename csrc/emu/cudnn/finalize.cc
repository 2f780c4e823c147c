// Finalizing: the required attributes first, then the rules of each kind of descriptor.
#include <algorithm>

#include "handle.h"
#include "model.h"

namespace dnn {
namespace {
using namespace abi;

template <class T> std::shared_ptr<const void> shared(T v) {
  return std::make_shared<const T>(std::move(v));
}

int enumerated(const Content &c, int attr, int low, int high) {
  int v = c.enumeration(attr);
  if (v < low || v > high) refuse(kBadParam, "%s: %d is not known", attrName(attr), v);
  return v;
}

int floatType(const Content &c, int attr) {
  int t = c.enumeration(attr);
  if (!size(t)) die("%d is no data type", t);
  return t;
}

std::vector<int64_t> each(const Content &c, int attr, size_t n, int64_t least) {
  auto v = c.i64s(attr);
  if (v.size() != n)
    refuse(kBadParam, "%s has %zu elements, want one for each of %zu spatial dimensions",
           attrName(attr), v.size(), n);
  for (auto i : v)
    if (i < least)
      refuse(kBadParam, "%s: %ld, want at least %ld", attrName(attr), long(i), long(least));
  return v;
}

size_t spatial(const Content &c, int attr) {
  int64_t n = c.i64(attr);
  if (n < 1 || n > kMaxDims - 2) refuse(kBadParam, "%s: %ld", attrName(attr), long(n));
  return size_t(n);
}

std::shared_ptr<const void> convolution(const Content &c) {
  Convolution v;
  v.comp = floatType(c, kConvCompType);
  v.flip = enumerated(c, kConvMode, 0, 1) == kConvolutionMode;
  size_t n = spatial(c, kConvSpatialDims);
  v.w = {each(c, kConvPrePads, n, 0),
         each(c, kConvPostPads, n, 0),
         each(c, kConvStrides, n, 1),
         each(c, kConvDilations, n, 1),
         {}};
  return shared(v);
}

bool knownPointwise(int m) {
  return (m >= 0 && m <= kAtan2) || (m >= kReluFwd && m <= kGeluTanhFwd) ||
         (m >= kReluBwd && m <= kGeluTanhBwd) || (m >= kCmpEq && m <= kCmpLe) ||
         (m >= kLogicalAnd && m <= kLogicalNot) || m == kGenIndex || m == kBinarySelect;
}

std::shared_ptr<const void> pointwise(const Content &c) {
  Pointwise v;
  v.mode = c.enumeration(kPointwiseMode);
  if (!knownPointwise(v.mode))
    refuse(kBadParam, "CUDNN_ATTR_POINTWISE_MODE: %d is not known", v.mode);
  v.prec = floatType(c, kPointwiseMathPrec);
  v.lower = c.real(kPointwiseReluLower, 0);
  v.upper = c.real(kPointwiseReluUpper, HUGE_VAL);
  v.slope = c.real(kPointwiseReluSlope, 0);
  v.elu = c.real(kPointwiseEluAlpha, 1);
  v.softplus = c.real(kPointwiseSoftplusBeta, 1);
  v.swish = c.real(kPointwiseSwishBeta, 1);
  v.propagateNan = c.enumeration(kPointwiseNan, 0) == 1;
  if (c.has(kPointwiseAxis)) v.axis = c.i64(kPointwiseAxis);
  return shared(v);
}

std::shared_ptr<const void> reduction(const Content &c) {
  return shared(Reduction{enumerated(c, kReductionOperator, 0, kReduceMulNoZeros),
                          floatType(c, kReductionCompType), c.flag(kReductionDeterministic)});
}

std::shared_ptr<const void> resampling(const Content &c) {
  Resample v;
  v.mode = enumerated(c, kResampleMode, 0, kAvgPoolExclude);
  v.comp = floatType(c, kResampleCompType);
  v.padding = c.enumeration(kResamplePadding, kZeroPad);
  size_t n = spatial(c, kResampleSpatialDims);
  v.w = {each(c, kResamplePrePads, n, 0), each(c, kResamplePostPads, n, 0),
         each(c, kResampleStrides, n, 1), std::vector<int64_t>(n, 1),
         each(c, kResampleWindow, n, 1)};
  return shared(v);
}

std::shared_ptr<const void> heuristic(const Content &c) {
  enumerated(c, kHeurMode, 0, kHeurModeCount - 1);
  return made<Graph>(c, kHeurGraph, kOperationGraph);
}

std::shared_ptr<const void> engine(const Content &c) {
  auto g = made<Graph>(c, kEngineGraph, kOperationGraph);
  return shared(Engine{g, candidate(*g, int(c.i64(kEngineIndex))),
                       made<Card>(c, kEngineDeviceProp, kDeviceProp)});
}

std::shared_ptr<const void> config(const Content &c) {
  auto engine = made<Engine>(c, kConfigEngine, kEngine);
  if (!c.has(kConfigKnobs)) return shared(Config{engine});
  Engine set = *engine;
  for (auto &choice : c.at(kConfigKnobs).children) {
    if (choice->kind != kKnobChoice || !choice->finalized)
      refuse(kBadParam, "a knob's choice that is none, or not finalized");
    if (int type = choice->enumeration(kKnobChoiceType); type != kKnobSplitK)
      refuse(kBadParam, "engine %d has no knob %d", set.how.engine, type);
    set.how = sliced(*set.graph, set.how, choice->i64(kKnobChoiceValue));
  }
  return shared(Config{std::make_shared<const Engine>(set)});
}

std::shared_ptr<const void> pack(const Content &c) {
  auto uids = c.i64s(kPackUids);
  auto pointers = c.pointers(kPackPointers);
  if (uids.size() != pointers.size())
    refuse(kBadParam, "variant pack: %zu ids and %zu pointers", uids.size(), pointers.size());
  Pack p;
  p.workspace = c.pointer(kPackWorkspace);
  for (size_t i = 0; i < uids.size(); i++)
    if (!p.pointers.emplace(uids[i], pointers[i]).second)
      refuse(kDuplicatedEntries, "variant pack: two pointers for the id %ld", long(uids[i]));
  return shared(p);
}

// device reads the one used fact from a card's description: "deviceVer", ten times 10 x major +
// minor.
std::shared_ptr<const void> device(const Content &c) {
  if (!c.has(kDevicePropJson)) return shared(Card{currentArch()});
  std::string s = c.text(kDevicePropJson);
  auto at = s.find("\"deviceVer\"");
  auto colon = at == std::string::npos ? at : s.find(':', at);
  if (s.empty() || s[0] != '{' || s.find('}') == std::string::npos || colon == std::string::npos)
    refuse(kBadParam, "the device description is no JSON object with deviceVer");
  int arch = atoi(s.c_str() + colon + 1);
  if (arch < 700) refuse(kNotSupportedArchMismatch, "deviceVer %d: want 700 or more", arch);
  return shared(Card{arch});
}

}  // namespace

void finalize(Content &c) {
  if (c.finalized) refuse(kBadParam, "the %s is finalized already", kindName(c.kind));
  if (fields(c.kind).empty()) refuse(kBadParam, "a %s can be read only", kindName(c.kind));
  for (auto &f : fields(c.kind))
    if (f.required && !c.has(f.attr))
      refuse(kBadParam, "%s: %s is not set", kindName(c.kind), attrName(f.attr));
  switch (c.kind) {
  case kTensor: c.made = makeTensor(c); break;
  case kConvolution: c.made = convolution(c); break;
  case kPointwise: c.made = pointwise(c); break;
  case kReduction: c.made = reduction(c); break;
  case kResample: c.made = resampling(c); break;
  case kOperationGraph: c.made = makeGraph(c); break;
  case kEngineHeuristic: c.made = heuristic(c); break;
  case kEngine: c.made = engine(c); break;
  case kEngineConfig: c.made = config(c); break;
  case kKnobChoice: break;  // the configuration reads it
  case kExecutionPlan: c.made = makePlan(c); break;
  case kVariantPack: c.made = pack(c); break;
  case kDeviceProp: c.made = device(c); break;
  default: c.made = makeOperation(c);
  }
  c.finalized = true;
}

}  // namespace dnn
