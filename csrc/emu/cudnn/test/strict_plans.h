// Refusals of heuristics, engines, plans, packs and calls; see strict_test.cc.
#pragma once
#include "strict.h"

namespace {

std::vector<Case> planCases() {
  return {
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

}  // namespace
