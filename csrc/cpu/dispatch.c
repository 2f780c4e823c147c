// dispatch.c: the choice of the instruction set.
#include "dispatch.h"
#include <stddef.h>
#include <string.h>

#if defined(__x86_64__)
static int have_avx2(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("bmi2");
}

static int have_avx512(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
}
#else
static int never(void) { return 0; }
#endif
static int always(void) { return 1; }

// Best first.
static const struct {
  const char *name;
  const sk_kernels *kernels;  // NULL: not built for this processor
  int (*have)(void);
} sets[] = {
#if defined(__x86_64__)
    {"avx512", &sk_isa_avx512, have_avx512},
    {"avx2", &sk_isa_avx2, have_avx2},
#else
    {"avx512", NULL, never},
    {"avx2", NULL, never},
#endif
    {"portable", &sk_isa_portable, always},
};

const sk_kernels *sk_isa = &sk_isa_portable;

__attribute__((constructor)) static void choose(void) { sk_isa_select(NULL); }

int sk_isa_select(const char *name) {
  const int best = !name || !*name;
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
    if (!best && strcmp(name, sets[i].name)) continue;
    if (sets[i].have()) {
      sk_isa = sets[i].kernels;
      return 0;
    }
    if (!best) return -2;
  }
  return -1;
}
