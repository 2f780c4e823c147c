// Tensor cores, matrices out of shared memory, and asynchronous copies: instructions of PTX for
// which CUDA C++ has no name. A text calls these functions in place of its asm where __CUDA_ARCH__
// is not defined. Addresses of shared memory are those of PTX: 32-bit numbers, as
// __cvta_generic_to_shared returns them.
#pragma once
#include "types.h"

#define SK_TENSOR static __forceinline__ __attribute__((no_sanitize("thread", "alignment")))

SK_TENSOR size_t __cvta_generic_to_shared(const void *p) {
  return sk_emu_shared(p, __builtin_LINE());
}

// mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 (BF16) or .f32.f16.f16.f32: d += a*b.
template <bool BF16>
SK_TENSOR void sk_mma_m16n8k16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2],
                               int line = __builtin_LINE()) {
  const unsigned in[6] = {a[0], a[1], a[2], a[3], b[0], b[1]};
  float sum[4] = {d[0], d[1], d[2], d[3]};
  sk_emu_mma(BF16, sum, in, line);
  d[0] = sum[0], d[1] = sum[1], d[2] = sum[2], d[3] = sum[3];
}

// ldmatrix.sync.aligned.m8n8.xN{.trans}.shared.b16: lane i has the address of row i%8 of matrix
// i/8.
template <int N, bool TRANS>
SK_TENSOR void sk_ldmatrix(unsigned (&r)[N], unsigned address, int line = __builtin_LINE()) {
  static_assert(N == 1 || N == 2 || N == 4, "ldmatrix loads one, two or four matrices");
  unsigned out[4];
  sk_emu_ldmatrix(N, TRANS, out, address, line);
  for (int i = 0; i < N; i++) r[i] = out[i];
}

// cp.async.ca.shared.global, and with CG cp.async.cg: writes BYTES to shared memory. The first
// `given` bytes come from global memory, the others are zero.
template <int BYTES, bool CG = false>
SK_TENSOR void sk_cp_async(unsigned to, const void *from, unsigned given = BYTES,
                           int line = __builtin_LINE()) {
  static_assert(BYTES == 16 || (!CG && (BYTES == 4 || BYTES == 8)),
                "cp.async copies 4, 8 or 16 bytes, cp.async.cg 16");
  sk_emu_cp_async(BYTES, to, from, given, line);
}
// cp.async.commit_group, cp.async.wait_group N and cp.async.wait_all.
SK_TENSOR void sk_cp_async_commit() { sk_emu_cp_async_commit(); }
template <int N> SK_TENSOR void sk_cp_async_wait_group() { sk_emu_cp_async_wait(N); }
SK_TENSOR void sk_cp_async_wait_all() { sk_emu_cp_async_wait(-1); }
#undef SK_TENSOR
