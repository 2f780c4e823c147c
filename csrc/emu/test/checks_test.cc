// The checks of running kernels: each fires on its mistake, and only there.
#include <cmath>

#include "harness.h"

// An error of a kernel: the launch succeeds, the wait and every later call fails, and the context
// stays lost.
static void lost(CUresult want, std::initializer_list<const char *> words) {
  EQ(cu.cuStreamSynchronize(nullptr), want);
  CHECK(says(words));
  CUdeviceptr p;
  EQ(cu.cuMemAlloc_v2(&p, 4), want);
  EQ(cu.cuCtxSynchronize(), want);
}

#define K(body) "extern \"C\" __global__ void k(float *x, int n) {\n" body "\n}"

static void out_of_bounds() {
  struct {
    const char *what, *text;
    std::vector<const char *> words;
    CUresult want = CUDA_ERROR_ILLEGAL_ADDRESS;
  } cases[] = {
      {"a read behind the end",
       K("if (threadIdx.x == 5) x[0] = x[n];"),
       {"kernel k, thread (5,0,0) of block (0,0,0)", "reads 4 bytes",
        "0 bytes behind the end of the 400 bytes of device memory"}},
      {"a write in front", K("x[-1] = 0;"), {"writes 4 bytes", "4 bytes before"}},
      {"half in, half out", K("*(double *)(x + n - 1) = 0;"), {}, CUDA_ERROR_MISALIGNED_ADDRESS},
      {"null",
       K("float *p = 0; if (n) p[threadIdx.x] = 1;"),
       {"writes 4 bytes at", "far from all"}},
      {"shared memory",
       K("__shared__ float s[32]; s[threadIdx.x + n] = 1; __syncthreads(); x[0] = s[0];"),
       {"writes 4 bytes"}},
      {"an atomic", K("atomicAdd(x + n, 1.0f);"), {"changes 4 bytes"}},
      {"a vector",
       K("*(float4 *)(x + n - 2 - threadIdx.x % 1) = float4();"),
       {},
       CUDA_ERROR_MISALIGNED_ADDRESS},
      {"an aligned vector", K("*(float4 *)(x + n) = float4();"), {"writes"}},
      {"a misaligned vector",
       K("float4 v = *(float4 *)(x + 1); x[0] = v.x + v.w;"),
       {"text.cu(2)", "no multiple of 16"},
       CUDA_ERROR_MISALIGNED_ADDRESS},
      {"a copy of structures",
       "struct S { float v[40]; }; " K("*(S *)(x + n - 39) = *(const S *)x;"),
       {"160 bytes"}},
      {"with barriers",
       K("__shared__ float s[32]; s[threadIdx.x] = 0; __syncthreads(); if (threadIdx.x == 7) x[n + "
         "3] = s[0];"),
       {"thread (7,0,0)", "12 bytes behind"}},
  };
  for (auto &c : cases)
    fresh(c.what, [&] {
      Kernel k(c.text);
      Array<float> x(100);
      x.put(std::vector<float>(100));
      OK(k(1, 32, nullptr, x.p, 100));
      EQ(cu.cuStreamSynchronize(nullptr), c.want);
      for (const char *w : c.words) CHECK(says({w}));
    });
  fresh("memory that was freed", [] {
    Kernel k(K("x[threadIdx.x] = 0;"));
    CUdeviceptr p;
    OK(cu.cuMemAlloc_v2(&p, 400));
    OK(cu.cuMemFree_v2(p));
    OK(k(1, 32, nullptr, p, 100));
    lost(CUDA_ERROR_ILLEGAL_ADDRESS, {"freed device memory"});
  });
  fresh("the other card's memory", [] {
    CUcontext here, other;
    OK(cu.cuCtxGetCurrent(&here));
    OK(cu.cuDevicePrimaryCtxRetain(&other, 1));
    OK(cu.cuCtxSetCurrent(other));
    CUdeviceptr p;
    OK(cu.cuMemAlloc_v2(&p, 400));
    OK(cu.cuCtxSetCurrent(here));
    Kernel k(K("x[threadIdx.x] = 0;"));
    OK(k(1, 32, nullptr, p, 100));
    lost(CUDA_ERROR_ILLEGAL_ADDRESS, {"of card 1"});
    OK(cu.cuDevicePrimaryCtxRelease_v2(1));
  });
  fresh("the host's memory", [] {
    std::vector<float> v(100);
    Kernel k(K("x[threadIdx.x] = 0;"));
    OK(k(1, 32, nullptr, v.data(), 100));
    lost(CUDA_ERROR_ILLEGAL_ADDRESS, {"writes 4 bytes"});
  });
  fresh("pinned memory is reached", [] {
    void *p;
    OK(cu.cuMemHostAlloc(&p, 400, 0));
    Kernel k(K("x[threadIdx.x] = (float)threadIdx.x;"));
    OK(k(1, 100, nullptr, p, 100));
    OK(cu.cuStreamSynchronize(nullptr));
    EQ(static_cast<float *>(p)[99], 99);
    OK(cu.cuMemFreeHost(p));
  });
  fresh("an index that runs away in a thread's own array", [] {
    Kernel k(
        K("float v[8]; for (int i = 0; i < 8; i++) v[i] = x[i]; for (int i = 0; i < 8; i++) x[i] = "
          "v[(i * n) % 8];"));
    Array<float> x(100);
    OK(k(1, 32, nullptr, x.p, 100));
    OK(cu.cuStreamSynchronize(nullptr));
  });
}

