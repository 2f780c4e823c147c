#include "plan.h"

#include <chrono>
#include <mutex>
#include <set>
#include <thread>

#include "handle.h"
#include "json.h"
#include "settings.h"

namespace dnn {
using namespace abi;

namespace {

std::string hex(const std::vector<unsigned char> &bytes) {
  std::string s;
  for (auto b : bytes) s += format("%02x", b);
  return s;
}

std::vector<unsigned char> unhex(const std::string &s) {
  std::vector<unsigned char> out;
  for (size_t i = 0; i + 1 < s.size(); i += 2)
    out.push_back((unsigned char)(strtoul(s.substr(i, 2).c_str(), nullptr, 16)));
  return out;
}

std::string write(const Content &c) {
  std::string s = format("{\"kind\":%d,\"attributes\":[", c.kind);
  bool first = true;
  for (auto &a : c.attrs) {
    s += format("%s{\"name\":%d,\"type\":%d,\"count\":%ld,", first ? "" : ",", a.first,
                a.second.type, long(a.second.count));
    first = false;
    if (a.second.children.empty()) {
      s += "\"bytes\":\"" + hex(a.second.bytes) + "\"}";
      continue;
    }
    s += "\"children\":[";
    for (size_t i = 0; i < a.second.children.size(); i++)
      s += (i ? "," : "") + write(*a.second.children[i]);
    s += "]}";
  }
  return s + "]}";
}

ContentPtr read(const Json &j) {
  auto c = std::make_shared<Content>();
  c->kind = int(j.number("kind"));
  for (auto &a : j.list("attributes")) {
    int name = int(a.number("name"));
    const Field *f = field(c->kind, name);
    Value v;
    v.type = int(a.number("type"));
    v.count = a.number("count");
    if (!f || (v.type != f->type && v.type != f->other) || v.count < 1)
      refuse(kBadParam, "the plan's text has an attribute %d that descriptor type %d has not", name,
             c->kind);
    if (v.type == kTypeDescriptor)
      for (auto &child : a.list("children")) v.children.push_back(read(child));
    else
      v.bytes = unhex(a.text("bytes"));
    c->attrs[name] = std::move(v);
  }
  finalize(*c);
  return c;
}

std::string checkSum(const std::string &s) {
  uint64_t h = 14695981039346656037u;
  for (unsigned char c : s) h = (h ^ c) * 1099511628211u;
  return format("%016lx", (unsigned long)h);
}

// reload makes the plan that text describes. If it knows no device here, the library crashes.
std::shared_ptr<Plan> reload(std::string text, const Card *card, const Handle *handle) {
  if (!card && !handle) die("a plan read from its text with neither a handle nor a device");
  while (!text.empty() && text.back() == 0) text.pop_back();
  Json j = parseJson(text);
  if (j.number("cudnnVersion") != int64_t(version()))
    refuse(kSublibraryVersionMismatch, "a plan written by version %ld, read by %zu",
           long(j.number("cudnnVersion")), version());
  int arch = card ? card->arch : handle->arch;
  if (j.number("deviceVer") != arch)
    refuse(kNotSupportedArchMismatch, "a plan for compute capability %ld, read for %d",
           long(j.number("deviceVer")), arch);
  auto at = text.rfind(",\"sum\":");
  if (at == std::string::npos || j.text("sum") != checkSum(text.substr(0, at)))
    refuse(kBadParam, "the plan's text was changed since it was written");
  Content graph;
  graph.kind = kOperationGraph;
  Value ops;
  ops.type = kTypeDescriptor;
  for (auto &op : j.list("graph")) ops.children.push_back(read(op));
  ops.count = int64_t(ops.children.size());
  graph.attrs[kGraphOps] = ops;
  finalize(graph);
  auto g = std::static_pointer_cast<const Graph>(graph.made);
  auto p = std::make_shared<Plan>();
  Candidate how = candidate(*g, int(j.number("engine")));
  if (int64_t n = j.number("slices")) how = sliced(*g, how, n);
  p->engine = std::make_shared<const Engine>(Engine{g, how, nullptr});
  p->arch = arch;
  return p;
}

// countPlan counts a plan that was prepared from an engine's configuration. Where the setting
// remember is not 0 it also counts plans of the same text as an earlier one, and threads, since
// remember was another number.
void countPlan(const Plan &p) {
  static std::mutex mutex;
  static std::set<std::string> seen;
  static std::set<std::thread::id> threads;
  static long number = 0;
  countEvent("plan");
  std::lock_guard<std::mutex> lock(mutex);
  if (long now = setting("remember", 0); now != number) {
    number = now;
    seen.clear();
    threads.clear();
  }
  if (!number) return;
  if (!seen.insert(planText(p)).second) countEvent("plan_again");
  if (threads.insert(std::this_thread::get_id()).second) countEvent("plan_thread");
}

}  // namespace

std::string planText(const Plan &p) {
  std::string s = format(
      "{\"cudnnVersion\":%zu,\"library\":\"emulated\",\"deviceVer\":%d,\"engine\":%d,\"slices\":%"
      "ld,\"graph\":[",
      version(), p.arch, p.engine->how.engine, long(p.engine->how.slices));
  auto &sources = p.engine->graph->sources;
  for (size_t i = 0; i < sources.size(); i++) s += (i ? "," : "") + write(*sources[i]);
  s += "]";
  return s + ",\"sum\":\"" + checkSum(s) + "\"}";
}

std::shared_ptr<const void> makePlan(const Content &c) {
  auto handle = c.has(kPlanHandle) ? liveHandle(c.pointer(kPlanHandle)) : nullptr;
  auto card = made<Card>(c, kPlanDeviceProp, kDeviceProp);
  if (c.has(kPlanJson)) {
    if (c.has(kPlanConfig))
      refuse(kBadParam, "a plan from its text and from an engine configuration");
    auto p = reload(c.text(kPlanJson), card.get(), handle);
    countEvent("plan_read");
    return p;
  }
  auto config = made<Config>(c, kPlanConfig, kEngineConfig);
  if (!config) refuse(kBadParam, "a plan without an engine configuration");
  auto p = std::make_shared<Plan>();
  p->engine = config->engine;
  if (long ms = setting("prepare", 0)) std::this_thread::sleep_for(std::chrono::milliseconds(ms));
  if (p->engine->how.broken)
    refuse(kCompilationFailed,
           "engine %d: the generated source does not compile (asked for by SHAKE_EMU_CUDNN)",
           p->engine->how.engine);
  if (!card) card = p->engine->card;
  p->arch = card ? card->arch : handle ? handle->arch : currentArch();
  countPlan(*p);
  return p;
}

}  // namespace dnn
