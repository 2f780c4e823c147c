// dispatch.c: which instruction set runs.
#include "dispatch.h"
#include <stddef.h>
#include <string.h>

static int have(const sk_kernels *k) {
#if defined(__x86_64__)
  if (k == &sk_isa_avx512)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
  if (k == &sk_isa_avx2)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
#endif
  return k == &sk_isa_portable;
}

static const char *const names[] = {"avx512", "avx2", "portable"}; // best first
static const sk_kernels *const tables[] = {
#if defined(__x86_64__)
    &sk_isa_avx512, &sk_isa_avx2,
#else
    NULL, NULL,
#endif
    &sk_isa_portable};

const sk_kernels *sk_isa = &sk_isa_portable;

__attribute__((constructor)) static void choose(void) { sk_isa_select(NULL); }

int sk_isa_select(const char *name) {
  for (int i = 0; i < 3; i++) {
    int wanted = !name || !*name;
    int ok = tables[i] && have(tables[i]);
    if (!wanted && strcmp(name, names[i])) continue;
    if (!ok && wanted) continue;
    if (!ok) return -2;
    sk_isa = tables[i];
    return 0;
  }
  return -1;
}