static void barriers() {
  fresh("divergence", [] {
    Kernel k(K("if (threadIdx.x < 10) __syncthreads();\nelse\n__syncthreads();\nx[0] = 1;"));
    Array<float> x(100);
    OK(k(1, 32, nullptr, x.p, 100));
    lost(CUDA_ERROR_LAUNCH_FAILED,
         {"10 in __syncthreads at line 2", "22 in __syncthreads at line 4"});
  });
  fresh("a warp that waits for lanes at a barrier", [] {
    Kernel k(
        K("if (threadIdx.x < 10) __syncthreads();\nelse x[threadIdx.x] = __shfl_sync(0xffffffff, "
          "x[0], 0);"));
    Array<float> x(100);
    OK(k(1, 32, nullptr, x.p, 100));
    lost(CUDA_ERROR_LAUNCH_FAILED,
         {"wait for one another for ever", "10 in __syncthreads at line 2",
          "22 in a warp's operation at line 3"});
  });
  fresh("threads that returned are not waited for", [] {
    Kernel k(
        K("__shared__ float s[64]; if (threadIdx.x >= 40) return; s[threadIdx.x] = "
          "(float)threadIdx.x; __syncthreads(); x[threadIdx.x] = s[39 - threadIdx.x];"));
    Array<float> x(100);
    OK(k(1, 64, nullptr, x.p, 100));
    auto r = x.take();
    EQ(r[0], 39);
    EQ(r[39], 0);
  });
  fresh("a missing barrier shows", [] {
    Kernel k(
        K("__shared__ float s[256]; s[threadIdx.x] = 1; x[blockIdx.x * 256 + threadIdx.x] = s[255 "
          "- threadIdx.x]; if (n < 0) __syncthreads();"));
    Array<float> x(256 * 4);
    OK(k(4, 256, nullptr, x.p, 100));
    auto r = x.take();
    int wrong = 0;
    for (float f : r) wrong += !(f == 1);
    CHECK(wrong > 0);
  });
  fresh("shared memory begins as poison", [] {
    Kernel k(
        K("__shared__ float s[32]; __shared__ double d; extern __shared__ float e[]; x[3 * "
          "blockIdx.x] = s[n]; x[3 * blockIdx.x + 1] = (float)d; x[3 * blockIdx.x + 2] = e[n];\n"
          "__syncthreads(); s[threadIdx.x] = 1, e[threadIdx.x] = 1, d = 1;"));
    k.dynamic = 128;
    Array<float> x(30);
    x.put(std::vector<float>(30));
    OK(k(10, 32, nullptr, x.p, 3));
    for (float f : x.take()) CHECK(std::isnan(f));
  });
  fresh("barriers that count", [] {
    Kernel k(
        K("x[threadIdx.x] = __syncthreads_count(threadIdx.x < 5) * 100 + "
          "__syncthreads_and(threadIdx.x < 5) * 10 + __syncthreads_or(threadIdx.x < 5);"));
    Array<float> x(40);
    OK(k(1, 40, nullptr, x.p, 100));
    for (float f : x.take()) EQ(f, 501);
  });
  fresh("assert", [] {
    Kernel k(K("assert(threadIdx.x != 3);"));
    Array<float> x(40);
    OK(k(1, 40, nullptr, x.p, 100));
    lost(CUDA_ERROR_ASSERT, {"assertion failed: threadIdx.x != 3", "thread (3,0,0)"});
  });
}

static void warp_errors() {
  fresh("a mask without the caller", [] {
    Kernel k(K("x[threadIdx.x] = __shfl_sync(1u, x[0], 0);"));
    Array<float> x(40);
    OK(k(1, 32, nullptr, x.p, 100));
    lost(CUDA_ERROR_ILLEGAL_INSTRUCTION, {"lacks the lane that calls it"});
  });
  fresh("different operations", [] {
    Kernel k(
        K("if (threadIdx.x < 16) x[0] = __shfl_sync(0xffffffffu, x[0], 0);\nelse __syncwarp();"));
    Array<float> x(40);
    OK(k(1, 32, nullptr, x.p, 100));
    lost(CUDA_ERROR_LAUNCH_FAILED, {"different operations", "lines"});
  });
}

