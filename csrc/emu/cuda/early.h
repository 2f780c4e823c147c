// Programmatic launches. Such a kernel may start while the kernel in front of it still runs. Until
// griddepcontrol.wait it must neither write memory nor read memory that the kernel in front writes.
// Which blocks of a card are that early is chance. The emulator runs the threads up to their wait
// before it runs the kernel in front, as a rehearsal. Afterwards it looks whether a value that was
// read has changed.
#pragma once
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "state.h"

namespace emu {

struct Worker;

struct Early {
  std::shared_ptr<const Work> work;
  std::set<std::pair<uintptr_t, unsigned long>> reads;  // addresses and bytes
  std::vector<std::vector<unsigned char>> values;       // by reads
  std::unique_ptr<std::mutex> mutex = std::make_unique<std::mutex>();

  explicit Early(std::shared_ptr<const Work> w) : work(std::move(w)) {}
  // Runs the kernel up to its wait, and keeps the values that it reads.
  CUresult rehearse(Context &c);
  // An error if the kernel in front of it has changed a value that it read.
  CUresult compare(const Work &front) const;
};

// Makes every access of the running thread call the driver while it is early.
void set_early(Worker &w, bool early);

// An early thread's access of memory that is neither shared nor its stack. A write is a fault.
void touch_early(Worker &w, uintptr_t a, unsigned long bytes, int how);

std::string never_waits(const Worker &w);

}  // namespace emu
