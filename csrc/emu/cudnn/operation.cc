// Operations: the tensors that each reads and writes, and the relations of their shapes.
#include <algorithm>

#include "model.h"

namespace dnn {
using namespace abi;

namespace {

struct Places {
  int x, w, y, desc, alpha, beta;
};
Places places(int kind) {
  if (kind == kOpConvForward)
    return {kConvFwdX, kConvFwdW, kConvFwdY, kConvFwdDesc, kConvFwdAlpha, kConvFwdBeta};
  if (kind == kOpConvData)
    return {kConvDataDx, kConvDataW, kConvDataDy, kConvDataDesc, kConvDataAlpha, kConvDataBeta};
  return {kConvFilterX,    kConvFilterDw,    kConvFilterDy,
          kConvFilterDesc, kConvFilterAlpha, kConvFilterBeta};
}

void take(Operation &o, const Content &c, std::vector<int> reads, std::vector<int> writes) {
  for (auto list : {&reads, &writes})
    for (int attr : *list) {
      auto t = made<Tensor>(c, attr, kTensor);
      if (!t) continue;
      o.tensors[attr] = t;
      (list == &reads ? o.reads : o.writes).push_back(attr);
    }
}

void wantShape(const Operation &o, int attr, const std::vector<int64_t> &dims, const char *why) {
  auto t = o.t(attr);
  if (t && t->dims != dims)
    refuse(kBadParam, "%s is %s, want dimensions %s: %s", attrName(attr), show(*t).c_str(),
           show(dims).c_str(), why);
}

// The real library, 9.10 to 9.28, takes no norm of a slice of channels into a packed tensor.
void wantStrides(const Operation &o, int attr, const Tensor &x) {
  auto t = o.t(attr);
  for (size_t i = 0; t && i < x.dims.size(); i++)
    if (x.dims[i] > 1 && t->strides[i] != x.strides[i])
      refuse(kShapeMismatch, "%s is %s, want the strides of %s", attrName(attr), show(*t).c_str(),
             show(x).c_str());
}

void wantFloat(int prec, int attr) {
  if (prec != kFloat)
    refuse(kNotSupported, "%s: want float, have %s", attrName(attr), typeName(prec));
}

// perChannel is [1 C 1 ...] for x of [N C ...].
std::vector<int64_t> perChannel(const Tensor &x) {
  std::vector<int64_t> d(x.dims.size(), 1);
  if (d.size() > 1) d[1] = x.dims[1];
  return d;
}

void convolution(Operation &o, const Content &c) {
  auto p = places(o.kind);
  o.conv = *made<Convolution>(c, p.desc, kConvolution);
  o.alpha = c.real(p.alpha, 1);
  o.beta = c.real(p.beta, 0);
  if (o.kind == kOpConvForward) take(o, c, {p.x, p.w}, {p.y});
  if (o.kind == kOpConvData) take(o, c, {p.w, p.y}, {p.x});
  if (o.kind == kOpConvFilter) take(o, c, {p.x, p.y}, {p.w});
  auto &x = o.x(), &w = o.w(), &y = o.y();
  size_t n = o.conv.w.stride.size();
  for (auto t : {&x, &w, &y})
    if (t->dims.size() != n + 2)
      refuse(kBadParam, "convolution of %zu spatial dimensions, and %s", n, show(*t).c_str());
  if (y.dims[0] != x.dims[0])
    refuse(kBadParam, "images: x has %ld, y %ld", long(x.dims[0]), long(y.dims[0]));
  if (y.dims[1] != w.dims[0])
    refuse(kBadParam, "channels: y has %ld, the filter makes %ld", long(y.dims[1]),
           long(w.dims[0]));
  if (x.dims[1] % w.dims[1])
    refuse(kBadParam, "channels: x has %ld, no multiple of the filter's %ld", long(x.dims[1]),
           long(w.dims[1]));
  if (w.dims[0] % o.groups())
    refuse(kBadParam, "%ld filters do not divide into %ld groups", long(w.dims[0]),
           long(o.groups()));
  for (size_t i = 0; i < n; i++) {
    int64_t span = o.conv.w.dilation[i] * (w.dims[i + 2] - 1) + 1,
            padded = x.dims[i + 2] + o.conv.w.pre[i] + o.conv.w.post[i];
    if (padded < span || y.dims[i + 2] != (padded - span) / o.conv.w.stride[i] + 1)
      refuse(kBadParam,
             "spatial dimension %zu: x %ld, padding %ld+%ld, filter %ld, dilation %ld, stride %ld "
             "do not give y %ld",
             i, long(x.dims[i + 2]), long(o.conv.w.pre[i]), long(o.conv.w.post[i]),
             long(w.dims[i + 2]), long(o.conv.w.dilation[i]), long(o.conv.w.stride[i]),
             long(y.dims[i + 2]));
  }
}

bool unary(int mode) {
  return (mode >= kAbs && mode <= kReciprocal) || mode == kSqrt || (mode >= 100 && mode < 200) ||
         mode == kLogicalNot || mode == kGenIndex;
}

void pointwise(Operation &o, const Content &c) {
  o.pw = *made<Pointwise>(c, kOpPwDesc, kPointwise);
  o.alpha = c.real(kOpPwAlpha1, 1);
  o.beta = c.real(kOpPwAlpha2, 1);
  bool backward = o.pw.mode >= 200 && o.pw.mode < 300;
  std::vector<int> need = {kOpPwX, kOpPwY};
  if (backward)
    need = {kOpPwX, kOpPwDy, kOpPwDx};
  else if (o.pw.mode == kBinarySelect)
    need = {kOpPwX, kOpPwB, kOpPwT, kOpPwY};
  else if (!unary(o.pw.mode))
    need = {kOpPwX, kOpPwB, kOpPwY};
  for (int a : {kOpPwX, kOpPwB, kOpPwT, kOpPwY, kOpPwDy, kOpPwDx}) {
    bool wanted = std::count(need.begin(), need.end(), a);
    if (wanted && !c.has(a))
      refuse(kBadParam, "%s is not set, which pointwise mode %d needs", attrName(a), o.pw.mode);
    if (!wanted && c.has(a))
      refuse(kBadParam, "%s is set, which pointwise mode %d has not", attrName(a), o.pw.mode);
  }
  if (backward)
    take(o, c, {kOpPwDy, kOpPwX}, {kOpPwDx});
  else
    take(o, c, {kOpPwX, kOpPwB, kOpPwT}, {kOpPwY});
  auto &out = *o.t(backward ? kOpPwDx : kOpPwY);
  std::vector<int64_t> most(out.dims.size(), 1);
  for (int a : o.reads) {
    auto &t = *o.t(a);
    if (t.dims.size() != out.dims.size())
      refuse(kBadParam, "pointwise: %s and %s differ in rank", show(t).c_str(), show(out).c_str());
    for (size_t i = 0; i < out.dims.size(); i++) {
      if (t.dims[i] != 1 && t.dims[i] != out.dims[i])
        refuse(kBadParam, "pointwise: %s does not broadcast to %s", show(t).c_str(),
               show(out).c_str());
      most[i] = std::max(most[i], t.dims[i]);
    }
  }
  if (most != out.dims)
    refuse(kBadParam, "pointwise: the inputs broadcast to %s, the output is %s", show(most).c_str(),
           show(out).c_str());
}

void statistics(Operation &o, const Content &c) {
  if ((o.mode = c.enumeration(kGenStatsMode)) != 0)
    refuse(kBadParam, "CUDNN_ATTR_OPERATION_GENSTATS_MODE: %d is not known", o.mode);
  wantFloat(c.enumeration(kGenStatsMathPrec), kGenStatsMathPrec);
  take(o, c, {kGenStatsX}, {kGenStatsSum, kGenStatsSqSum});
  for (int a : o.writes) wantShape(o, a, perChannel(*o.t(kGenStatsX)), "one sum for each channel");
}

void reduction(Operation &o, const Content &c) {
  o.red = *made<Reduction>(c, kOpReductionDesc, kReduction);
  take(o, c, {kOpReductionX}, {kOpReductionY});
  auto &x = *o.t(kOpReductionX), &y = *o.t(kOpReductionY);
  if (x.dims.size() != y.dims.size())
    refuse(kBadParam, "reduction: %s and %s differ in rank", show(x).c_str(), show(y).c_str());
  for (size_t i = 0; i < x.dims.size(); i++)
    if (y.dims[i] != 1 && y.dims[i] != x.dims[i])
      refuse(kBadParam, "reduction: dimension %zu goes from %ld to %ld, want 1 or the same", i,
             long(x.dims[i]), long(y.dims[i]));
}

void resample(Operation &o, const Content &c) {
  bool forward = o.kind == kOpResampleForward;
  o.pool = *made<Resample>(c, forward ? kResampleFwdDesc : kResampleBwdDesc, kResample);
  o.alpha = c.real(forward ? kResampleFwdAlpha : kResampleBwdAlpha, 1);
  o.beta = c.real(forward ? kResampleFwdBeta : kResampleBwdBeta, 0);
  if (forward)
    take(o, c, {kResampleFwdX}, {kResampleFwdY, kResampleFwdIndex});
  else
    take(o, c, {kResampleBwdDy, kResampleBwdX, kResampleBwdY, kResampleBwdIndex}, {kResampleBwdDx});
  auto &x = *o.t(forward ? kResampleFwdX : kResampleBwdDx),
       &y = *o.t(forward ? kResampleFwdY : kResampleBwdDy);
  auto &w = o.pool.w;
  if (x.dims.size() != w.size.size() + 2 || y.dims.size() != x.dims.size() ||
      x.dims[0] != y.dims[0] || x.dims[1] != y.dims[1])
    refuse(kBadParam, "pooling over %zu dimensions: %s and %s do not fit", w.size.size(),
           show(x).c_str(), show(y).c_str());
  for (size_t i = 0; i < w.size.size(); i++) {
    int64_t padded = x.dims[i + 2] + w.pre[i] + w.post[i];
    if (padded < w.size[i] || y.dims[i + 2] != (padded - w.size[i]) / w.stride[i] + 1)
      refuse(kBadParam,
             "pooling, spatial dimension %zu: x %ld, padding %ld+%ld, window %ld, stride %ld do "
             "not give y %ld",
             i, long(x.dims[i + 2]), long(w.pre[i]), long(w.post[i]), long(w.size[i]),
             long(w.stride[i]), long(y.dims[i + 2]));
  }
  wantShape(o, forward ? kResampleFwdIndex : kResampleBwdIndex, y.dims, "an index for each output");
  if (!forward)
    wantShape(o, kResampleBwdX, x.dims, "x as dx"), wantShape(o, kResampleBwdY, y.dims, "y as dy");
  if (!forward && o.pool.mode == kMaxPool && !o.t(kResampleBwdIndex) &&
      !(o.t(kResampleBwdX) && o.t(kResampleBwdY)))
    refuse(kBadParam, "max pooling backward needs the index, or x and y");
}

void normForward(Operation &o, const Content &c) {
  o.mode = c.enumeration(kNormFwdMode);
  o.phase = c.enumeration(kNormFwdPhase);
  if (o.mode < 0 || o.mode > 5 || o.phase < 0 || o.phase > 1)
    refuse(kBadParam, "norm: mode %d, phase %d", o.mode, o.phase);
  std::vector<int> reads = {kNormFwdX, kNormFwdScale, kNormFwdBias, kNormFwdEpsilon},
                   writes = {kNormFwdY};
  if (o.phase == kNormTraining) {
    reads.insert(reads.end(), {kNormFwdFactor, kNormFwdInMean, kNormFwdInVar});
    writes.insert(writes.end(), {kNormFwdMean, kNormFwdInvVar, kNormFwdOutMean, kNormFwdOutVar});
    if (!c.has(kNormFwdEpsilon)) refuse(kBadParam, "norm in training: no epsilon");
    int running = 0;
    for (int a : {kNormFwdFactor, kNormFwdInMean, kNormFwdInVar, kNormFwdOutMean, kNormFwdOutVar})
      running += c.has(a);
    if (running != 0 && running != 5)
      refuse(kBadParam,
             "norm: running statistics need factor, mean and variance in and out; %d of 5 are set",
             running);
    if (c.has(kNormFwdMean) != c.has(kNormFwdInvVar))
      refuse(kBadParam, "norm: saved mean and inverse variance go together");
  } else {
    reads.insert(reads.end(), {kNormFwdMean, kNormFwdInvVar});
    if (!c.has(kNormFwdMean) || !c.has(kNormFwdInvVar))
      refuse(kBadParam, "norm for inference: no mean or inverse variance");
  }
  take(o, c, reads, writes);
  auto &x = *o.t(kNormFwdX);
  wantShape(o, kNormFwdY, x.dims, "y as x");
  wantStrides(o, kNormFwdY, x);
  for (int a : {kNormFwdScale, kNormFwdBias, kNormFwdMean, kNormFwdInvVar, kNormFwdInMean,
                kNormFwdInVar, kNormFwdOutMean, kNormFwdOutVar})
    wantShape(o, a, perChannel(x), "one for each channel");
  for (int a : {kNormFwdEpsilon, kNormFwdFactor})
    if (o.t(a) && o.t(a)->count() != 1)
      refuse(kBadParam, "%s is %s, want one number", attrName(a), show(*o.t(a)).c_str());
}

void normBackward(Operation &o, const Content &c) {
  o.mode = c.enumeration(kNormBwdMode);
  if (o.mode < 0 || o.mode > 5) refuse(kBadParam, "norm: mode %d", o.mode);
  take(o, c, {kNormBwdX, kNormBwdMean, kNormBwdInvVar, kNormBwdDy, kNormBwdScale, kNormBwdEpsilon},
       {kNormBwdDx, kNormBwdDscale, kNormBwdDbias});
  auto &x = *o.t(kNormBwdX);
  wantShape(o, kNormBwdDy, x.dims, "dy as x");
  wantShape(o, kNormBwdDx, x.dims, "dx as x");
  wantStrides(o, kNormBwdDx, x);
  for (int a : {kNormBwdMean, kNormBwdInvVar, kNormBwdScale, kNormBwdDscale, kNormBwdDbias})
    wantShape(o, a, perChannel(x), "one for each channel");
}

void bnFinalize(Operation &o, const Content &c) {
  if ((o.mode = c.enumeration(kBnFinMode)) < 0 || o.mode > 1)
    refuse(kBadParam, "batch norm finalize: mode %d", o.mode);
  wantFloat(c.enumeration(kBnFinMathPrec), kBnFinMathPrec);
  take(o, c,
       {kBnFinSum, kBnFinSqSum, kBnFinScale, kBnFinBias, kBnFinPrevMean, kBnFinPrevVar, kBnFinCount,
        kBnFinEpsilon, kBnFinFactor},
       {kBnFinSavedMean, kBnFinSavedInvStd, kBnFinEqScale, kBnFinEqBias, kBnFinNextMean,
        kBnFinNextVar});
  int running = 0;
  for (int a : {kBnFinPrevMean, kBnFinPrevVar, kBnFinNextMean, kBnFinNextVar, kBnFinFactor})
    running += c.has(a);
  if (running != 0 && running != 5)
    refuse(kBadParam,
           "batch norm finalize: running statistics need all of their five tensors; %d are set",
           running);
  for (auto &p : o.tensors) {
    bool scalar = p.first == kBnFinCount || p.first == kBnFinEpsilon || p.first == kBnFinFactor;
    if (scalar && p.second->count() != 1)
      refuse(kBadParam, "%s: want one number", attrName(p.first));
    if (!scalar) wantShape(o, p.first, perChannel(*o.t(kBnFinSum)), "one for each channel");
  }
}

void bnBackwardWeights(Operation &o, const Content &c) {
  wantFloat(c.enumeration(kBnBwdMathPrec), kBnBwdMathPrec);
  take(o, c, {kBnBwdMean, kBnBwdInvStd, kBnBwdScale, kBnBwdX, kBnBwdDy},
       {kBnBwdDscale, kBnBwdDbias, kBnBwdEqDyScale, kBnBwdEqXScale, kBnBwdEqBias});
  auto &x = *o.t(kBnBwdX);
  for (auto &p : o.tensors)
    wantShape(o, p.first, p.first == kBnBwdX || p.first == kBnBwdDy ? x.dims : perChannel(x),
              "as x, or one for each channel");
}

}  // namespace

const Tensor &Operation::x() const { return *t(places(kind).x); }
const Tensor &Operation::w() const { return *t(places(kind).w); }
const Tensor &Operation::y() const { return *t(places(kind).y); }

std::shared_ptr<const void> makeOperation(const Content &c) {
  auto o = std::make_shared<Operation>();
  o->kind = c.kind;
  switch (c.kind) {
  case kOpConvForward:
  case kOpConvData:
  case kOpConvFilter: convolution(*o, c); break;
  case kOpPointwise: pointwise(*o, c); break;
  case kOpGenStats: statistics(*o, c); break;
  case kOpReduction: reduction(*o, c); break;
  case kOpResampleForward:
  case kOpResampleBackward: resample(*o, c); break;
  case kOpNormForward: normForward(*o, c); break;
  case kOpNormBackward: normBackward(*o, c); break;
  case kOpBnFinalize: bnFinalize(*o, c); break;
  case kOpBnBwdWeights: bnBackwardWeights(*o, c); break;
  case kOpReshape:
    take(*o, c, {kReshapeX}, {kReshapeY});
    if (o->t(kReshapeX)->count() != o->t(kReshapeY)->count())
      refuse(kBadParam, "reshape: %s and %s differ in size", show(*o->t(kReshapeX)).c_str(),
             show(*o->t(kReshapeY)).c_str());
    break;
  default: refuse(kNotSupported, "%s is not known here", kindName(c.kind));
  }
  for (auto &p : o->tensors)
    if (p.second->byValue && std::count(o->writes.begin(), o->writes.end(), p.first))
      refuse(kBadParam, "%s is written and passed by value", attrName(p.first));
  return o;
}

}  // namespace dnn
