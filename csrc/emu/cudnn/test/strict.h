// The parts of which the cases of strict_test.cc are made.
#pragma once
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

}  // namespace
