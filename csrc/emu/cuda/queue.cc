// Streams are lazy: work is kept until a call waits for it, and then only the necessary part runs.
// A host that reads too early, or a stream that does not wait for another, therefore finds poison
// or old data every time.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "early.h"
#include "hooks.h"
#include "memory.h"
#include "settings.h"
#include "state.h"

namespace emu {
namespace {

// The most work that a stream holds. At this point a card, too, makes the host wait.
constexpr size_t kMost = 2048;

thread_local Context *working = nullptr;

// A profiler, and the number of the last call that put work on a stream.
std::atomic<void (*)(unsigned)> on_launch{nullptr};
std::atomic<void (*)(const sk_emu_ran *)> on_run{nullptr};
unsigned calls = 0;

// Tells the profiler of a kernel that ended now.
void report_run(const Op &op, const Work &w, double start) {
  auto f = on_run.load();
  if (!f || !w.function) return;
  sk_emu_ran r = {};
  r.name = w.function->name.c_str();
  std::copy(w.grid, w.grid + 3, r.grid), std::copy(w.block, w.block + 3, r.block);
  r.dynamic = w.dynamic, r.device = unsigned(op.context->device), r.correlation = op.correlation;
  if (op.graph)
    for (r.node = 1; op.work[r.node - 1].get() != &w;) r.node++;
  r.start = (unsigned long long)(start * 1e9), r.end = (unsigned long long)(now() * 1e9);
  f(&r);
}

// The programmatic kernels that may start while work i of op runs.
std::vector<Early> beside(const Op &op, size_t i, const std::shared_ptr<const Work> &follower) {
  std::vector<Early> out;
  for (size_t j = i + 1; j < op.primary.size(); j++)
    if (op.primary[j] == int(i)) out.emplace_back(op.work[j]);
  if (follower) out.emplace_back(follower);
  return out;
}

// Runs op, whose predecessors are all done.
void run(std::unique_lock<std::mutex> &lock, OpRef op) {
  Context &c = *op->context;
  op->state = Op::kRunning;
  if (!c.error && !op->work.empty()) {
    const OpRef f = op->follower.lock();
    const auto follower = f && f->state == Op::kWaiting ? f->work[0] : nullptr;
    lock.unlock();
    CUresult e = CUDA_SUCCESS;
    Context *before = working;
    working = &c;
    const bool timed = settings::number(-1, "profile", 0) != 0;
    for (size_t i = 0; i < op->work.size(); i++) {
      auto &w = op->work[i];
      auto next = beside(*op, i, follower);
      for (auto &n : next)
        if (!e) e = n.rehearse(c);
      const double start = now();
      if (!e) e = perform(*w, c);
      for (auto &n : next)
        if (!e) e = n.compare(*w);
      if (e) break;
      if (w->type == CU_GRAPH_NODE_TYPE_KERNEL) report_run(*op, *w, start);
      if (timed) spent(w->function ? w->function->name : "copies and fills", now() - start);
    }
    working = before;
    lock.lock();
    if (e && !c.error) c.error = e;
  }
  op->finished = now();
  op->state = Op::kDone;
  op->after.clear();
  op->work.clear();
  changed.notify_all();
}

// The next operation on the way to op: op itself, or a predecessor. Null if that operation is
// running elsewhere.
OpRef next(OpRef op) {
  for (;;) {
    OpRef first;
    for (auto &a : op->after)
      if (a->state != Op::kDone) {
        first = a;
        break;
      }
    if (!first) return op->state == Op::kWaiting ? op : nullptr;
    op = first;
  }
}

void tidy(Stream &s) {
  while (!s.queue.empty() && s.queue.front()->state == Op::kDone) s.queue.pop_front();
}

}  // namespace

OpRef enqueue(Stream &s, std::vector<std::shared_ptr<const Work>> work, std::vector<int> primary) {
  Context &c = *s.context;
  auto op = std::make_shared<Op>();
  op->context = &c;
  op->after = std::move(s.waits);
  s.waits.clear();
  tidy(s);
  if (!s.queue.empty()) op->after.push_back(s.queue.back());
  if (s.legacy) {
    for (auto &other : c.streams)
      if (other.second->blocking && other.second.get() != &s && !other.second->queue.empty())
        op->after.push_back(other.second->queue.back());
  } else if (s.blocking && !c.null_stream->queue.empty()) {
    op->after.push_back(c.null_stream->queue.back());
  }
  for (auto &w : work)
    if (w->to_host) memset(reinterpret_cast<void *>(w->dst), kPoison, w->bytes);
  if (work.size() == 1 && work[0]->programmatic && op->after.size() == 1 && !s.queue.empty()) {
    Op &before = *s.queue.back();
    if (before.work.size() == 1 && before.work[0]->type == CU_GRAPH_NODE_TYPE_KERNEL)
      before.follower = op;
  }
  op->work = std::move(work);
  op->primary = std::move(primary);
  op->correlation = ++calls;
  if (auto f = on_launch.load(); f && !op->work.empty()) f(op->correlation);
  s.queue.push_back(op);
  return op;
}

CUresult finish(std::unique_lock<std::mutex> &lock, OpRef op) {
  Context &c = *op->context;
  while (op->state != Op::kDone) {
    if (OpRef n = next(op))
      run(lock, n);
    else
      changed.wait(lock);
  }
  return c.error;
}

CUresult finish(std::unique_lock<std::mutex> &lock, Stream &s) {
  CUresult e = s.context->error;
  if (!s.waits.empty()) enqueue(s, {});
  if (s.legacy) enqueue(s, {});  // waits for the blocking streams
  if (!s.queue.empty()) e = finish(lock, s.queue.back());
  tidy(s);
  return e;
}

CUresult finish(std::unique_lock<std::mutex> &lock, Context &c) {
  std::vector<std::shared_ptr<Stream>> all = c.zombies;
  for (auto &s : c.streams) all.push_back(s.second);
  c.zombies.clear();
  for (auto &s : all) finish(lock, *s);
  return c.error;
}

bool poll(std::unique_lock<std::mutex> &lock, OpRef op) {
  if (op->state == Op::kDone) return true;
  if (OpRef n = next(op)) run(lock, n);
  return false;
}

void relieve(std::unique_lock<std::mutex> &lock, Stream &s) {
  if (s.queue.size() > kMost) finish(lock, s.queue.front()), tidy(s);
}

void forget(Context &c) {
  std::vector<std::shared_ptr<Stream>> all = c.zombies;
  for (auto &s : c.streams) all.push_back(s.second);
  for (auto &s : all) {
    for (auto &op : s->queue) op->state = Op::kDone, op->after.clear(), op->work.clear();
    s->queue.clear();
    s->waits.clear();
  }
  c.zombies.clear();
}

static void fill(const Work &w) {
  auto *p = reinterpret_cast<unsigned char *>(w.dst);
  if (w.width == 1)
    memset(p, int(w.value), w.bytes);
  else
    for (size_t i = 0; i < w.bytes; i += w.width) memcpy(p + i, &w.value, w.width);
}

// Never returns from the kernel that the setting hang names.
static void hang(const Context &c) {
  constexpr int kCards = 16;
  static std::atomic<long> ran[kCards];
  const double at = settings::number(c.device, "hang", 0);
  if (at == 0 || c.device >= kCards || ++ran[c.device] < long(at)) return;
  say("kernel %ld of card %d never ends", long(at), c.device);
  for (;;) usleep(100000);
}

CUresult perform(const Work &w, Context &c) {
  // Memory that existed when the work was queued may be freed by now; on a card that is an illegal
  // access.
  auto reach = [&](uintptr_t p, bool host) {
    memory::Block b;
    if (host || memory::find(p, w.bytes, &b)) return true;
    say("%s of %zu bytes at 0x%zx: %s", w.type == CU_GRAPH_NODE_TYPE_MEMSET ? "a fill" : "a copy",
        w.bytes, size_t(p), memory::nearest(p).c_str());
    return false;
  };
  switch (w.type) {
  case CU_GRAPH_NODE_TYPE_MEMCPY: {
    const void *src = w.staged ? w.staged->data() : reinterpret_cast<const void *>(w.src);
    if (!reach(w.dst, w.to_host) || (w.to_host && !reach(w.src, false)))
      return CUDA_ERROR_ILLEGAL_ADDRESS;
    memmove(reinterpret_cast<void *>(w.dst), src, w.bytes);
    return CUDA_SUCCESS;
  }
  case CU_GRAPH_NODE_TYPE_MEMSET:
    if (!reach(w.dst, false)) return CUDA_ERROR_ILLEGAL_ADDRESS;
    fill(w);
    return CUDA_SUCCESS;
  case CU_GRAPH_NODE_TYPE_KERNEL:
    if (!w.library) hang(c);
    if (!w.library) return run_kernel(w, c);
    [[fallthrough]];
  case CU_GRAPH_NODE_TYPE_HOST:
    c.failure = CUDA_SUCCESS;
    w.run(w.arg.get());
    return CUresult(c.failure.load());
  default: return CUDA_SUCCESS;
  }
}

}  // namespace emu

SK_API void sk_emu_trace(void (*launched)(unsigned), void (*ran)(const sk_emu_ran *)) {
  emu::on_launch = launched, emu::on_run = ran;
}

SK_API void sk_emu_fail(int error) {
  if (emu::working) emu::working->failure = error;
}
