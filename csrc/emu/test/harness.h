// Opens the emulated libraries from a folder, and reports failures with their place.
#pragma once
#include <dlfcn.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "../../load/cuda.h"
#include "../../load/nvrtc.h"
#include "../cuda/hooks.h"

inline int failures = 0;

#define CHECK(e)                                                                   \
  do {                                                                             \
    if (!(e)) failures++, printf("%s:%d: not true: %s\n", __FILE__, __LINE__, #e); \
  } while (0)

#define EQ(have, want)                                                                             \
  do {                                                                                             \
    const long long h_ = (long long)(have), w_ = (long long)(want);                                \
    if (h_ != w_)                                                                                  \
      failures++,                                                                                  \
          printf("%s:%d: %s is %lld, want %lld (%s)\n", __FILE__, __LINE__, #have, h_, w_, #want); \
  } while (0)

#define OK(call) EQ(call, CUDA_SUCCESS)

inline sk_cuda_table cu;
inline sk_nvrtc_table rtc;
inline decltype(&sk_emu_count) emu_count;
inline decltype(&sk_emu_message) emu_message;
inline decltype(&sk_emu_set) emu_set;
inline decltype(&sk_emu_enqueue) emu_enqueue;
inline decltype(&sk_emu_check) emu_check;
inline decltype(&sk_emu_fail) emu_fail;
inline void *libcuda;

template <class F> void lookup(void *lib, F &f, const char *name) {
  f = reinterpret_cast<F>(dlsym(lib, name));
  if (!f) printf("no %s\n", name), exit(2);
}

template <class F> F driver(const char *name) {
  F f;
  lookup(libcuda, f, name);
  return f;
}

inline void open_libraries(int argc, char **argv) {
  if (argc < 2) printf("usage: %s FOLDER [FOLDER OF THE DRIVER]\n", argv[0]), exit(2);
  const std::string dir = argv[1];
  libcuda = dlopen((std::string(argv[argc > 2 ? 2 : 1]) + "/libcuda.so.1").c_str(),
                   RTLD_NOW | RTLD_LOCAL);
  void *nvrtc = dlopen((dir + "/libnvrtc.so.13").c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!libcuda || !nvrtc) printf("%s\n", dlerror()), exit(2);
#define LOOK(ret, name, args) lookup(libcuda, cu.name, #name);
  SK_CUDA_FUNCTIONS(LOOK, LOOK)
#undef LOOK
#define LOOK(ret, name, args) lookup(nvrtc, rtc.name, #name);
  SK_NVRTC_FUNCTIONS(LOOK, LOOK)
#undef LOOK
  lookup(libcuda, emu_count, "sk_emu_count"), lookup(libcuda, emu_message, "sk_emu_message"),
      lookup(libcuda, emu_set, "sk_emu_set");
  lookup(libcuda, emu_enqueue, "sk_emu_enqueue"), lookup(libcuda, emu_check, "sk_emu_check"),
      lookup(libcuda, emu_fail, "sk_emu_fail");
}

inline std::string message() {
  char text[2000];
  emu_message(text, sizeof text);
  return text;
}

// Whether the last explanation has all of the words.
inline bool says(std::initializer_list<const char *> words) {
  const std::string m = message();
  for (const char *w : words)
    if (m.find(w) == std::string::npos)
      return printf("  \"%s\" lacks \"%s\"\n", m.c_str(), w), false;
  return true;
}

// A compiled text; the compiler's output goes to log.
inline std::string compile(const std::string &source, std::string *log = nullptr,
                           const char *arch = "--gpu-architecture=sm_90",
                           nvrtcResult want = NVRTC_SUCCESS, std::vector<const char *> more = {}) {
  nvrtcProgram p;
  EQ(rtc.nvrtcCreateProgram(&p, source.c_str(), "text.cu", 0, nullptr, nullptr), 0);
  std::vector<const char *> options = {arch, "--std=c++17"};
  options.insert(options.end(), more.begin(), more.end());
  const nvrtcResult r = rtc.nvrtcCompileProgram(p, int(options.size()), options.data());
  size_t n = 0;
  rtc.nvrtcGetProgramLogSize(p, &n);
  std::string text(n, 0);
  rtc.nvrtcGetProgramLog(p, text.data());
  if (r != want)
    failures++, printf("compiling: %d, want %d: %s\n%s\n", r, want, text.c_str(), source.c_str());
  if (log) *log = text;
  std::string image;
  if (r == NVRTC_SUCCESS) {
    EQ(rtc.nvrtcGetCUBINSize(p, &n), 0);
    image.resize(n);
    EQ(rtc.nvrtcGetCUBIN(p, image.data()), 0);
  }
  EQ(rtc.nvrtcDestroyProgram(&p), 0);
  return image;
}

// The first kernel of a text, loaded.
struct Kernel {
  CUmodule module = nullptr;
  CUfunction f = nullptr;
  explicit Kernel(const std::string &source, const char *name = "k") {
    const std::string image = compile(source);
    if (image.empty()) return;
    OK(cu.cuModuleLoadDataEx(&module, image.data(), 0, nullptr, nullptr));
    OK(cu.cuModuleGetFunction(&f, module, name));
  }
  template <class... A> CUresult operator()(unsigned grid, unsigned block, CUstream s, A... args) {
    void *params[] = {&args..., nullptr};
    return cu.cuLaunchKernel(f, grid, 1, 1, block, 1, 1, dynamic, s, params, nullptr);
  }
  unsigned dynamic = 0;
};

// Device memory of n elements, and its copy on the host.
template <class T> struct Array {
  CUdeviceptr p = 0;
  size_t n;
  explicit Array(size_t n) : n(n) { OK(cu.cuMemAlloc_v2(&p, n * sizeof(T))); }
  Array(const Array &) = delete;
  ~Array() { cu.cuMemFree_v2(p); }
  void put(const std::vector<T> &v) {
    OK(cu.cuMemcpyHtoDAsync_v2(p, v.data(), v.size() * sizeof(T), nullptr));
  }
  std::vector<T> take() {
    std::vector<T> v(n);
    OK(cu.cuMemcpyDtoHAsync_v2(v.data(), p, n * sizeof(T), nullptr));
    OK(cu.cuStreamSynchronize(nullptr));
    return v;
  }
};

// Runs f in a context of its own on a card, so that a lost context does not affect another test.
inline void fresh(const char *name, const std::function<void()> &f, int card = 0) {
  const int before = failures;
  CUcontext c;
  OK(cu.cuDevicePrimaryCtxRetain(&c, card));
  OK(cu.cuCtxSetCurrent(c));
  f();
  cu.cuDevicePrimaryCtxRelease_v2(card);
  cu.cuCtxSetCurrent(nullptr);
  printf("%s %s\n", failures == before ? "ok  " : "FAIL", name);
}

inline int finish() {
  if (failures) printf("%d failures\n", failures);
  return failures != 0;
}
