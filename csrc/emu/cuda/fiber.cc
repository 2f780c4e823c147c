#include "fiber.h"

#include <sys/mman.h>

#if (!defined(__x86_64__) && !defined(__aarch64__)) || defined(SK_EMU_UCONTEXT)
#include <ucontext.h>
#define SK_SLOW 1
#endif

namespace fiber {

unsigned char *stacks(size_t n) {
  constexpr size_t kGuard = 4096;
  struct Stacks {
    unsigned char *base = nullptr;
    size_t have = 0;
    void clear() {
      if (base) munmap(base, have * (kStack + kGuard));
      base = nullptr, have = 0;
    }
    ~Stacks() { clear(); }
  };
  thread_local Stacks s;
  if (n <= s.have) return s.base;
  s.clear();
  void *p = mmap(nullptr, n * (kStack + kGuard), PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return nullptr;
  s.base = static_cast<unsigned char *>(p), s.have = n;
  if (n <= 4096)  // the system counts each guard page as two mappings
    for (size_t i = 0; i < n; i++) mprotect(s.base + i * (kStack + kGuard), kGuard, PROT_NONE);
  return s.base;
}

#if defined(SK_EMU_INLINE_CHANGE)

// main begins as if it were called: the stack has the address of its return, which is none.
void prepare(Fiber &f, unsigned char *stack, size_t size, void (*main)()) {
  auto *top =
      reinterpret_cast<uintptr_t *>((reinterpret_cast<uintptr_t>(stack) + size) & ~uintptr_t(15));
  *--top = 0;
  *--top = reinterpret_cast<uintptr_t>(main);
  f.sp = top;
}

#elif defined(__aarch64__) && !defined(SK_SLOW)

__asm__(R"(
  .text
  .p2align 4
  .type sk_fiber_change, %function
sk_fiber_change:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x2, sp
  str x2, [x0]
  ldr x2, [x1]
  mov sp, x2
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
  .size sk_fiber_change, .-sk_fiber_change
)");
extern "C" void sk_fiber_change(void **from, void **to);

void prepare(Fiber &f, unsigned char *stack, size_t size, void (*main)()) {
  auto *top =
      reinterpret_cast<uintptr_t *>((reinterpret_cast<uintptr_t>(stack) + size) & ~uintptr_t(15)) -
      20;
  for (int i = 0; i < 20; i++) top[i] = 0;
  top[11] = reinterpret_cast<uintptr_t>(main);  // x30
  f.sp = top;
}

void change(Fiber &from, Fiber &to) { sk_fiber_change(&from.sp, &to.sp); }

#else

// The system's own contexts, which are slow. sp is a ucontext_t.
void prepare(Fiber &f, unsigned char *stack, size_t size, void (*main)()) {
  if (!f.sp) f.sp = new ucontext_t;
  auto *u = static_cast<ucontext_t *>(f.sp);
  getcontext(u);
  u->uc_stack.ss_sp = stack;
  u->uc_stack.ss_size = size;
  u->uc_link = nullptr;
  makecontext(u, main, 0);
}

void change(Fiber &from, Fiber &to) {
  if (!from.sp) from.sp = new ucontext_t;
  swapcontext(static_cast<ucontext_t *>(from.sp), static_cast<ucontext_t *>(to.sp));
}

#endif

}  // namespace fiber
