#include "run.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <thread>

#include "memory.h"
#include "settings.h"

__thread sk_emu_block *sk_emu_self
    __attribute__((tls_model("initial-exec"), visibility("default"))) = nullptr;

namespace emu {

__thread Worker *worker __attribute__((tls_model("initial-exec"))) = nullptr;

void Launch::fail(CUresult e, const std::string &why) {
  std::lock_guard<std::mutex> lock(saying);
  int none = 0;
  if (error.compare_exchange_strong(none, e)) say("%s", why.c_str());
}

Order::Order(unsigned long n, unsigned long long seed) : n(n), step(1), offset(0) {
  if (!seed || n < 2) return;
  unsigned long long r = seed * 0x9e3779b97f4a7c15ull;
  r ^= r >> 29, r *= 0xbf58476d1ce4e5b9ull, r ^= r >> 32;
  offset = r % n;
  for (step = (r >> 20) % n | 1; step >= n || std::gcd(step, n) != 1;
       step = step >= n ? 1 : step + 2) {}
}

std::string place(const Worker &w) {
  const auto &b = w.block;
  char text[200];
  snprintf(
      text, sizeof text,
      "kernel %s, thread (%u,%u,%u) of block (%u,%u,%u), grid (%u,%u,%u) of (%u,%u,%u) threads",
      w.launch->function->name.c_str(), b.tid[0], b.tid[1], b.tid[2], b.bid[0], b.bid[1], b.bid[2],
      b.gdim[0], b.gdim[1], b.gdim[2], b.bdim[0], b.bdim[1], b.bdim[2]);
  return text;
}

unsigned workers() {
  const double n = settings::number(-1, "threads", 0);
  return n >= 1 ? unsigned(std::min(n, 64.0))
                : std::max(1u, std::min(8u, std::thread::hardware_concurrency()));
}

namespace {

// The helping OS threads; they live as long as the process.
struct Pool {
  std::mutex one;  // held for one launch at a time
  std::mutex mutex;
  std::condition_variable start, done;
  const std::function<void()> *f = nullptr;
  unsigned want = 0, running = 0, have = 0;
  unsigned long generation = 0;

  void loop(unsigned number) {
    unsigned long seen = 0;
    std::unique_lock<std::mutex> lock(mutex);
    for (;;) {
      start.wait(lock, [&] { return generation != seen; });
      seen = generation;
      if (number >= want) continue;
      lock.unlock();
      (*f)();
      lock.lock();
      if (--running == 0) done.notify_all();
    }
  }

  void run(unsigned n, const std::function<void()> &g) {
    std::lock_guard<std::mutex> only(one);
    {
      std::lock_guard<std::mutex> lock(mutex);
      while (have < n - 1) {
        // Signals are delivered to the program's own threads.
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        std::thread([this, number = have] { loop(number); }).detach();
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        have++;
      }
      f = &g, want = n - 1, running = n - 1, generation++;
    }
    start.notify_all();
    g();
    std::unique_lock<std::mutex> lock(mutex);
    done.wait(lock, [&] { return running == 0; });
    f = nullptr;
  }
};

}  // namespace

void together(unsigned n, const std::function<void()> &f) {
  static Pool *pool = new Pool;  // never destroyed: its threads outlive all other objects
  if (n <= 1) return f();
  pool->run(n, f);
}

CUresult run_kernel(const Work &w, Context &c, Early *early) {
  static std::atomic<unsigned long long> launches{0};
  if (!early) count("kernel");
  Launch l;
  l.work = &w;
  l.function = w.function.get();
  l.context = &c;
  l.args = unpack(*l.function, w.args);
  l.args.push_back(nullptr);
  l.blocks = (unsigned long)w.grid[0] * w.grid[1] * w.grid[2];
  l.threads = w.block[0] * w.block[1] * w.block[2];
  l.early = early;
  l.fibers = l.function->module->waits || w.cooperative || early;
  const auto seed = (unsigned long long)(settings::number(-1, "seed", 1));
  l.seed = seed ? seed * 1000003 + ++launches : 0;
  l.watch = settings::number(-1, "races", 0) != 0;
  l.deadline = now() + settings::number(-1, "timeout", 600);
  const unsigned n = w.cooperative || l.blocks * l.threads <= 2048
                         ? 1
                         : unsigned(std::min<unsigned long>(workers(), l.blocks));
  together(n, [&] { work_on(l); });
  return CUresult(l.error.load());
}

}  // namespace emu
