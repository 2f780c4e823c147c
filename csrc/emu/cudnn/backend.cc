// The backend API's entry points, and the attributes that can be read from finalized descriptors.
#include <algorithm>

#include "execute.h"
#include "plan.h"
#include "settings.h"

namespace dnn {
namespace {
using namespace abi;

template <class T>
void give(const std::vector<T> &v, int type, int want, int64_t room, int64_t *count,
          void *elements) {
  if (type != want) refuse(kAttributeType, "want attribute type %d, have %d", want, type);
  if (count) *count = int64_t(v.size());
  if (elements && room > 0)
    std::copy_n(v.begin(), std::min<int64_t>(room, int64_t(v.size())), static_cast<T *>(elements));
}

// fill turns an unfinalized descriptor of the caller's into a finalized one.
void fill(void *descriptor, int kind, std::shared_ptr<const void> made) {
  auto c = live(descriptor);
  if (c->kind != kind)
    refuse(kDescriptorType, "want a %s to write to, have a %s", kindName(kind), kindName(c->kind));
  if (c->finalized) refuse(kBadParam, "the %s to write to is finalized already", kindName(kind));
  c->made = std::move(made);
  c->finalized = true;
}

// results answers a heuristic query. Without a device, described or behind a handle, the list is
// empty and there is no error.
void results(const Content &c, int type, int64_t room, int64_t *count, void *elements) {
  if (type != kTypeDescriptor)
    refuse(kAttributeType, "want attribute type %d, have %d", kTypeDescriptor, type);
  auto graph = std::static_pointer_cast<const Graph>(c.made);
  auto card = made<Card>(c, kHeurDeviceProp, kDeviceProp);
  Choice choice = choose(*graph);
  if (choice.status) refuse(choice.status, "%s", choice.why.c_str());
  int mode = c.enumeration(kHeurMode);
  auto list = mode == kHeurFallback ? choice.fallback : mode == kHeurB ? choice.b : choice.a;
  if (!card && !graph->handle) list.clear();
  if (list.empty())
    setLastError("heuristics: no engine: " +
                 (choice.why.empty() ? "none of this mode" : choice.why));
  size_t broken = size_t(setting("broken", 0));
  for (size_t i = 0; i < list.size() && i < broken; i++) list[i].broken = true;
  if (!elements || room <= 0) {
    if (count) *count = int64_t(list.size());
    return;
  }
  size_t n = std::min(size_t(room), list.size());
  for (size_t i = 0; i < n; i++) {
    auto engine = std::make_shared<const Engine>(Engine{graph, list[i], card});
    fill(static_cast<void **>(elements)[i], kEngineConfig,
         std::make_shared<const Config>(Config{engine}));
  }
  if (count) *count = int64_t(n);
}

void knobAttribute(const Knob &k, int attr, int type, int64_t room, int64_t *count,
                   void *elements) {
  switch (attr) {
  case kKnobInfoType: return give<int>({k.type}, type, kTypeKnobType, room, count, elements);
  case kKnobInfoMin: return give<int64_t>({k.least}, type, kTypeInt64, room, count, elements);
  case kKnobInfoMax: return give<int64_t>({k.most}, type, kTypeInt64, room, count, elements);
  case kKnobInfoStride: return give<int64_t>({k.stride}, type, kTypeInt64, room, count, elements);
  }
  refuse(kBadParam, "a knob has no attribute %d", attr);
}

void getAttribute(const Content &c, int attr, int type, int64_t room, int64_t *count,
                  void *elements) {
  if (!c.finalized)
    refuse(kNotInitialized, "%s of an unfinalized %s", attrName(attr), kindName(c.kind));
  if (c.kind == kKnobInfo) return knobAttribute(c.of<Knob>(), attr, type, room, count, elements);
  const Field *f = field(c.kind, attr);
  if (!f)
    refuse(kBadParam, "a %s has no attribute %d (%s)", kindName(c.kind), attr, attrName(attr));
  if (c.kind == kEngineHeuristic && attr == kHeurResults)
    return results(c, type, room, count, elements);
  if (c.kind == kOperationGraph && attr == kGraphEngineCount)
    return give<int64_t>({kEngines}, type, kTypeInt64, room, count, elements);
  if (c.kind == kEngineConfig && attr == kConfigEngine) {
    if (type != kTypeDescriptor)
      refuse(kAttributeType, "want attribute type %d, have %d", kTypeDescriptor, type);
    if (count) *count = 1;
    if (elements && room > 0) fill(*static_cast<void **>(elements), kEngine, c.of<Config>().engine);
    return;
  }
  if (c.kind == kEngineConfig && attr == kConfigWorkspace)
    return give<int64_t>({c.of<Config>().engine->how.workspace}, type, kTypeInt64, room, count,
                         elements);
  if (c.kind == kEngineConfig && attr == kConfigKnobs)
    return give<void *>({}, type, kTypeDescriptor, room, count, elements);
  if (c.kind == kEngine) {
    auto &how = c.of<Engine>().how;
    if (attr == kEngineIndex)
      return give<int64_t>({how.engine}, type, kTypeInt64, room, count, elements);
    if (attr == kEngineNumericalNote)
      return give<int>(how.notes, type, kTypeNumericalNote, room, count, elements);
    if (attr == kEngineBehaviorNote)
      return give<int>(how.behaviour, type, kTypeBehaviorNote, room, count, elements);
    if (attr == kEngineKnobs && !how.knobs.empty()) {
      if (type != kTypeDescriptor)
        refuse(kAttributeType, "want attribute type %d, have %d", kTypeDescriptor, type);
      size_t n = elements ? std::min(size_t(std::max<int64_t>(room, 0)), how.knobs.size()) : 0;
      for (size_t i = 0; i < n; i++)
        fill(static_cast<void **>(elements)[i], kKnobInfo,
             std::make_shared<const Knob>(how.knobs[i]));
      if (count) *count = int64_t(n ? n : how.knobs.size());
      return;
    }
    if (attr == kEngineKnobs || attr == kEngineLayout)
      return give<void *>({}, type, kTypeDescriptor, room, count, elements);
  }
  if (c.kind == kExecutionPlan && attr == kPlanWorkspace)
    return give<int64_t>({c.of<Plan>().engine->how.workspace}, type, kTypeInt64, room, count,
                         elements);
  if (c.kind == kExecutionPlan && attr == kPlanJson) {
    std::string text = planText(c.of<Plan>());
    return give<char>(std::vector<char>(text.begin(), text.end()), type, kTypeChar, room, count,
                      elements);
  }
  auto &v = c.at(attr);
  if (type != f->type && type != f->other)
    refuse(kAttributeType, "%s: want type %d, have %d", attrName(attr), f->type, type);
  storedAttribute(v, room, count, elements);
}

std::shared_ptr<Content> finalized(void *d, int kind, const char *what) {
  auto c = live(d);
  if (c->kind != kind) refuse(kDescriptorType, "the %s is a %s", what, kindName(c->kind));
  if (!c->finalized) refuse(kNotFinalized, "the %s is not finalized", what);
  return c;
}

}  // namespace
}  // namespace dnn

