// Fibers: a stack and the place where its code stopped. Each thread of a kernel that may have to
// wait for other threads is a fiber.
#pragma once
#include <cstddef>
#include <cstdint>

// SK_EMU_UCONTEXT selects the code for all other processors, so that it can be tested.
#if defined(__x86_64__) && !defined(SK_EMU_UCONTEXT)
#define SK_EMU_INLINE_CHANGE 1
#endif

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
#ifdef SK_EMU_INLINE_CHANGE
// A kernel changes millions of times, and a processor predicts no return that crosses to another
// stack: this is a jump within its caller. The compiler saves the registers that hold something;
// %rbp may be its frame's, and below %rsp there may be data of a function that calls nothing.
inline __attribute__((always_inline)) void change(Fiber &from, Fiber &to) {
  void **save = &from.sp, **load = &to.sp;
  __asm__ volatile(
      "leaq -128(%%rsp), %%rsp\n\t"
      "pushq %%rbp\n\t"
      "leaq 1f(%%rip), %%rax\n\t"
      "pushq %%rax\n\t"
      "movq %%rsp, (%0)\n\t"
      "movq (%1), %%rsp\n\t"
      "popq %%rax\n\t"
      "jmp *%%rax\n"
      "1:\tpopq %%rbp\n\t"
      "leaq 128(%%rsp), %%rsp"
      : "+D"(save), "+S"(load)
      :
      : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0",
        "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
        "xmm12", "xmm13", "xmm14", "xmm15", "memory", "cc");
}
#else
void change(Fiber &from, Fiber &to);
#endif

}  // namespace fiber
