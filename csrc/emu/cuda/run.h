// A running kernel: the part that the OS threads of its blocks share, and the part of each of them.
#pragma once
#include <atomic>
#include <csetjmp>
#include <mutex>
#include <string>
#include <vector>

#include "early.h"
#include "fiber.h"
#include "races.h"
#include "state.h"

namespace emu {

struct Launch {
  const Work *work = nullptr;
  const Function *function = nullptr;
  Context *context = nullptr;
  std::vector<void *> args;
  unsigned long blocks = 0;
  unsigned threads = 0;
  bool fibers = false, watch = false;
  Early *early = nullptr;  // not null: threads run to their griddepcontrol.wait, and leave there
  unsigned long long seed = 0;
  double deadline = 0;
  std::atomic<unsigned long> next{0};
  std::atomic<int> error{0};
  std::mutex saying;
  // Ends the launch; the first reason counts.
  void fail(CUresult e, const std::string &why);
};

inline sk_emu_range range(uintptr_t lo, size_t size) {
  return {lo, size, size > 15 ? size - 15 : 0};
}

// A thread of a kernel that has a fiber.
struct Thread : fiber::Fiber {
  enum State : unsigned char { kReady, kBarrier, kWarp, kYielded, kGone } state = kReady;
  unsigned number = 0;  // in its block
  unsigned tid[3] = {};
  int line = 0, kind = 0, predicate = 0;
  int op = 0, lane = 0, width = 0;
  unsigned mask = 0;
  unsigned long long value = 0;
  const void *site = nullptr;    // of an operation on tensor cores: the place of the call
  const unsigned *in = nullptr;  // the operation's input
  void *out = nullptr;
  // The pending copies to shared memory, in the order of their groups; the last group is open.
  struct Copy {
    unsigned char *to;
    const unsigned char *from;
    unsigned bytes, given, group;
  };
  std::vector<Copy> copies;
  unsigned groups = 0;
  bool early = false;  // as Worker::early
};

// The lanes of a warp, a bit each, that are in a state. Lanes that a block lacks are gone.
struct Warp {
  unsigned ready = 0, waiting = 0, gone = ~0u;
};

// The state of one OS thread that runs blocks.
struct Worker {
  sk_emu_block block = {};
  Launch *launch = nullptr;
  std::vector<Thread> threads;
  std::vector<Warp> warps;  // of all blocks under way, one block's behind the other's
  fiber::Fiber scheduler;
  Thread *running = nullptr;  // null: no fibers
  unsigned group = 0;         // threads of a block
  unsigned base = 0;          // index of the block's first thread
  unsigned first_warp = 0;    // index of the block's first warp
  unsigned char *stack = nullptr;
  uintptr_t own_stack = 0, own_size = 0;
  std::vector<unsigned char> dynamic;
  // live: threads of the block that have not returned. arrived: those of them at a barrier.
  unsigned live = 0, arrived = 0;
  // The running thread is in a programmatic launch and has not waited for the kernel in front.
  bool early = false;
  int patience = 0;  // slow checks until the next look at the clock
  int round = 0;     // index of the recent range that is forgotten next
  Races races;
  std::jmp_buf out;

  unsigned warps_of_block() const { return (group + 31) / 32; }

  void change(Thread &t, Thread::State to) {
    Warp &w = warps[first_warp + t.number / 32];
    const unsigned lane = 1u << t.number % 32;
    t.state = to;
    w.ready = to == Thread::kReady ? w.ready | lane : w.ready & ~lane;
    w.waiting = to == Thread::kWarp ? w.waiting | lane : w.waiting & ~lane;
    w.gone = to == Thread::kGone ? w.gone | lane : w.gone & ~lane;
  }
};
extern __thread Worker *worker __attribute__((tls_model("initial-exec")));

// Runs until no block is left to take.
void work_on(Launch &l);

// Calls f once on each of n OS threads, the calling one among them.
void together(unsigned n, const std::function<void()> &f);
unsigned workers();

// Marks the running thread as returned.
void leave(Worker &w);

// Ends the running thread and the launch, with the thread's fault.
[[noreturn]] void fault(Worker &w, CUresult e, const std::string &what);

// Makes the running thread wait for all 32 lanes of its warp at an operation on tensor cores.
void meet(Worker &w, int op, const unsigned *in, void *out, int line, const void *site);

// Performs such an operation for the 32 lanes that met.
void tensor(const Thread *lanes, int op);

std::string tensor_name(int op);

// Leaves the running thread of the kernel; it never runs again.
[[noreturn]] void abandon();

std::string place(const Worker &w);  // kernel, thread and block, in words

// A permutation of 0 .. n-1 that is cheap to compute, another one for each seed.
struct Order {
  unsigned long n, step, offset;
  Order(unsigned long n, unsigned long long seed);
  unsigned long operator()(unsigned long i) const {
    return (unsigned long)(((unsigned __int128)i * step + offset) % n);
  }
  // The first number, and the successor of each.
  unsigned long first() const { return offset; }
  unsigned long next(unsigned long at) const { return at += step, at >= n ? at - n : at; }
};

}  // namespace emu
