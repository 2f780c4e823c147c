// Refusals of element-wise operations and graphs; see strict_test.cc.
#pragma once
#include "strict.h"

namespace {

std::vector<Case> graphCases() {
  return {
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
  };
}

}  // namespace
