// Fibers: a stack and the place where its code stopped. Each thread of a kernel that may have to
// wait for other threads is a fiber.
#pragma once
#include <cstddef>
#include <cstdint>

namespace fiber {

constexpr size_t kStack = 64 << 10;  // bytes, without the guard page below it

// Stacks for n fibers, kept by the calling OS thread. Null if there is no memory.
unsigned char *stacks(size_t n);

struct Fiber {
  void *sp = nullptr;
};

// Makes f start in main at its first turn, on a stack of size bytes; main never returns.
void prepare(Fiber &f, unsigned char *stack, size_t size, void (*main)());

// Saves the running fiber in from and continues to.
void change(Fiber &from, Fiber &to);

}  // namespace fiber
