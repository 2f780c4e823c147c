// The calls of a running thread to its block and its warp, and the messages of its access checks.
#include <cstdarg>
#include <cstdio>

#include "memory.h"
#include "run.h"
#include "settings.h"

using namespace emu;

namespace {

void wait(Worker &w) {
  if (w.block.watch) w.races.settle(w);
  fiber::change(*w.running, w.scheduler);
}

// Two lanes of one mask wait in operations that are not the same.
[[noreturn, gnu::cold]] void disagree(Worker &w, const Thread &a, const Thread &b) {
  if (a.op == b.op && a.line == b.line)
    fault(w, CUDA_ERROR_LAUNCH_FAILED,
          "lanes of one warp meet in two calls of " + tensor_name(b.op) + " of line " +
              std::to_string(b.line));
  fault(w, CUDA_ERROR_LAUNCH_FAILED,
        "lanes of one warp meet in different operations, at lines " + std::to_string(a.line) +
            " and " + std::to_string(b.line));
}

// The result of a vote or a reduction over the lanes that are there.
unsigned long long reduce(const Thread *t, unsigned there, int op) {
  unsigned long long r = 0;
  bool begun = false;
  for (unsigned i = 0; i < 32; i++) {
    if (!(there >> i & 1)) continue;
    const auto v = t[i].value;
    const unsigned a = unsigned(r), b = unsigned(v);
    switch (op) {
    case SK_EMU_BALLOT: r |= (unsigned long long)(v != 0) << i; break;
    case SK_EMU_RADD: r = begun ? a + b : b; break;
    case SK_EMU_RMIN: r = begun ? std::min(a, b) : b; break;
    case SK_EMU_RMAX: r = begun ? std::max(a, b) : b; break;
    case SK_EMU_RMINS: r = begun ? unsigned(std::min(int(a), int(b))) : b; break;
    case SK_EMU_RMAXS: r = begun ? unsigned(std::max(int(a), int(b))) : b; break;
    case SK_EMU_RAND: r = begun ? a & b : b; break;
    case SK_EMU_ROR: r = a | b; break;
    case SK_EMU_RXOR: r = a ^ b; break;
    }
    begun = true;
  }
  return r;
}

// The lanes whose value is that of lane i.
unsigned long long match(const Thread *t, unsigned there, unsigned i) {
  unsigned long long r = 0;
  for (unsigned j = 0; j < 32; j++)
    if (there >> j & 1 && t[j].value == t[i].value) r |= 1ull << j;
  return r;
}

// The value that a shuffle gives to lane i. That of a lane outside of the mask is undefined.
unsigned long long shuffle(const Thread *t, unsigned there, int i) {
  const int width = t[i].width, lo = i & -width, n = t[i].lane;
  int from = i;
  switch (t[i].op) {
  case SK_EMU_SHFL: from = lo + (n & (width - 1)); break;
  case SK_EMU_SHFL_UP: from = i - n < lo ? i : i - n; break;
  case SK_EMU_SHFL_DOWN: from = i + n >= lo + width ? i : i + n; break;
  case SK_EMU_SHFL_XOR: from = (i ^ n) >= lo + width ? i : i ^ n; break;
  }
  return from < 32 && there >> from & 1 ? t[from].value : 0xffffffffffffffffull;
}

// Performs the operation in which the lanes of a warp have met.
void perform(Worker &w, Thread *t, unsigned there, int op) {
  if (op >= SK_EMU_MMA_F16) {
    if (there != 0xffffffff)
      fault(w, CUDA_ERROR_LAUNCH_FAILED,
            "line " + std::to_string(t[__builtin_ctz(there)].line) + ": " + tensor_name(op) +
                " needs all 32 lanes of a warp, and has " +
                std::to_string(__builtin_popcount(there)));
    return tensor(t, op);
  }
  if (op == SK_EMU_WARP_SYNC) return;
  const bool shuffles = op >= SK_EMU_SHFL && op <= SK_EMU_SHFL_XOR;
  const unsigned long long all = shuffles || op == SK_EMU_MATCH ? 0 : reduce(t, there, op);
  unsigned long long out[32];
  for (unsigned i = 0; i < 32; i++)
    if (there >> i & 1)
      out[i] = shuffles ? shuffle(t, there, int(i)) : op == SK_EMU_MATCH ? match(t, there, i) : all;
  for (unsigned i = 0; i < 32; i++)
    if (there >> i & 1) t[i].value = out[i];
}

// Completes a warp's operation once all lanes of its mask that have not returned wait in it.
void try_warp(Worker &w, unsigned warp, unsigned mask) {
  Warp &state = w.warps[w.first_warp + warp];
  if (mask & ~(state.waiting | state.gone)) return;
  const unsigned there = mask & state.waiting;
  if (!there) return;
  Thread *t = &w.threads[w.base + warp * 32];
  const Thread &first = t[__builtin_ctz(there)];
  for (unsigned i = 0; i < 32; i++) {
    if (!(there >> i & 1)) continue;
    if (t[i].mask != mask) return;
    if (t[i].op != first.op || t[i].line != first.line || t[i].site != first.site)
      disagree(w, first, t[i]);
  }
  perform(w, t, there, first.op);
  state.waiting &= ~there, state.ready |= there;
  for (unsigned i = 0; i < 32; i++)
    if (there >> i & 1) t[i].state = Thread::kReady;
  w.races.warp(warp);
}

}  // namespace

