#include "early.h"

#include <cstring>

#include "run.h"

namespace emu {

CUresult Early::rehearse(Context &c) {
  if (auto e = run_kernel(*work, c, this)) return e;
  for (auto &[at, bytes] : reads) {
    auto *p = reinterpret_cast<const unsigned char *>(at);
    values.emplace_back(p, p + bytes);
  }
  return CUDA_SUCCESS;
}

CUresult Early::compare(const Work &front) const {
  size_t i = 0;
  for (auto &[at, bytes] : reads)
    if (memcmp(reinterpret_cast<const void *>(at), values[i++].data(), bytes)) {
      say("kernel %s reads %lu bytes at 0x%zx before its griddepcontrol.wait, and kernel %s in "
          "front "
          "of it, which may still run then, writes them",
          work->function->name.c_str(), bytes, size_t(at), front.function->name.c_str());
      return CUDA_ERROR_LAUNCH_FAILED;
    }
  return CUDA_SUCCESS;
}

void set_early(Worker &w, bool early) {
  if (w.early && !early) w.block.fuel = w.patience = 1;  // the next access looks at the clock
  w.early = early;
  if (early || w.block.watch) w.block.fuel = 0;
}

void touch_early(Worker &w, uintptr_t a, unsigned long bytes, int how) {
  if (how != SK_EMU_READ)
    fault(
        w, CUDA_ERROR_LAUNCH_FAILED,
        std::string(how == SK_EMU_WRITE ? "writes " : "changes ") + std::to_string(bytes) +
            " bytes of memory before its griddepcontrol.wait, while the kernel in front of it may "
            "still run");
  Early *e = w.launch->early;
  if (!e) return;
  std::lock_guard<std::mutex> lock(*e->mutex);
  e->reads.insert({a, bytes});
}

std::string never_waits(const Worker &w) {
  return place(w) +
         ": returns from a programmatic launch without griddepcontrol.wait, so that a launch "
         "behind "
         "it may begin before the one in front of it has ended";
}

}  // namespace emu

using namespace emu;

SK_API void sk_emu_grid_wait(void) {
  Worker &w = *worker;
  if (!w.early) return;
  set_early(w, false);
  if (!w.running) return;
  w.running->early = false;
  if (!w.launch->early) return;
  leave(w);
  fiber::change(*w.running, w.scheduler);
  __builtin_unreachable();
}

SK_API void sk_emu_grid_trigger(int line) {
  Worker &w = *worker;
  if (w.early)
    fault(w, CUDA_ERROR_LAUNCH_FAILED,
          "line " + std::to_string(line) +
              ": griddepcontrol.launch_dependents before griddepcontrol.wait, so that two launches "
              "behind the running one may begin");
}