// Pairs of accesses without an order, and pairs with one.
static void races() {
  struct {
    const char *what, *text;
    std::vector<const char *> words;  // none: no race
  } cases[] = {
      {"read of what another wrote",
       K("__shared__ float s[64]; s[threadIdx.x] = 1; x[threadIdx.x] = s[63 - threadIdx.x];"),
       {"race: ", "static part"}},
      {"write of what another read",
       K("__shared__ float s[64]; x[threadIdx.x] = s[threadIdx.x]; s[(threadIdx.x + 1) % 64] = 1;"),
       {"race: writes 4 bytes", "reads"}},
      {"write of what two others read",
       K("__shared__ float s; __syncthreads(); x[threadIdx.x] = s; if (threadIdx.x == 3) s = 1;"),
       {"race: "}},
      {"two values",
       K("__shared__ unsigned s; *(volatile unsigned *)&s = threadIdx.x;"),
       {"write different values"}},
      {"two values, then a barrier",
       K("__shared__ unsigned s; if (threadIdx.x % 32 == 7) s = threadIdx.x; __syncthreads(); "
         "x[threadIdx.x] = s;"),
       {"write different values"}},
      {"one value", K("__shared__ unsigned s; s = 5; __syncthreads(); x[threadIdx.x] = s;"), {}},
      {"a barrier",
       K("__shared__ float s[64]; s[threadIdx.x] = 1; __syncthreads(); x[threadIdx.x] = s[63 - "
         "threadIdx.x];"),
       {}},
      {"a barrier for one way only",
       K("__shared__ float s[64]; for (int i = 0; i < 2; i++) { s[threadIdx.x] = i; "
         "__syncthreads(); x[threadIdx.x] = s[63 - threadIdx.x]; }"),
       {"race: "}},
      {"a warp's barrier",
       K("__shared__ float s[64]; s[threadIdx.x] = 1; __syncwarp(); x[threadIdx.x] = s[threadIdx.x "
         "^ 31];"),
       {}},
      {"a warp's barrier between two warps",
       K("__shared__ float s[64]; s[threadIdx.x] = 1; __syncwarp(); x[threadIdx.x] = s[threadIdx.x "
         "^ 32];"),
       {"race: "}},
      {"atomic",
       K("__shared__ int s[1]; s[0] = 0; __syncthreads(); atomicAdd(s, 1); __syncthreads(); "
         "x[threadIdx.x] = s[0];"),
       {}},
      {"atomic, and read at once",
       K("__shared__ int s[1]; s[0] = 0; __syncthreads(); atomicAdd(s, 1); x[threadIdx.x] = s[0];"),
       {"race: "}},
      {"dynamic memory",
       K("extern __shared__ char c[]; c[threadIdx.x / 2] = threadIdx.x; __syncthreads(); x[0] = "
         "c[0];"),
       {"write different values"}},
  };
  emu_set("races=1; log=none");
  for (auto &c : cases)
    fresh(c.what, [&] {
      Kernel k(c.text);
      k.dynamic = 64;
      Array<float> x(100);
      OK(k(3, 64, nullptr, x.p, 100));
      EQ(cu.cuStreamSynchronize(nullptr),
         c.words.empty() ? CUDA_SUCCESS : CUDA_ERROR_LAUNCH_FAILED);
      for (const char *w : c.words) CHECK(says({w}));
    });
  emu_set(nullptr);
}

static void timeouts() {
  for (const char *text : {K("while (*(volatile float *)x != 1.0f) {}"),
                           K("__shared__ float s; while (*(volatile float *)x != 1.0f) "
                             "__nanosleep(1); s = 1; __syncthreads();")})
    fresh("a kernel that does not end", [&] {
      emu_set("timeout=0.2; log=none");
      Kernel k(text);
      Array<float> x(40);
      OK(k(1, 32, nullptr, x.p, 100));
      lost(CUDA_ERROR_LAUNCH_TIMEOUT, {"kernel k"});
      emu_set(nullptr);
    });
}

int main(int argc, char **argv) {
  open_libraries(argc, argv);
  setenv("SHAKE_EMU_CUDA", "log=none", 1);
  OK(cu.cuInit(0));
  out_of_bounds();
  barriers();
  warp_errors();
  races();
  timeouts();
  return finish();
}