void emu::fault(Worker &w, CUresult e, const std::string &what) {
  w.launch->fail(e, place(w) + ": " + what);
  abandon();
}

void emu::meet(Worker &w, int op, const unsigned *in, void *out, int line, const void *site) {
  Thread &f = *w.running;
  f.op = op, f.mask = 0xffffffff, f.in = in, f.out = out, f.line = line, f.site = site;
  w.change(f, Thread::kWarp);
  try_warp(w, f.number / 32, f.mask);
  if (f.state == Thread::kWarp) wait(w);
  f.site = nullptr;
}

// The running thread has returned; other threads of its warp may have waited for it.
void emu::leave(Worker &w) {
  if (w.early) fault(w, CUDA_ERROR_LAUNCH_FAILED, never_waits(w));
  const unsigned warp = w.running->number / 32;
  if (w.block.watch) w.races.settle(w);
  w.change(*w.running, Thread::kGone);
  w.live--;
  const Warp &state = w.warps[w.first_warp + warp];
  for (unsigned i = 0; i < 32 && state.waiting; i++)
    if (state.waiting >> i & 1) try_warp(w, warp, w.threads[w.base + warp * 32 + i].mask);
}

SK_API int sk_emu_barrier(int kind, int predicate, int line) {
  Worker &w = *worker;
  Thread &f = *w.running;
  f.kind = kind, f.predicate = predicate, f.line = line;
  w.change(f, Thread::kBarrier);
  w.arrived++;
  wait(w);
  return f.predicate;
}

SK_API unsigned long long sk_emu_warp(int op, unsigned mask, unsigned long long value, int lane,
                                      int width, int line) {
  Worker &w = *worker;
  Thread &f = *w.running;
  if (!(mask >> f.number % 32 & 1))
    fault(w, CUDA_ERROR_ILLEGAL_INSTRUCTION,
          "line " + std::to_string(line) +
              ": the mask of a warp's operation lacks the lane that calls it");
  if (width < 1 || width > 32 || (width & (width - 1)))
    fault(w, CUDA_ERROR_ILLEGAL_INSTRUCTION,
          "line " + std::to_string(line) + ": a width that is no power of two up to 32");
  f.op = op, f.mask = mask, f.value = value, f.lane = lane, f.width = width, f.line = line;
  w.change(f, Thread::kWarp);
  try_warp(w, f.number / 32, mask);
  if (f.state == Thread::kWarp) wait(w);
  return f.value;
}

SK_API void sk_emu_yield(void) {
  Worker &w = *worker;
  w.change(*w.running, Thread::kYielded);
  wait(w);
}

SK_API void sk_emu_trap(const char *what, int line) {
  fault(*worker, CUDA_ERROR_ASSERT, "line " + std::to_string(line) + ": " + what);
}

SK_API int sk_emu_printf(const char *format, ...) {
  va_list args;
  va_start(args, format);
  const int n = vfprintf(stderr, format, args);
  va_end(args);
  return n;
}

SK_API void sk_emu_misaligned(const void *p, unsigned long alignment, const char *file,
                              unsigned line) {
  char text[200];
  snprintf(text, sizeof text, "%s(%u): uses address %p, which is no multiple of %lu", file, line, p,
           alignment);
  fault(*worker, CUDA_ERROR_MISALIGNED_ADDRESS, text);
}

SK_API void sk_emu_access(const void *p, unsigned long bytes, int how) {
  Worker &w = *worker;
  const auto a = uintptr_t(p);
  // A thread that reads for a long time may be waiting for another block.
  const bool together = w.launch->work->cooperative;
  if (w.block.fuel <= 0 && (!(w.block.watch || w.early) || --w.patience <= 0)) {
    w.block.fuel = together ? 1 << 12 : 1 << 20;
    w.patience = w.block.fuel;
    if (now() > w.launch->deadline)
      fault(w, CUDA_ERROR_LAUNCH_TIMEOUT, "the kernel runs for too long");
    if (w.block.watch || w.early) w.block.fuel = 0;
    if (together) sk_emu_yield();
  }
  if (w.block.watch && (w.races.settle(w) || w.races.touch(w, a, bytes, how))) abandon();
  for (auto &r : w.block.near)
    if (a - r.lo < r.size && a + bytes - r.lo <= r.size) {
      if (w.early && &r < &w.block.near[SK_EMU_STATIC]) touch_early(w, a, bytes, how);
      return;
    }
  memory::Block b;
  const Module &m = *w.launch->function->module;
  if (a >= m.lo && a + bytes <= m.hi) {  // a variable of the module
    b.lo = m.lo, b.size = m.hi - m.lo;
  } else if (!memory::find(a, bytes, &b) ||
             (b.where == memory::kDevice && b.device != w.launch->context->device)) {
    char text[100];
    snprintf(text, sizeof text, "%s %lu bytes at %p, ",
             how == SK_EMU_READ    ? "reads"
             : how == SK_EMU_WRITE ? "writes"
                                   : "changes",
             bytes, p);
    fault(w, CUDA_ERROR_ILLEGAL_ADDRESS, text + memory::nearest(a));
  }
  if (w.early) touch_early(w, a, bytes, how);
  w.block.near[SK_EMU_RECENT + w.round] = range(b.lo, b.size);
  w.round = (w.round + 1) % (SK_EMU_STATIC - SK_EMU_RECENT);
}
