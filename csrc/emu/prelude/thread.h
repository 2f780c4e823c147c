// The position of a thread, and the ways in which threads wait for one another.
#pragma once
#include "hooks.h"
#include "types.h"

// These values do not change during a thread's life, hence const. The function is not instrumented,
// so that the checks do not see the reads.
#define SK_PLACE(name, field)                                                               \
  SK_HOOK __attribute__((const)) unsigned sk_##name##_x() { return sk_emu_self->field[0]; } \
  SK_HOOK __attribute__((const)) unsigned sk_##name##_y() { return sk_emu_self->field[1]; } \
  SK_HOOK __attribute__((const)) unsigned sk_##name##_z() { return sk_emu_self->field[2]; } \
  static __forceinline__ uint3 sk_##name() {                                                \
    return {sk_##name##_x(), sk_##name##_y(), sk_##name##_z()};                             \
  }
SK_PLACE(thread_idx, tid);
SK_PLACE(block_idx, bid);
SK_PLACE(block_dim, bdim);
SK_PLACE(grid_dim, gdim);
#undef SK_PLACE
#define threadIdx sk_thread_idx()
#define blockIdx sk_block_idx()
#define blockDim sk_block_dim()
#define gridDim sk_grid_dim()
#define warpSize 32

SK_HOOK __attribute__((const)) unsigned char *sk_dynamic() { return sk_emu_self->dynamic; }

// An array of dynamic shared memory at the scope of the file; within a function the emulated
// compiler writes a pointer instead.
template <class T> struct sk_dynamic_array {
  __forceinline__ operator T *() const { return (T *)sk_dynamic(); }
};

// The line tells one barrier from another: threads of a block that wait in different ones have
// diverged.
#define __syncthreads() ((void)sk_emu_barrier(SK_EMU_SYNC, 0, __LINE__))
#define __syncthreads_count(p) sk_emu_barrier(SK_EMU_COUNT, (p) != 0, __LINE__)
#define __syncthreads_and(p) sk_emu_barrier(SK_EMU_AND, (p) != 0, __LINE__)
#define __syncthreads_or(p) sk_emu_barrier(SK_EMU_OR, (p) != 0, __LINE__)
#define __nanosleep(ns) ((void)(ns), sk_emu_yield())
#define __trap() sk_emu_trap("__trap()", __LINE__)
#define assert(e) ((e) ? (void)0 : sk_emu_trap("assertion failed: " #e, __LINE__))
#define printf sk_emu_printf

// griddepcontrol.wait and griddepcontrol.launch_dependents, which have no name in CUDA C++ without
// headers. A text calls these functions in place of its asm where __CUDA_ARCH__ is not defined.
#define sk_griddepcontrol_wait() sk_emu_grid_wait()
#define sk_griddepcontrol_launch_dependents() sk_emu_grid_trigger(__LINE__)

static __forceinline__ void __threadfence_block() { __atomic_signal_fence(__ATOMIC_SEQ_CST); }
SK_HOOK void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
SK_HOOK void __threadfence_system() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

template <class T> static __forceinline__ unsigned long long sk_bits_of(T v) {
  static_assert(sizeof(T) <= 8, "a warp exchanges values of 8 bytes at most");
  unsigned long long u = 0;
  __builtin_memcpy(&u, &v, sizeof v);
  return u;
}
template <class T> static __forceinline__ T sk_value_of(unsigned long long u) {
  T v;
  __builtin_memcpy(&v, &u, sizeof v);
  return v;
}
template <class T>
static __forceinline__ T sk_shuffle(int line, int op, unsigned mask, T v, int lane,
                                    int width = 32) {
  return sk_value_of<T>(sk_emu_warp(op, mask, sk_bits_of(v), lane, width, line));
}
#define __shfl_sync(...) sk_shuffle(__LINE__, SK_EMU_SHFL, __VA_ARGS__)
#define __shfl_up_sync(...) sk_shuffle(__LINE__, SK_EMU_SHFL_UP, __VA_ARGS__)
#define __shfl_down_sync(...) sk_shuffle(__LINE__, SK_EMU_SHFL_DOWN, __VA_ARGS__)
#define __shfl_xor_sync(...) sk_shuffle(__LINE__, SK_EMU_SHFL_XOR, __VA_ARGS__)

struct sk_warp_sync {
  int line;
  __forceinline__ void operator()(unsigned mask = 0xffffffff) const {
    sk_emu_warp(SK_EMU_WARP_SYNC, mask, 0, 0, 32, line);
  }
};
#define __syncwarp(...) sk_warp_sync{__LINE__}(__VA_ARGS__)
#define __ballot_sync(mask, p) \
  ((unsigned)sk_emu_warp(SK_EMU_BALLOT, mask, (p) != 0, 0, 32, __LINE__))
#define __any_sync(mask, p) (__ballot_sync(mask, p) != 0)
#define __all_sync(mask, p) (__ballot_sync(mask, !(p)) == 0)
#define __match_any_sync(mask, v) \
  ((unsigned)sk_emu_warp(SK_EMU_MATCH, mask, sk_bits_of(v), 0, 32, __LINE__))
// Any set of lanes with the caller in it would be right.
#define __activemask() (1u << (sk_lane_id() & 31))

static __forceinline__ unsigned sk_lane_id() {
  return (threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) & 31;
}
static __forceinline__ unsigned sk_reduce(int line, int, int op, unsigned mask, unsigned v) {
  return (unsigned)sk_emu_warp(op, mask, v, 0, 32, line);
}
static __forceinline__ int sk_reduce(int line, int op, int, unsigned mask, int v) {
  return (int)sk_emu_warp(op, mask, (unsigned)v, 0, 32, line);
}
#define __reduce_add_sync(mask, v) sk_reduce(__LINE__, SK_EMU_RADD, SK_EMU_RADD, mask, v)
#define __reduce_min_sync(mask, v) sk_reduce(__LINE__, SK_EMU_RMINS, SK_EMU_RMIN, mask, v)
#define __reduce_max_sync(mask, v) sk_reduce(__LINE__, SK_EMU_RMAXS, SK_EMU_RMAX, mask, v)
#define __reduce_and_sync(mask, v) sk_reduce(__LINE__, SK_EMU_RAND, SK_EMU_RAND, mask, v)
#define __reduce_or_sync(mask, v) sk_reduce(__LINE__, SK_EMU_ROR, SK_EMU_ROR, mask, v)
#define __reduce_xor_sync(mask, v) sk_reduce(__LINE__, SK_EMU_RXOR, SK_EMU_RXOR, mask, v)
