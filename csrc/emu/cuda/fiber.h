// Fibers: a stack and where it stopped. A kernel's thread that may have to wait for others has one.
#pragma once
#include <cstddef>
#include <cstdint>

namespace fiber {

constexpr size_t kStack = 64 << 10;  // bytes, without the page below it that nobody may touch

// Stacks for n fibers, kept by the calling OS thread. Null if there is no memory.
unsigned char *stacks(size_t n);

struct Fiber {
  void *sp = nullptr;
};

// Makes f start in main at its first turn, on the given stack of which it has size bytes; main never returns.
void prepare(Fiber &f, unsigned char *stack, size_t size, void (*main)());

// Saves the running one in from and goes on with to.
void change(Fiber &from, Fiber &to);

}  // namespace fiber
