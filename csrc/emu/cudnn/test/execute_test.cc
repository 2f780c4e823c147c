// Execution on a stream: refusals at the call, faults when the work runs, plans as text. This
// program plays the driver. The library finds its hooks; they queue work until flush, and know the
// device's memory.
#include "card.h"
#include "fixture.h"

namespace {

struct Work {
  void (*run)(void *);
  void *arg;
  void (*release)(void *);
};
std::vector<Work> queued;
std::vector<std::pair<char *, size_t>> allocations;  // live allocations
int failed = 0, refusing = 0;

void flush(int times = 1) {
  for (auto &w : queued)
    for (int i = 0; i < times; i++) w.run(w.arg);
  for (auto &w : queued) w.release(w.arg);
  queued.clear();
}

}  // namespace

extern "C" {
int sk_emu_enqueue(void *, void (*run)(void *), void *arg, void (*release)(void *)) {
  if (refusing) return release(arg), refusing;
  queued.push_back({run, arg, release});
  return 0;
}
int sk_emu_check(const void *p, size_t bytes, int) {
  for (auto &a : allocations)
    if (p >= a.first && static_cast<const char *>(p) + bytes <= a.first + a.second) return 1;
  return 0;
}
void sk_emu_fail(int error) { failed = error; }
}

namespace {

const std::vector<int64_t> X{2, 8, 4, 4}, W{8, 8, 1, 1};

// Memory is an allocation on the device.
struct Memory {
  std::vector<char> bytes;
  char *at;
  explicit Memory(size_t n) : bytes(n + 16) {
    at = reinterpret_cast<char *>((reinterpret_cast<uintptr_t>(bytes.data()) + 15) / 16 * 16);
    allocations.push_back({at, n});
  }
  ~Memory() { free(); }
  void free() {
    for (size_t i = 0; i < allocations.size(); i++)
      if (allocations[i].first == at) allocations.erase(allocations.begin() + long(i)), i--;
  }
  float *floats() { return reinterpret_cast<float *>(at); }
};

DescPtr t(int64_t uid, const std::vector<int64_t> &d, int64_t align = 16) {
  return tensor({uid, d, nhwc(d), kFloat, false, false, align});
}
DescPtr convGraph() {
  return graph(handle, {conv(kOpConvForward, convolution({}), t(1, X), t(2, W), t(3, X))});
}
// withWorkspace is a plan of a graph that needs a workspace, or of one that does not.
DescPtr withWorkspace(bool wanted) {
  for (auto &c : heuristics(convGraph(), kHeurA)) {
    auto p = plan(handle, c);
    if ((number(p, kPlanWorkspace) > 0) == wanted) return p;
  }
  EXPECT(false, "no plan with workspace %d", wanted);
  return nullptr;
}

void calls() {
  Memory x(1024), w(256), y(1024), space(1 << 20), small(64);
  auto p = withWorkspace(false), q = withWorkspace(true);
  auto run = [&](const DescPtr &plan, std::vector<int64_t> uids, std::vector<void *> pointers,
                 void *workspace) {
    auto k = pack(uids, pointers, workspace);
    return k->status() ? k->status() : api.execute(handle, plan->get(), k->get());
  };
  int local[4];
  EXPECT_STATUS(run(p, {1, 2, 3}, {x.at, w.at, y.at}, nullptr), kSuccess);
  EXPECT_STATUS(run(p, {1, 2, 3, 99}, {x.at, w.at, y.at, x.at}, nullptr), kSuccess);
  EXPECT_STATUS(run(p, {1, 2}, {x.at, w.at}, nullptr), kBadParam);
  EXPECT_STATUS(run(p, {1, 2, 3}, {x.at, nullptr, y.at}, nullptr), kNullPointer);
  EXPECT_STATUS(run(p, {1, 2, 3}, {x.at + 4, w.at, y.at}, nullptr), kMisalignedPointer);
  // The pointer is not of the device.
  EXPECT_STATUS(run(p, {1, 2, 3}, {x.at, w.at, local}, nullptr), kBadParam);
  // The tensor ends behind its allocation.
  EXPECT_STATUS(run(p, {1, 2, 3}, {x.at + 16, w.at, y.at}, nullptr), kBadParam);
  // y overlaps x.
  EXPECT_STATUS(run(p, {1, 2, 3}, {x.at, w.at, x.at}, nullptr), kBadParam);
  EXPECT_STATUS(run(q, {1, 2, 3}, {x.at, w.at, y.at}, space.at), kSuccess);
  EXPECT_STATUS(run(q, {1, 2, 3}, {x.at, w.at, y.at}, nullptr), kNullPointer);
  EXPECT_STATUS(run(q, {1, 2, 3}, {x.at, w.at, y.at}, space.at + 4), kMisalignedPointer);
  EXPECT_STATUS(run(q, {1, 2, 3}, {x.at, w.at, y.at}, small.at), kSizeInsufficient);
  {
    Memory all((1 << 20) + 4096);
    // y overlaps the workspace.
    EXPECT_STATUS(run(q, {1, 2, 3}, {x.at, w.at, all.at + 64}, all.at), kBadParam);
  }
  flush();
  refusing = 900;
  EXPECT_STATUS(run(p, {1, 2, 3}, {x.at, w.at, y.at}, nullptr), kExecutionFailedDriver);
  refusing = 0;
  EXPECT_STATUS(api.execute(handle, pack({1}, {x.at}, nullptr)->get(), p->get()), kDescriptorType);
  EXPECT_STATUS(api.execute(handle, desc(kExecutionPlan)->get(), desc(kVariantPack)->get()),
                kNotFinalized);
  std::string described = kH100;
  described.replace(described.find("900", described.find("deviceVer")), 3, "800");
  auto other = ::device(described);
  auto foreign = plan(
      nullptr,
      heuristics(graph(nullptr, {conv(kOpConvForward, convolution({}), t(1, X), t(2, W), t(3, X))}),
                 kHeurA, other)
          .at(0),
      other);
  EXPECT_STATUS(run(foreign, {1, 2, 3}, {x.at, w.at, y.at}, space.at), kNotSupportedArchMismatch);
  EXPECT(queued.empty(), "refused calls were queued");
}

// Work runs when the stream does, as often as it is replayed, also when plan and pack are gone.
// Memory that is freed by then is an error of the stream.
void order() {
  Memory x(1024), w(256), y(1024), space(1 << 20);
  for (int i = 0; i < 256; i++) x.floats()[i] = 1, y.floats()[i] = -1;
  for (int i = 0; i < 64; i++) w.floats()[i] = 1;
  {
    auto p = withWorkspace(true);
    auto k = pack({1, 2, 3}, {x.at, w.at, y.at}, space.at);
    EXPECT_STATUS(api.execute(handle, p->get(), k->get()), kSuccess);
  }
  EXPECT(y.floats()[0] == -1, "work ran before its stream did");
  x.floats()[0] = 3;
  flush(2);
  EXPECT(y.floats()[0] == 10, "want the sum of eight with the new x, have %g",
         double(y.floats()[0]));
  EXPECT(space.floats()[0] != space.floats()[0], "the workspace was not used up");
  auto p = withWorkspace(false);
  EXPECT_STATUS(api.execute(handle, p->get(), pack({1, 2, 3}, {x.at, w.at, y.at}, nullptr)->get()),
                kSuccess);
  w.free();
  y.floats()[0] = -1;
  failed = 0;
  flush();
  EXPECT(failed == 700 && y.floats()[0] == -1,
         "freed before the stream ran: want an illegal address, have %d", failed);
}

// A scalar belongs to the call, not to the run. An element-wise operation may write over its input.
// Slices of one buffer's channels do not overlap.
void memory() {
  Memory x(1024), w(256), y(1024);
  for (int i = 0; i < 256; i++) x.floats()[i] = 2;
  auto s = tensor({9, {1, 1, 1, 1}, {1, 1, 1, 1}, kFloat, false, true});
  auto c = heuristics(graph(handle, {pointwise(kMul, t(1, X), s, t(3, X))}), kHeurA).at(0);
  float factor = 3;
  EXPECT_STATUS(api.execute(handle, plan(handle, c)->get(),
                            pack({1, 9, 3}, {x.at, &factor, x.at}, nullptr)->get()),
                kSuccess);
  factor = 5;
  flush();
  EXPECT(x.floats()[255] == 6, "want 2*3 in place, have %g", double(x.floats()[255]));

  Memory wide(2048);
  std::vector<int64_t> strides{256, 1, 64, 16};
  auto slice = [&](int64_t uid) { return tensor({uid, X, strides, kFloat}); };
  auto d = heuristics(
               graph(handle, {conv(kOpConvForward, convolution({}), slice(1), t(2, W), slice(3))}),
               kHeurFallback)
               .at(0);
  auto p = plan(handle, d);
  Memory space(size_t(number(p, kPlanWorkspace)));
  EXPECT_STATUS(api.execute(handle, p->get(),
                            pack({1, 2, 3}, {wide.at, w.at, wide.at + 32}, space.at)->get()),
                kSuccess);
  EXPECT_STATUS(api.execute(handle, p->get(),
                            pack({1, 2, 3}, {wide.at, w.at, wide.at + 16}, space.at)->get()),
                kBadParam);
  flush();
}

std::string textOf(const DescPtr &p) {
  int64_t n = 0;
  EXPECT_STATUS(api.get(p->get(), kPlanJson, kTypeChar, 0, &n, nullptr), kSuccess);
  std::string s(size_t(n), ' ');
  EXPECT_STATUS(api.get(p->get(), kPlanJson, kTypeChar, n, &n, &s[0]), kSuccess);
  return s;
}

// A plan that is read from its text computes the same as the plan, and any damage is found.
void text() {
  Memory x(1024), w(256), y(1024), z(1024), space(1 << 20);
  for (int i = 0; i < 256; i++) x.floats()[i] = float(i % 7) - 3;
  for (int i = 0; i < 64; i++) w.floats()[i] = float(i % 5) - 2;
  auto p = withWorkspace(true);
  std::string s = textOf(p);
  auto read = [&](const std::string &s) {
    auto q = desc(kExecutionPlan);
    q->text(kPlanJson, s).raw(kPlanHandle, kTypeHandle, 1, &handle).finalize();
    return q;
  };
  auto q = read(s + '\0');
  EXPECT_STATUS(q->status(), kSuccess);
  EXPECT(number(q, kPlanWorkspace) == number(p, kPlanWorkspace) && textOf(q) == s, "another plan");
  EXPECT_STATUS(api.execute(handle, p->get(), pack({1, 2, 3}, {x.at, w.at, y.at}, space.at)->get()),
                kSuccess);
  EXPECT_STATUS(api.execute(handle, q->get(), pack({1, 2, 3}, {x.at, w.at, z.at}, space.at)->get()),
                kSuccess);
  flush();
  EXPECT(!memcmp(y.at, z.at, 1024) && y.floats()[9] != 0, "other bits");
  for (size_t i = 0; i < s.size(); i += 7) {
    std::string broken = s;
    broken[i] = broken[i] == '1' ? '2' : '1';
    EXPECT(read(broken)->status() != kSuccess, "byte %zu of %zu changed: not noticed", i, s.size());
  }
}

// The settings: versions, broken engines, failing calls.
void settings() {
  auto with = [](const char *s) { setenv("SHAKE_EMU_CUDNN", s, 1); };
  EXPECT(api.version() == 92801, "version %zu", api.version());
  std::string s = textOf(withWorkspace(false));
  with("version=91900");
  auto q = desc(kExecutionPlan);
  q->text(kPlanJson, s).raw(kPlanHandle, kTypeHandle, 1, &handle).finalize();
  EXPECT(api.version() == 91900, "version %zu", api.version());
  EXPECT_STATUS(q->status(), kSublibraryVersionMismatch);
  with("broken=2");
  auto list = heuristics(convGraph(), kHeurA);
  for (size_t i = 0; i < list.size(); i++)
    EXPECT_STATUS(plan(handle, list[i])->status(), i < 2 ? kCompilationFailed : kSuccess);
  with("execute=5000; create=1001");
  auto p = withWorkspace(false);
  EXPECT_STATUS(api.execute(handle, p->get(), pack({1}, {&p}, nullptr)->get()), kExecutionFailed);
  void *h = nullptr;
  EXPECT_STATUS(api.create(&h), kNotInitialized);
  with("");
}

}  // namespace

int main(int argc, char **argv) {
  api.open(argc > 1 ? argv[1] : "libcudnn.so.9");
  EXPECT_STATUS(api.create(&handle), kSuccess);
  calls();
  order();
  memory();
  text();
  settings();
  EXPECT(queued.empty(), "work left behind");
  EXPECT_STATUS(api.destroy(handle), kSuccess);
  return failures != 0;
}
