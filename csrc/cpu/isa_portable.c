// isa_portable.c: the kernels for the compiler's base target: SSE2 on x86-64, NEON on arm64, scalar
// code elsewhere.
#define SK_ISA portable
#define SK_ISA_NAME "portable"
#include "isa_kernel.h"
