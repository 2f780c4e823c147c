// mma.cu: products of tiles on tensor cores, and the copies that feed them, of sm_80 and later: PTX
// instructions without a name in CUDA C++. In the emulator each is a function.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
#error "tensor cores for float32 sums of 16-bit products and cp.async need sm_80"
#endif

// An address of shared memory in PTX's form.
__device__ __forceinline__ u32 sk_shared_address(const void *p) {
  return (u32)__cvta_generic_to_shared(p);
}

// d[16][8] += a[16][16] * b[16][8]. Lane l holds, in pairs: of a, rows l/4 and l/4+8 of columns
// 2(l%4).. and 2(l%4)+8..; of b, rows 2(l%4).. and 2(l%4)+8.. of column l/4; of d, columns 2(l%4)..
// of rows l/4 and l/4+8.
template <int TYPE>
__device__ __forceinline__ void sk_mma(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
  static_assert(TYPE == 1 || TYPE == 2, "tensor cores take 16-bit types");
#ifdef __CUDA_ARCH__
  if constexpr (TYPE == 2)
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "
        "{%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  else
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  sk_mma_m16n8k16<TYPE == 2>(d, a, b);
#endif
}

// Four or two 8x8 matrices of 16-bit elements, transposed: lane l has the address of row l%8 of
// matrix l/8, and gets elements 2(l%4) and 2(l%4)+1 of column l/4 of each.
__device__ __forceinline__ void sk_matrices(u32 (&r)[4], u32 address) {
#ifdef __CUDA_ARCH__
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address));
#else
  sk_ldmatrix<4, true>(r, address);
#endif
}

__device__ __forceinline__ void sk_matrices(u32 (&r)[2], u32 address) {
#ifdef __CUDA_ARCH__
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(address));
#else
  sk_ldmatrix<2, true>(r, address);
#endif
}

// Four 8x8 matrices as they stand: lane l has the address of row l%8 of matrix l/8, and gets
// elements 2(l%4) and 2(l%4)+1 of row l/4 of each.
__device__ __forceinline__ void sk_rows(u32 (&r)[4], u32 address) {
#ifdef __CUDA_ARCH__
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address));
#else
  sk_ldmatrix<4, false>(r, address);
#endif
}

// Copies 16 bytes from global to shared memory, past the first-level cache, or writes zeros there
// without reading. sk_arrive waits for the copies.
__device__ __forceinline__ void sk_copy16(u32 to, const void *from, bool read) {
  const u32 bytes = read ? 16 : 0;
#ifdef __CUDA_ARCH__
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes)
               : "memory");
#else
  sk_cp_async<16, true>(to, from, bytes);
#endif
}

// Waits for all copies of the calling thread; copies of other threads are complete behind the next
// barrier.
__device__ __forceinline__ void sk_arrive() {
#ifdef __CUDA_ARCH__
  asm volatile("cp.async.wait_all;" ::: "memory");
#else
  sk_cp_async_wait_all();
#endif
}
