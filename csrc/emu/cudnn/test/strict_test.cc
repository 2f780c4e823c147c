// Refusals and their statuses. Every case is a mistake. The status is the real library's (9.28),
// unless the library accepts the mistake, crashes, or gives another status; the case then notes
// that, and what 9.19 and 9.10 answer otherwise. "strict_test LIBRARY real" compares the notes with
// the real library, with a stub driver loaded before it.
#include <sys/wait.h>
#include <unistd.h>

#include "card.h"
#include "fixture.h"

namespace {

constexpr int kDies = -1;  // a signal ends the process
constexpr int kSame = -2;  // the real library gives the same status

struct Case {
  const char *name;
  std::function<int()> run;
  int want, real = kSame, before928 = kSame, before919 = kSame;
};

const std::vector<int64_t> X{2, 8, 6, 6}, W{16, 8, 3, 3}, Y{2, 16, 6, 6}, C{1, 16, 1, 1};

DescPtr t(int64_t uid, const std::vector<int64_t> &dims, int type = kBfloat16,
          bool isVirtual = false) {
  return tensor({uid, dims, nhwc(dims), type, isVirtual});
}
ConvSpec padded() { return {{1, 1}, {1, 1}}; }
DescPtr fwd(const DescPtr &x, const DescPtr &w, const DescPtr &y) {
  return conv(kOpConvForward, convolution(padded()), x, w, y);
}
DescPtr good() { return graph(nullptr, {fwd(t(1, X), t(2, W), t(3, Y))}); }
DescPtr h100() { return device(kH100); }
DescPtr goodPlan() { return plan(nullptr, heuristics(good(), kHeurA, h100()).at(0), h100()); }

// without makes a descriptor with all of its attributes but one.
int without(int kind, int skip, const std::function<void(Desc &, int)> &setOne,
            const std::vector<int> &attrs) {
  auto d = desc(kind);
  for (int a : attrs)
    if (a != skip) setOne(*d, a);
  d->finalize();
  return d->status();
}
int tensorWithout(int skip) {
  return without(
      kTensor, skip,
      [](Desc &d, int a) {
        if (a == kTensorDataType)
          d.type(a, kFloat);
        else
          d.i64(a, a == kTensorDims ? X : a == kTensorStrides ? nhwc(X) : std::vector<int64_t>{16});
      },
      {kTensorUid, kTensorDataType, kTensorAlignment, kTensorDims, kTensorStrides});
}
int convolutionWithout(int skip) {
  return without(
      kConvolution, skip,
      [](Desc &d, int a) {
        if (a == kConvCompType)
          d.type(a, kFloat);
        else if (a == kConvMode)
          d.e(a, kTypeConvolutionMode, 1);
        else
          d.i64(a, a == kConvSpatialDims ? std::vector<int64_t>{2} : std::vector<int64_t>{1, 1});
      },
      {kConvCompType, kConvMode, kConvSpatialDims, kConvDilations, kConvStrides, kConvPrePads,
       kConvPostPads});
}
int forwardWithout(int skip) {
  auto x = t(1, X), w = t(2, W), y = t(3, Y), c = convolution(padded());
  return without(
      kOpConvForward, skip,
      [&](Desc &d, int a) {
        if (a == kConvFwdAlpha || a == kConvFwdBeta)
          d.f32(a, 1);
        else
          d.child(a, a == kConvFwdDesc ? *c : a == kConvFwdX ? *x : a == kConvFwdW ? *w : *y);
      },
      {kConvFwdDesc, kConvFwdX, kConvFwdW, kConvFwdY, kConvFwdAlpha, kConvFwdBeta});
}
int raw(int kind, int attr, int type, int64_t count, const void *p) {
  auto d = desc(kind);
  return api.set(d->get(), attr, type, count, p);
}
int pw(int mode, const std::vector<int64_t> &x, const std::vector<int64_t> &b,
       const std::vector<int64_t> &y) {
  return pointwise(mode, t(1, x), b.empty() ? nullptr : t(2, b), t(3, y))->status();
}
DescPtr reduction(int op, const DescPtr &x, const DescPtr &y) {
  auto r = desc(kReduction), d = desc(kOpReduction);
  r->e(kReductionOperator, kTypeReductionOperator, op).type(kReductionCompType, kFloat).finalize();
  if (r->status()) return r;
  d->child(kOpReductionDesc, *r).child(kOpReductionX, *x).child(kOpReductionY, *y).finalize();
  return d;
}
DescPtr statistics(const DescPtr &x, const DescPtr &sum, const DescPtr &square) {
  auto d = desc(kOpGenStats);
  d->e(kGenStatsMode, kTypeGenstatsMode, 0)
      .type(kGenStatsMathPrec, kFloat)
      .child(kGenStatsX, *x)
      .child(kGenStatsSum, *sum)
      .child(kGenStatsSqSum, *square)
      .finalize();
  return d;
}
int fromText(std::string text, const DescPtr &card) {
  auto p = desc(kExecutionPlan);
  p->text(kPlanJson, text);
  if (card) p->child(kPlanDeviceProp, *card);
  p->finalize();
  return p->status();
}
std::string textOf(const DescPtr &p) {
  int64_t n = 0;
  api.get(p->get(), kPlanJson, kTypeChar, 0, &n, nullptr);
  std::string s(size_t(n), ' ');
  api.get(p->get(), kPlanJson, kTypeChar, n, &n, &s[0]);
  return s;
}
std::string changed(std::string s, const std::string &from, const std::string &to) {
  auto at = s.find(from);
  if (at != std::string::npos) s.replace(at, from.size(), to);
  return s;
}

int64_t five = 5;
float half = 0.5f;
void *none = nullptr;

std::vector<Case> cases() {
  return {
      // The descriptors themselves.
      {"a descriptor of an unknown type",
       [] {
         void *d;
         return api.descCreate(999, &d);
       },
       kHostAllocationFailed},
      {"no place for a descriptor", [] { return api.descCreate(kTensor, nullptr); }, kDies},
      {"set on no descriptor", [] { return api.set(nullptr, kTensorUid, kTypeInt64, 1, &five); },
       kNullPointer},
      {"finalize no descriptor", [] { return api.finalize(nullptr); }, kNullPointer},
      {"destroy no descriptor", [] { return api.descDestroy(nullptr); }, kNullPointer},
      {"set on a destroyed descriptor",
       [] {
         void *d;
         api.descCreate(kTensor, &d);
         api.descDestroy(d);
         return api.set(d, kTensorUid, kTypeInt64, 1, &five);
       },
       kDies},
      {"an attribute's wrong type", [] { return raw(kTensor, kTensorUid, kTypeDouble, 1, &five); },
       kAttributeType},
      {"an attribute's unknown type", [] { return raw(kTensor, kTensorUid, 99, 1, &five); },
       kAttributeType},
      {"a flag as a number", [] { return raw(kTensor, kTensorVirtual, kTypeInt64, 1, &five); },
       kAttributeType},
      {"two of one",
       [] {
         int64_t v[2] = {1, 2};
         return raw(kTensor, kTensorUid, kTypeInt64, 2, v);
       },
       kBadParam},
      {"none of one", [] { return raw(kTensor, kTensorUid, kTypeInt64, 0, &five); }, kBadParam},
      {"no elements", [] { return raw(kTensor, kTensorUid, kTypeInt64, 1, nullptr); }, kBadParam},
      {"another kind's attribute",
       [] { return raw(kTensor, kConvFwdAlpha, kTypeDouble, 1, &five); }, kBadParam},
      {"an attribute that is none", [] { return raw(kTensor, 99999, kTypeInt64, 1, &five); },
       kBadParam},
      {"set after finalize",
       [] {
         auto d = t(1, X);
         return api.set(d->get(), kTensorUid, kTypeInt64, 1, &five);
       },
       kBadParam},
      {"finalize twice",
       [] {
         auto d = t(1, X);
         return api.finalize(d->get());
       },
       kBadParam},
      {"get before finalize",
       [] {
         auto d = desc(kTensor);
         int64_t v, n;
         return api.get(d->get(), kTensorUid, kTypeInt64, 1, &n, &v);
       },
       kNotInitialized},
      {"get as another type",
       [] {
         auto d = t(1, X);
         int64_t v, n;
         return api.get(d->get(), kTensorUid, kTypeFloat, 1, &n, &v);
       },
       kAttributeType},
      {"get what is not there",
       [] {
         auto d = t(1, X);
         int64_t v, n;
         return api.get(d->get(), kConvFwdAlpha, kTypeInt64, 1, &n, &v);
       },
       kBadParam},
      {"set what can be read only",
       [] { return raw(kExecutionPlan, kPlanWorkspace, kTypeInt64, 1, &five); }, kNotSupported},

      // Tensors.
      {"tensor: no id", [] { return tensorWithout(kTensorUid); }, kBadParam, kSuccess},
      {"tensor: no data type", [] { return tensorWithout(kTensorDataType); }, kBadParam, kSuccess},
      {"tensor: no alignment", [] { return tensorWithout(kTensorAlignment); }, kBadParam},
      {"tensor: no dimensions", [] { return tensorWithout(kTensorDims); }, kBadParam},
      {"tensor: no strides", [] { return tensorWithout(kTensorStrides); }, kBadParam},
      {"tensor: nine dimensions",
       [] {
         std::vector<int64_t> v(9, 1);
         return tensor({1, v, v})->status();
       },
       kBadParam},
      {"tensor: dimensions without strides", [] { return tensor({1, X, {1, 1, 1}})->status(); },
       kBadParam},
      {"tensor: a dimension of 0", [] { return tensor({1, {2, 0, 6, 6}, {1, 1, 1, 1}})->status(); },
       kBadParam, kSuccess},
      {"tensor: a negative dimension",
       [] { return tensor({1, {2, -1, 6, 6}, {1, 1, 1, 1}})->status(); }, kBadParam},
      {"tensor: a negative stride", [] { return tensor({1, X, {-1, 1, 1, 1}})->status(); },
       kBadParam},
      {"tensor: elements that overlap", [] { return tensor({1, X, {1, 1, 1, 1}})->status(); },
       kBadParam, kSuccess},
      {"tensor: alignment below the element",
       [] { return tensor({1, X, nhwc(X), kFloat, false, false, 2})->status(); }, kBadParam},
      {"tensor: alignment that is no multiple",
       [] { return tensor({1, X, nhwc(X), kHalf, false, false, 3})->status(); }, kBadParam},
      {"tensor: alignment of 0",
       [] { return tensor({1, X, nhwc(X), kHalf, false, false, 0})->status(); }, kBadParam},
      {"tensor: an unknown data type", [] { return t(1, X, 77)->status(); }, kDies},
      {"tensor: a vectorized data type", [] { return t(1, X, kInt8x4)->status(); }, kNotSupported},
      {"tensor: by value and more than one",
       [] { return tensor({1, X, nhwc(X), kFloat, false, true})->status(); }, kBadParam},

      // Convolutions.
      {"convolution: no compute type", [] { return convolutionWithout(kConvCompType); }, kBadParam,
       kSuccess},
      {"convolution: no mode", [] { return convolutionWithout(kConvMode); }, kBadParam, kSuccess},
      {"convolution: no number of dimensions", [] { return convolutionWithout(kConvSpatialDims); },
       kBadParam},
      {"convolution: no strides", [] { return convolutionWithout(kConvStrides); }, kBadParam},
      {"convolution: no dilations", [] { return convolutionWithout(kConvDilations); }, kBadParam},
      {"convolution: no padding in front", [] { return convolutionWithout(kConvPrePads); },
       kBadParam, kSuccess},
      {"convolution: no padding behind", [] { return convolutionWithout(kConvPostPads); },
       kBadParam, kSuccess},
      {"convolution: negative padding", [] { return convolution({{-1, 1}, {1, 1}})->status(); },
       kBadParam},
      {"convolution: stride 0", [] { return convolution({{1, 1}, {1, 1}, {0, 1}})->status(); },
       kBadParam},
      {"convolution: dilation 0",
       [] { return convolution({{1, 1}, {1, 1}, {1, 1}, {0, 1}})->status(); }, kBadParam},
      {"convolution: three paddings of two",
       [] { return convolution({{1, 1, 1}, {1, 1}})->status(); }, kBadParam},
      {"convolution: an unknown mode",
       [] { return convolution({{1, 1}, {1, 1}, {1, 1}, {1, 1}, kFloat, 7})->status(); }, kBadParam,
       kSuccess},
      {"forward: no convolution", [] { return forwardWithout(kConvFwdDesc); }, kBadParam},
      {"forward: no x", [] { return forwardWithout(kConvFwdX); }, kBadParam},
      {"forward: no w", [] { return forwardWithout(kConvFwdW); }, kBadParam},
      {"forward: no y", [] { return forwardWithout(kConvFwdY); }, kBadParam},
      {"forward: no alpha", [] { return forwardWithout(kConvFwdAlpha); }, kBadParam, kSuccess},
      {"forward: no beta", [] { return forwardWithout(kConvFwdBeta); }, kBadParam, kSuccess},
      {"forward: null for a child",
       [] { return raw(kOpConvForward, kConvFwdX, kTypeDescriptor, 1, &none); }, kBadParam,
       kSuccess, kBadParam},
      {"forward: a child that is not finalized",
       [] { return fwd(desc(kTensor), t(2, W), t(3, Y))->status(); }, kBadParam},
      {"forward: a child finalized after it was set",
       [] {
         auto x = desc(kTensor), w = t(2, W), y = t(3, Y), c = convolution(padded()),
              d = desc(kOpConvForward);
         x->i64(kTensorUid, {1})
             .type(kTensorDataType, kBfloat16)
             .i64(kTensorAlignment, {16})
             .i64(kTensorDims, X)
             .i64(kTensorStrides, nhwc(X));
         d->child(kConvFwdX, *x)
             .child(kConvFwdW, *w)
             .child(kConvFwdY, *y)
             .child(kConvFwdDesc, *c)
             .f32(kConvFwdAlpha, 1)
             .f32(kConvFwdBeta, 0);
         x->finalize();
         return d->finalize().status();
       },
       kBadParam},
      {"forward: a child destroyed after it was set",
       [] {
         auto d = desc(kOpConvForward);
         auto x = t(1, X), w = t(2, W), y = t(3, Y), c = convolution(padded());
         d->child(kConvFwdX, *x)
             .child(kConvFwdW, *w)
             .child(kConvFwdY, *y)
             .child(kConvFwdDesc, *c)
             .f32(kConvFwdAlpha, 1)
             .f32(kConvFwdBeta, 0);
         x = w = y = c = nullptr;
         return d->finalize().status();
       },
       kSuccess},
      {"forward: a tensor for a convolution",
       [] { return conv(kOpConvForward, t(1, X), t(1, X), t(2, W), t(3, Y))->status(); },
       kBadParam},
      {"forward: a convolution for a tensor",
       [] { return fwd(convolution(padded()), t(2, W), t(3, Y))->status(); }, kBadParam, kDies,
       kBadParam},
      {"forward: alpha as a whole number",
       [] { return raw(kOpConvForward, kConvFwdAlpha, kTypeInt64, 1, &five); }, kAttributeType,
       kBadParam},
      {"forward: rows that do not fit",
       [] { return fwd(t(1, X), t(2, W), t(3, {2, 16, 5, 6}))->status(); }, kBadParam},
      {"forward: images that do not fit",
       [] { return fwd(t(1, X), t(2, W), t(3, {3, 16, 6, 6}))->status(); }, kBadParam},
      {"forward: filters that do not fit", [] { return fwd(t(1, X), t(2, W), t(3, X))->status(); },
       kBadParam},
      {"forward: channels that are no multiple",
       [] { return fwd(t(1, X), t(2, {16, 3, 3, 3}), t(3, Y))->status(); }, kBadParam},
      {"forward: filters that do not divide into groups",
       [] { return fwd(t(1, X), t(2, {15, 4, 3, 3}), t(3, {2, 15, 6, 6}))->status(); }, kBadParam},
      {"forward: three dimensions",
       [] { return fwd(tensor({1, {2, 8, 6}, {48, 1, 8}}), t(2, W), t(3, Y))->status(); },
       kBadParam},
      {"forward: a window larger than the image",
       [] {
         return conv(kOpConvForward, convolution({}), t(1, {2, 8, 2, 2}), t(2, W),
                     t(3, {2, 16, 1, 1}))
             ->status();
       },
       kBadParam},

      // Element-wise operations, reductions, statistics.
      {"pointwise: an unknown mode", [] { return pw(999, Y, Y, Y); }, kBadParam, kSuccess},
      {"pointwise: one operand missing", [] { return pw(kAdd, Y, {}, Y); }, kBadParam},
      {"pointwise: one operand too many", [] { return pw(kReluFwd, Y, Y, Y); }, kBadParam,
       kSuccess},
      {"pointwise: operands of other channels", [] { return pw(kAdd, Y, {1, 8, 1, 1}, Y); },
       kBadParam, kSuccess},
      {"pointwise: an output smaller than its inputs", [] { return pw(kAdd, Y, C, C); }, kBadParam,
       kSuccess},
      {"pointwise: other ranks",
       [] {
         return pointwise(kAdd, t(1, Y), tensor({2, {1, 16, 1}, {16, 1, 16}}), t(3, Y))->status();
       },
       kBadParam},
      {"pointwise: no description",
       [] {
         auto d = desc(kOpPointwise);
         auto x = t(1, Y), y = t(2, Y);
         d->child(kOpPwX, *x).child(kOpPwY, *y).finalize();
         return d->status();
       },
       kBadParam},
      {"pointwise: the gradient of what was smaller", [] { return pw(kReluBwd, Y, C, Y); },
       kSuccess},
      {"reduction: to a part",
       [] { return reduction(kReduceAdd, t(1, Y), t(2, {1, 8, 1, 1}, kFloat))->status(); },
       kBadParam, kSuccess},
      {"reduction: to more",
       [] { return reduction(kReduceAdd, t(1, Y), t(2, {2, 32, 1, 1}, kFloat))->status(); },
       kBadParam},
      {"reduction: another rank",
       [] { return reduction(kReduceAdd, t(1, Y), tensor({2, {16}, {1}}))->status(); }, kBadParam},
      {"reduction: an unknown operator",
       [] { return reduction(99, t(1, Y), t(2, C, kFloat))->status(); }, kBadParam},
      {"statistics: other channels",
       [] { return statistics(t(1, Y), t(2, {1, 8, 1, 1}, kFloat), t(3, C, kFloat))->status(); },
       kBadParam, kSuccess},
      {"statistics: of every element",
       [] { return statistics(t(1, Y), t(2, Y, kFloat), t(3, C, kFloat))->status(); }, kBadParam,
       kSuccess},
      {"statistics: nothing set",
       [] {
         auto d = desc(kOpGenStats);
         d->finalize();
         return d->status();
       },
       kBadParam, kSuccess},

      // Graphs.
      {"graph: no operations",
       [] {
         auto d = desc(kOperationGraph);
         d->finalize();
         return d->status();
       },
       kBadParam},
      {"graph: an operation that is not finalized",
       [] { return graph(nullptr, {desc(kOpConvForward)})->status(); }, kNotFinalized},
      {"graph: a tensor for an operation", [] { return graph(nullptr, {t(1, X)})->status(); },
       kDescriptorType, kDies, kDies, kNotSupported},
      {"graph: one id for x and y",
       [] { return graph(nullptr, {fwd(t(1, X), t(2, W), t(1, Y))})->status(); },
       kDuplicatedEntries, kSuccess},
      {"graph: one id for two tensors",
       [] {
         auto v = t(3, Y, kFloat, true);
         return graph(nullptr, {fwd(t(1, X), t(2, W), v),
                                pointwise(kReluFwd, t(3, X, kFloat, true), nullptr, t(4, X))})
             ->status();
       },
       kDuplicatedEntries, kSuccess, kBadParam},
      {"graph: a tensor written twice",
       [] {
         return graph(nullptr, {pointwise(kReluFwd, t(7, Y), nullptr, t(8, Y)),
                                pointwise(kReluFwd, t(7, Y), nullptr, t(8, Y))})
             ->status();
       },
       kBadParam},
      {"graph: a cycle",
       [] {
         auto a = t(1, Y, kFloat, true), b = t(2, Y, kFloat, true);
         return graph(nullptr,
                      {pointwise(kReluFwd, a, nullptr, b), pointwise(kReluFwd, b, nullptr, a)})
             ->status();
       },
       kBadParam},
      {"graph: a virtual tensor that nobody writes",
       [] { return graph(nullptr, {fwd(t(1, X, kBfloat16, true), t(2, W), t(3, Y))})->status(); },
       kBadParam, kSuccess},
      {"graph: a virtual tensor that nobody reads",
       [] { return graph(nullptr, {fwd(t(1, X), t(2, W), t(3, Y, kFloat, true))})->status(); },
       kBadParam, kSuccess},
      {"graph: parts without connection",
       [] {
         return graph(nullptr, {fwd(t(1, X), t(2, W), t(3, Y)),
                                pointwise(kReluFwd, t(7, Y), nullptr, t(8, Y))})
             ->status();
       },
       kBadParam, kSuccess},
      {"graph: operations in any order",
       [] {
         auto v = t(3, Y, kFloat, true);
         return graph(nullptr, {pointwise(kReluFwd, v, nullptr, t(4, Y)), fwd(t(1, X), t(2, W), v)})
             ->status();
       },
       kSuccess},

      // Heuristics, engines, plans.
      {"heuristics: no graph",
       [] {
         auto d = desc(kEngineHeuristic);
         d->e(kHeurMode, kTypeHeurMode, kHeurA).finalize();
         return d->status();
       },
       kBadParam},
      {"heuristics: no mode",
       [] {
         auto d = desc(kEngineHeuristic);
         d->child(kHeurGraph, *good()).finalize();
         return d->status();
       },
       kBadParam, kSuccess},
      {"heuristics: an unknown mode",
       [] {
         auto d = desc(kEngineHeuristic);
         d->child(kHeurGraph, *good()).e(kHeurMode, kTypeHeurMode, 9).finalize();
         return d->status();
       },
       kBadParam, kSuccess},
      {"heuristics: results before finalize",
       [] {
         auto d = desc(kEngineHeuristic), r = desc(kEngineConfig);
         void *p = r->get();
         int64_t n;
         return api.get(d->get(), kHeurResults, kTypeDescriptor, 1, &n, &p);
       },
       kNotInitialized},
      {"engine: no index",
       [] {
         auto d = desc(kEngine);
         d->child(kEngineGraph, *good()).finalize();
         return d->status();
       },
       kBadParam, kNotSupported},
      {"engine: an index too high",
       [] {
         auto d = desc(kEngine);
         d->child(kEngineGraph, *good()).i64(kEngineIndex, {9999}).finalize();
         return d->status();
       },
       kNotSupported},
      {"configuration: no engine",
       [] {
         auto d = desc(kEngineConfig);
         d->finalize();
         return d->status();
       },
       kBadParam, kDies},
      {"configuration: an engine that is not finalized",
       [] {
         auto d = desc(kEngineConfig);
         d->child(kConfigEngine, *desc(kEngine)).finalize();
         return d->status();
       },
       kBadParam, kDies},
      {"plan: no configuration",
       [] {
         auto d = desc(kExecutionPlan);
         d->child(kPlanDeviceProp, *h100()).finalize();
         return d->status();
       },
       kBadParam, kDies, kNotFinalized},
      {"plan: its workspace before finalize",
       [] { return number(desc(kExecutionPlan), kPlanWorkspace) == -1 ? kNotInitialized : 0; },
       kNotInitialized},
      {"plan: read from its own text", [] { return fromText(textOf(goodPlan()), h100()); },
       kSuccess},
      {"plan: read by another version",
       [] {
         return fromText(changed(textOf(goodPlan()), "\"cudnnVersion\":9", "\"cudnnVersion\":8"),
                         h100());
       },
       kSublibraryVersionMismatch},
      {"plan: read for another card",
       [] {
         return fromText(textOf(goodPlan()),
                         device(changed(kH100, "\"deviceVer\": 900", "\"deviceVer\": 800")));
       },
       kNotSupportedArchMismatch},
      {"plan: read from half of its text",
       [] {
         auto s = textOf(goodPlan());
         return fromText(s.substr(0, s.size() / 2), h100());
       },
       kBadParam},
      {"plan: read from no text of a plan", [] { return fromText("{garbage", h100()); }, kBadParam},
      {"device: a description that is none", [] { return device("{")->status(); }, kBadParam},

      // Variant packs, handles, calls.
      {"pack: an id twice", [] { return pack({1, 1}, {&five, &half}, nullptr)->status(); },
       kDuplicatedEntries, kSuccess},
      {"pack: three ids, two pointers",
       [] { return pack({1, 2, 3}, {&five, &half}, nullptr)->status(); }, kBadParam},
      {"pack: pointers without ids",
       [] {
         auto d = desc(kVariantPack);
         void *p = &five;
         d->ptr(kPackPointers, p).finalize();
         return d->status();
       },
       kBadParam},
      {"pack: no workspace",
       [] {
         auto d = desc(kVariantPack);
         d->i64(kPackUids, {1}).ptr(kPackPointers, &five).finalize();
         return d->status();
       },
       kSuccess},
      {"create: no place for the handle", [] { return api.create(nullptr); }, kBadParam},
      {"stream of no handle", [] { return api.setStream(nullptr, nullptr); }, kBadParam},
      {"execute nothing", [] { return api.execute(nullptr, nullptr, nullptr); }, kBadParam},
  };
}

// statusOf runs a case in a process of its own.
int statusOf(const Case &c, std::string *why) {
  int pipes[2];
  if (pipe(pipes)) return kUnexpectedValue;
  fflush(nullptr);
  pid_t p = fork();
  if (!p) {
    if (!freopen("/dev/null", "w", stderr)) _exit(9);
    int s = c.run();
    std::string text = api.last();
    if (write(pipes[1], &s, sizeof s) < 0 || write(pipes[1], text.data(), text.size()) < 0)
      _exit(9);
    _exit(0);
  }
  close(pipes[1]);
  int status = 0, s = kDies;
  char text[2048];
  if (read(pipes[0], &s, sizeof s) != sizeof s) s = kDies;
  ssize_t n = read(pipes[0], text, sizeof text);
  why->assign(text, n > 0 ? size_t(n) : 0);
  close(pipes[0]);
  waitpid(p, &status, 0);
  return WIFSIGNALED(status) ? kDies : s;
}

}  // namespace

int main(int argc, char **argv) {
  bool real = argc > 2 && !strcmp(argv[2], "real");
  if (argc > 3 && !dlopen(argv[3], RTLD_NOW | RTLD_GLOBAL))
    return fprintf(stderr, "%s\n", dlerror()), 2;
  api.open(argc > 1 ? argv[1] : "libcudnn.so.9");
  size_t n = 0;
  for (auto &c : cases()) {
    std::string why;
    int want = c.want;
    if (real && c.real != kSame) want = c.real;
    if (real && api.version() < 92800 && c.before928 != kSame) want = c.before928;
    if (real && api.version() < 91900 && c.before919 != kSame) want = c.before919;
    int have = statusOf(c, &why);
    EXPECT(have == want, "%s: want %d, have %d %s (%s)", c.name, want, have,
           have > 0 ? api.errorString(have) : "", why.c_str());
    if (!real && have > 0) EXPECT(!why.empty(), "%s: refused without a word", c.name);
    n++;
  }
  printf("%zu cases\n", n);
  return failures != 0;
}
