// Running blocks. Each thread that may wait is a fiber. A warp's fibers take turns until all of
// them wait, then those of the next warp. When the whole block waits, release_barrier judges the
// operations that they wait in.
#include <pthread.h>

#include <algorithm>
#include <cstring>

#include "memory.h"
#include "run.h"

extern "C" void *__tls_get_addr(void *);

namespace emu {
namespace {

// The static shared memory of a module's block: the calling OS thread's own copy of the module's
// thread-local variables.
unsigned char *shared_of(const Module &m) {
  if (!m.shared) return nullptr;
  unsigned long index[2] = {m.tls, 0};
  return static_cast<unsigned char *>(__tls_get_addr(index));
}

void os_stack(Worker &w) {
  pthread_attr_t a;
  void *lo;
  size_t size;
  if (pthread_getattr_np(pthread_self(), &a)) return;
  pthread_attr_getstack(&a, &lo, &size);
  pthread_attr_destroy(&a);
  w.own_stack = uintptr_t(lo), w.own_size = size;
}

void place_thread(Worker &w, unsigned t) {
  const unsigned *n = w.launch->work->block;
  w.block.tid[0] = t % n[0], w.block.tid[1] = t / n[0] % n[1], w.block.tid[2] = t / n[0] / n[1];
}

void place_block(Worker &w, unsigned long b) {
  const unsigned *n = w.launch->work->grid;
  w.block.bid[0] = unsigned(b % n[0]), w.block.bid[1] = unsigned(b / n[0] % n[1]),
  w.block.bid[2] = unsigned(b / n[0] / n[1]);
}

void thread_main() {
  Worker &w = *worker;
  w.launch->function->kernel->call(w.launch->args.data());
  leave(w);
  fiber::change(*w.running, w.scheduler);
  __builtin_unreachable();
}

unsigned char *stack_of(Worker &w, size_t i) { return w.stack + i * (fiber::kStack + 4096) + 4096; }

// Gives a thread its turn.
void resume(Worker &w, unsigned t) {
  Thread &f = w.threads[w.base + t];
  memcpy(w.block.tid, f.tid, sizeof f.tid);
  w.running = &f;
  set_early(w, f.early);
  w.block.near[SK_EMU_STACK] = range(uintptr_t(stack_of(w, w.base + t)), fiber::kStack);
  fiber::change(w.scheduler, f);
}

// The operations that the threads of a block wait in, in words: "96 at line 12, 32 at line 40".
std::string waiting(const Worker &w) {
  std::map<std::string, int> where;
  for (unsigned t = 0; t < w.group; t++) {
    const Thread &f = w.threads[w.base + t];
    if (f.state == Thread::kBarrier) where["in __syncthreads at line " + std::to_string(f.line)]++;
    if (f.state == Thread::kWarp)
      where["in a warp's operation at line " + std::to_string(f.line)]++;
    if (f.state == Thread::kGone) where["that returned"]++;
  }
  std::string out;
  for (auto &p : where) out += (out.empty() ? "" : ", ") + std::to_string(p.second) + " " + p.first;
  return out;
}

// Called when all live threads of the block wait: releases them if they wait at one and the same
// barrier.
bool release_barrier(Worker &w) {
  int n = 0, all = 1;
  const Thread *first = nullptr;
  for (unsigned t = 0; t < w.group; t++) {
    const Thread &f = w.threads[w.base + t];
    if (f.state != Thread::kBarrier) continue;
    first = first ? first : &f;
    if (f.line != first->line || f.kind != first->kind) return false;
    n += f.predicate, all &= f.predicate;
  }
  const int result = first->kind == SK_EMU_COUNT ? n : first->kind == SK_EMU_AND ? all : n > 0;
  for (unsigned t = 0; t < w.group; t++) {
    Thread &f = w.threads[w.base + t];
    if (f.state == Thread::kBarrier) f.predicate = result, w.change(f, Thread::kReady);
  }
  w.arrived = 0;
  w.races.barrier();
  return true;
}

// Runs the ready threads of a warp until none is left. False: the launch has failed.
bool run_warp(Worker &w, unsigned warp, const Order &lanes) {
  const Warp &state = w.warps[w.first_warp + warp];
  for (unsigned lane = unsigned(lanes.first()); state.ready; lane = unsigned(lanes.next(lane))) {
    if (!(state.ready >> lane & 1)) continue;
    resume(w, warp * 32 + lane);
    if (w.launch->error) return false;
  }
  return true;
}

enum Outcome { kFinished, kBlocked, kFailed };

// Runs the threads of the block until all of them have returned, or all of the rest have yielded.
Outcome turns(Worker &w, unsigned long long seed) {
  Launch &l = *w.launch;
  w.live = w.arrived = 0;
  for (unsigned t = 0; t < w.group; t++)
    w.live += w.threads[w.base + t].state != Thread::kGone,
        w.arrived += w.threads[w.base + t].state == Thread::kBarrier;
  for (unsigned phase = 0;; phase++) {
    const unsigned long long s = seed ? seed + phase : 0;
    const Order warps(w.warps_of_block(), s), lanes(32, s);
    unsigned warp = unsigned(warps.first());
    for (unsigned i = 0; i < w.warps_of_block(); i++, warp = unsigned(warps.next(warp)))
      if (!run_warp(w, warp, lanes)) return kFailed;
    if (!w.live) return kFinished;
    if (w.arrived == w.live && release_barrier(w)) continue;
    for (unsigned t = 0; t < w.group; t++)
      if (w.threads[w.base + t].state == Thread::kYielded) return kBlocked;
    w.running = nullptr;
    l.fail(CUDA_ERROR_LAUNCH_FAILED,
           "kernel " + l.function->name + ", block (" + std::to_string(w.block.bid[0]) + "," +
               std::to_string(w.block.bid[1]) + "," + std::to_string(w.block.bid[2]) +
               "): the threads of the block wait for one another for ever: " + waiting(w));
    return kFailed;
  }
}

// Puts the threads of the block at their beginning.
void start(Worker &w) {
  std::fill_n(w.warps.begin() + w.first_warp, w.warps_of_block(), Warp());
  for (unsigned t = 0; t < w.group; t++) {
    Thread fresh;
    fresh.sp = w.threads[w.base + t].sp;  // if the platform keeps one
    fresh.number = t;
    fresh.early = w.launch->work->programmatic;
    place_thread(w, t);
    memcpy(fresh.tid, w.block.tid, sizeof fresh.tid);
    w.threads[w.base + t] = fresh;
    w.change(w.threads[w.base + t], Thread::kReady);
    // The stacks begin at different places of a page; otherwise they would compete for the same
    // lines of the cache.
    fiber::prepare(w.threads[w.base + t], stack_of(w, w.base + t), fiber::kStack - t % 32 * 128,
                   thread_main);
  }
}

// Makes b, one of the blocks under way, the block whose turn it is.
void select(Worker &w, unsigned long b) {
  place_block(w, b);
  w.base = unsigned(b * w.group);
  w.first_warp = unsigned(b * w.warps_of_block());
}

void wake(Worker &w) {
  for (unsigned t = 0; t < w.group; t++)
    if (w.threads[w.base + t].state == Thread::kYielded)
      w.change(w.threads[w.base + t], Thread::kReady);
}

// A block's static and dynamic shared memory begins as poison.
void poison(Worker &w, unsigned char *shared) {
  const Launch &l = *w.launch;
  w.races.barrier();
  if (shared) memset(shared, kPoison, l.function->module->shared);
  if (l.work->dynamic) memset(w.block.dynamic, kPoison, l.work->dynamic);
}

void blocks_with_fibers(Worker &w, unsigned char *shared) {
  Launch &l = *w.launch;
  const Order order(l.blocks, l.seed);
  for (unsigned long i; !l.error && (i = l.next++) < l.blocks;) {
    place_block(w, order(i));
    poison(w, shared);
    start(w);
    for (Outcome o; (o = turns(w, l.seed ? l.seed * 31 + i * 1009 : 0)) == kBlocked; wake(w)) {
      if (now() > l.deadline)
        l.fail(
            CUDA_ERROR_LAUNCH_TIMEOUT,
            "kernel " + l.function->name + ": its threads wait for something that does not come");
      if (l.error) break;
    }
  }
}

// In a cooperative launch all blocks are under way at one time, on one OS thread. Each has a copy
// of its shared memory for the time when it is not its turn.
void blocks_together(Worker &w, unsigned char *shared) {
  Launch &l = *w.launch;
  const size_t fixed = l.function->module->shared;
  const size_t dynamic = (l.work->dynamic + 1023) / 1024 * 1024;
  std::vector<std::vector<unsigned char>> saved(l.blocks,
                                                std::vector<unsigned char>(fixed, kPoison));
  std::vector<bool> finished(l.blocks);
  unsigned char *all = w.block.dynamic;
  if (dynamic) memset(all, kPoison, dynamic * l.blocks);
  for (unsigned long b = 0; b < l.blocks; b++) select(w, b), start(w);
  for (unsigned long left = l.blocks, round = 0; left && !l.error; round++) {
    const Order order(l.blocks, l.seed ? l.seed + round : 0);
    for (unsigned long i = 0; i < l.blocks && !l.error; i++) {
      const unsigned long b = order(i);
      if (finished[b]) continue;
      select(w, b);
      w.block.dynamic = all + b * dynamic;
      w.block.near[SK_EMU_DYNAMIC] = range(uintptr_t(w.block.dynamic), l.work->dynamic);
      if (fixed) memcpy(shared, saved[b].data(), fixed);
      wake(w);
      if (turns(w, l.seed ? l.seed * 31 + round * 1009 + b : 0) == kFinished)
        finished[b] = true, left--;
      if (fixed) memcpy(saved[b].data(), shared, fixed);
    }
    if (now() > l.deadline)
      l.fail(CUDA_ERROR_LAUNCH_TIMEOUT,
             "kernel " + l.function->name + ": its blocks wait for something that does not come");
  }
}

// In a kernel without any wait, each thread is a plain call.
void blocks_plainly(Worker &w, unsigned char *shared) {
  Launch &l = *w.launch;
  const Order order(l.blocks, l.seed);
  const auto call = l.function->kernel->call;
  w.running = nullptr;
  w.block.near[SK_EMU_STACK] = range(w.own_stack, w.own_size);
  if (setjmp(w.out)) return;
  for (unsigned long i; !l.error && (i = l.next++) < l.blocks;) {
    place_block(w, order(i));
    poison(w, shared);
    const unsigned first =
        l.seed ? unsigned(order(i) * 2654435761u ^ unsigned(l.seed)) % l.threads : 0;
    for (unsigned t = 0; t < l.threads; t++) {
      place_thread(w, l.seed ? (first + l.threads - t) % l.threads : t);
      set_early(w, l.work->programmatic);
      call(l.args.data());
      if (w.early) return l.fail(CUDA_ERROR_LAUNCH_FAILED, never_waits(w));
    }
    if (l.watch && w.races.settle(w)) return;
  }
}

}  // namespace

void abandon() {
  Worker &w = *worker;
  if (!w.running) longjmp(w.out, 1);
  w.change(*w.running, Thread::kGone);
  fiber::change(*w.running, w.scheduler);
  __builtin_unreachable();
}

void work_on(Launch &l) {
  thread_local std::unique_ptr<Worker> mine;
  if (!mine) {
    mine = std::make_unique<Worker>();
    os_stack(*mine);
  }
  Worker &w = *mine;
  const Work &work = *l.work;
  w.launch = &l;
  w.group = l.threads, w.base = 0, w.first_warp = 0;
  const unsigned long at_once = work.cooperative ? l.blocks : 1;
  if (l.fibers) {
    w.stack = fiber::stacks(at_once * l.threads);
    if (!w.stack)
      return l.fail(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES,
                    "kernel " + l.function->name + ": no memory for the stacks of its threads");
    w.threads.resize(std::max(w.threads.size(), size_t(at_once * l.threads)));
    w.warps.resize(std::max(w.warps.size(), size_t(at_once * w.warps_of_block())));
  }
  const size_t dynamic = (work.dynamic + 1023) / 1024 * 1024;
  w.dynamic.resize(dynamic * at_once + 1024);
  auto &b = w.block;
  memcpy(b.bdim, work.block, sizeof b.bdim), memcpy(b.gdim, work.grid, sizeof b.gdim);
  b.dynamic = reinterpret_cast<unsigned char *>((uintptr_t(w.dynamic.data()) + 1023) / 1024 * 1024);
  b.watch = l.watch, b.fuel = l.watch ? 0 : 1;
  unsigned char *shared = shared_of(*l.function->module);
  b.near[SK_EMU_STATIC] = range(uintptr_t(shared), l.function->module->shared);
  b.near[SK_EMU_DYNAMIC] = range(uintptr_t(b.dynamic), work.dynamic);
  for (int i = SK_EMU_RECENT; i < SK_EMU_STATIC; i++) b.near[i] = range(0, 0);
  if (l.watch) w.races.begin(w, at_once);
  worker = &w;
  sk_emu_self = &b;
  if (!l.fibers)
    blocks_plainly(w, shared);
  else if (work.cooperative)
    blocks_together(w, shared);
  else
    blocks_with_fibers(w, shared);
  sk_emu_self = nullptr;
  worker = nullptr;
}

}  // namespace emu