SK_EXPORTS
using namespace dnn;

int cudnnBackendCreateDescriptor(int kind, void **descriptor) {
  return guarded("cudnnBackendCreateDescriptor", [&] {
    if (!descriptor) die("cudnnBackendCreateDescriptor without a place for the descriptor");
    *descriptor = nullptr;
    *descriptor = createDescriptor(kind);
  });
}

int cudnnBackendDestroyDescriptor(void *d) {
  return guarded("cudnnBackendDestroyDescriptor", [&] {
    if (!d) refuse(abi::kNullPointer, "the descriptor is null");
    destroyDescriptor(static_cast<Descriptor *>(d));
  });
}

int cudnnBackendInitialize(void *d) {
  return guarded("cudnnBackendInitialize", [&] {
    auto c = live(d);
    int kind = c->kind;
    *c = Content{};
    c->kind = kind;
  });
}

int cudnnBackendSetAttribute(void *d, int attr, int type, int64_t count, const void *elements) {
  return guarded("cudnnBackendSetAttribute",
                 [&] { setAttribute(*live(d), attr, type, count, elements); });
}

int cudnnBackendGetAttribute(void *d, int attr, int type, int64_t room, int64_t *count,
                             void *elements) {
  return guarded("cudnnBackendGetAttribute",
                 [&] { getAttribute(*live(d), attr, type, room, count, elements); });
}

int cudnnBackendFinalize(void *d) {
  return guarded("cudnnBackendFinalize", [&] { finalize(*live(d)); });
}

int cudnnBackendExecute(void *handle, void *plan, void *pack) {
  return guarded("cudnnBackendExecute", [&] {
    auto h = liveHandle(handle);
    if (int status = int(setting("execute", 0))) refuse(status, "asked to fail by SHAKE_EMU_CUDNN");
    auto p = finalized(plan, abi::kExecutionPlan, "plan");
    execute(*h, std::static_pointer_cast<const Plan>(p->made),
            finalized(pack, abi::kVariantPack, "variant pack")->of<Pack>());
  });
}

// The native CUDA graph calls. No engine here offers them; some of the library's do not either.
int cudnnBackendPopulateCudaGraph(void *, void *, void *, void *) {
  return guarded("cudnnBackendPopulateCudaGraph", [] {
    refuse(abi::kNotSupportedCudaGraphNative,
           "the engine has no native CUDA graph: capture cudnnBackendExecute");
  });
}
int cudnnBackendUpdateCudaGraph(void *, void *, void *, void *) {
  return guarded("cudnnBackendUpdateCudaGraph", [] {
    refuse(abi::kNotSupportedCudaGraphNative, "the engine has no native CUDA graph");
  });
}
SK_EXPORTS_END
