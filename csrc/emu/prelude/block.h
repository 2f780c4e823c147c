// The interface between a compiled kernel and the emulated driver. Both include this file, so it
// must not need a header of the host.
#pragma once

#define SK_EMU_ABI 4  // part of every image; the driver refuses an image with another number

// A range of addresses that the running thread may touch. An access of up to 16 bytes that begins
// in the first room bytes is inside. An access nearer to the end is checked by the driver.
struct sk_emu_range {
  unsigned long lo, size, room;
};

enum {
  SK_EMU_RECENT,
  SK_EMU_STATIC = SK_EMU_RECENT + 4,
  SK_EMU_DYNAMIC,
  SK_EMU_STACK,
  SK_EMU_RANGES
};

// The block that an OS thread runs, and the CUDA thread in it whose turn it is.
struct sk_emu_block {
  unsigned tid[3], bid[3], bdim[3], gdim[3];
  unsigned char *dynamic;  // the block's dynamic shared memory
  int watch;               // look for races
  // Accesses until the next call of the driver; 0 with watch, so that every access calls it.
  int fuel;
  sk_emu_range near[SK_EMU_RANGES];
};

// One entry point. call unpacks the arguments; sizes has their bytes.
struct sk_emu_kernel {
  const char *name;
  void (*call)(void **args);
  unsigned params;
  const unsigned *sizes;
  unsigned max_threads;  // of __launch_bounds__; 0: not given
};

struct sk_emu_image {
  unsigned abi, kernels;
  const sk_emu_kernel *kernel;
};

enum { SK_EMU_READ = 0, SK_EMU_WRITE = 1, SK_EMU_ATOMIC = 3 };
enum { SK_EMU_SYNC, SK_EMU_COUNT, SK_EMU_AND, SK_EMU_OR };
enum {
  SK_EMU_WARP_SYNC,
  SK_EMU_SHFL,
  SK_EMU_SHFL_UP,
  SK_EMU_SHFL_DOWN,
  SK_EMU_SHFL_XOR,
  SK_EMU_BALLOT,
  SK_EMU_MATCH,
  SK_EMU_RADD,
  SK_EMU_RMIN,
  SK_EMU_RMAX,
  SK_EMU_RMINS,
  SK_EMU_RMAXS,
  SK_EMU_RAND,
  SK_EMU_ROR,
  SK_EMU_RXOR,
  // An operation of ldmatrix is this number plus the number of matrices.
  SK_EMU_MMA_F16,
  SK_EMU_MMA_BF16,
  SK_EMU_LDMATRIX,
  SK_EMU_LDMATRIX_TRANS = SK_EMU_LDMATRIX + 5,
};

// The driver's side. The variable on the first line is read so often that it has to be in the
// loader's static block.
extern "C" {
extern __thread sk_emu_block *sk_emu_self __attribute__((tls_model("initial-exec")));
void sk_emu_access(const void *p, unsigned long bytes, int how);
void sk_emu_misaligned(const void *p, unsigned long alignment, const char *file, unsigned line);
int sk_emu_barrier(int kind, int predicate, int line);
unsigned long long sk_emu_warp(int op, unsigned mask, unsigned long long value, int lane, int width,
                               int line);
unsigned sk_emu_shared(const void *p, int line);
void sk_emu_mma(int bf16, float *sum, const unsigned *ab, int line);
void sk_emu_ldmatrix(int matrices, int trans, unsigned *out, unsigned address, int line);
void sk_emu_cp_async(unsigned bytes, unsigned to, const void *from, unsigned given, int line);
void sk_emu_cp_async_commit(void);
void sk_emu_cp_async_wait(int but);
void sk_emu_yield(void);
void sk_emu_grid_wait(void);
void sk_emu_grid_trigger(int line);
void sk_emu_trap(const char *what, int line);
int sk_emu_printf(const char *format, ...);
}
