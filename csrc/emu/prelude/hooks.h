// The targets of the compiler's instrumentation: each access of memory that is not a local variable
// of the thread, and each use of a pointer with too small an alignment. The common cases are
// decided here, near the kernel; the driver decides the rest.
#pragma once
#include "block.h"

#define SK_HOOK \
  extern "C"    \
      __attribute__((visibility("hidden"), noinline, used, no_sanitize("thread", "alignment")))

static inline __attribute__((always_inline, no_sanitize("thread", "alignment"))) void sk_touch(
    const volatile void *p, unsigned long n, int how) {
  sk_emu_block *b = sk_emu_self;
  const unsigned long a = (unsigned long)p;
  if (__builtin_expect(--b->fuel > 0 && n <= 16, 1)) {
#pragma GCC unroll 8
    for (int i = 0; i < SK_EMU_RANGES; i++)
      if (a - b->near[i].lo < b->near[i].room) return;
  }
  sk_emu_access((const void *)p, n, how);
}

#ifdef SK_EMU_CHECK
#define SK_ACCESS(n)                                                              \
  SK_HOOK void __tsan_read##n(void *p) { sk_touch(p, n, SK_EMU_READ); }           \
  SK_HOOK void __tsan_write##n(void *p) { sk_touch(p, n, SK_EMU_WRITE); }         \
  SK_HOOK void __tsan_unaligned_read##n(void *p) { sk_touch(p, n, SK_EMU_READ); } \
  SK_HOOK void __tsan_unaligned_write##n(void *p) { sk_touch(p, n, SK_EMU_WRITE); }
SK_ACCESS(1)
SK_ACCESS(2)
SK_ACCESS(4)
SK_ACCESS(8)
SK_ACCESS(16)
#undef SK_ACCESS
SK_HOOK void __tsan_read_range(void *p, unsigned long n) { sk_touch(p, n, SK_EMU_READ); }
SK_HOOK void __tsan_write_range(void *p, unsigned long n) { sk_touch(p, n, SK_EMU_WRITE); }
SK_HOOK void __tsan_init(void) {}
SK_HOOK void __tsan_func_entry(void *) {}
SK_HOOK void __tsan_func_exit(void) {}
SK_HOOK void *__tsan_memcpy(void *to, const void *from, unsigned long n) {
  sk_touch(from, n, SK_EMU_READ), sk_touch(to, n, SK_EMU_WRITE);
  return __builtin_memcpy(to, from, n);
}
SK_HOOK void *__tsan_memset(void *to, int c, unsigned long n) {
  sk_touch(to, n, SK_EMU_WRITE);
  return __builtin_memset(to, c, n);
}

// The compiler's description of a pointer: its place in the source, and the logarithm of the
// alignment that the type requires.
struct sk_mismatch {
  const char *file;
  unsigned line, column;
  const void *type;
  unsigned char alignment, kind;
};
SK_HOOK void __ubsan_handle_type_mismatch_v1(const sk_mismatch *m, unsigned long p) {
  sk_emu_misaligned((const void *)p, 1ul << m->alignment, m->file, m->line);
}
#endif
