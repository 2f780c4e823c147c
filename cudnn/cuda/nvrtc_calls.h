/* NVRTC's calls; see calls.h. */
#ifndef SHAKE_CUDNN_CUDA_NVRTC_CALLS_H
#define SHAKE_CUDNN_CUDA_NVRTC_CALLS_H

#include <stdint.h>

#include "../../csrc/load/nvrtc.h"

extern const sk_nvrtc_table *sk_nvrtc;

typedef struct {
  int64_t status;
  uint64_t value, more;
} sk_nvrtc_result;

static inline void sk_nvrtc_use(uintptr_t table) { sk_nvrtc = (const sk_nvrtc_table *)table; }
static inline const char *sk_nvrtc_text(int status) {
  return sk_nvrtc->nvrtcGetErrorString(status);
}

static inline sk_nvrtc_result sk_nvrtc_version(void) {
  int major = 0, minor = 0;
  nvrtcResult r = sk_nvrtc->nvrtcVersion(&major, &minor);
  return (sk_nvrtc_result){r, (uint64_t)major, (uint64_t)minor};
}

static inline sk_nvrtc_result sk_nvrtc_arch_count(void) {
  int n = 0;
  nvrtcResult r = sk_nvrtc->nvrtcGetNumSupportedArchs(&n);
  return (sk_nvrtc_result){r, (uint64_t)n, 0};
}

static inline int sk_nvrtc_archs(int *archs) { return sk_nvrtc->nvrtcGetSupportedArchs(archs); }

static inline sk_nvrtc_result sk_nvrtc_create(const char *source, const char *name) {
  nvrtcProgram p = NULL;
  nvrtcResult r = sk_nvrtc->nvrtcCreateProgram(&p, source, name, 0, NULL, NULL);
  return (sk_nvrtc_result){r, (uintptr_t)p, 0};
}

static inline int sk_nvrtc_destroy(uintptr_t p) {
  nvrtcProgram program = (nvrtcProgram)p;
  return sk_nvrtc->nvrtcDestroyProgram(&program);
}

static inline int sk_nvrtc_compile(uintptr_t p, int n, char **options) {
  return sk_nvrtc->nvrtcCompileProgram((nvrtcProgram)p, n, (const char *const *)options);
}

/* The readable parts of a compiled program: their size, then their text. */
enum { SK_NVRTC_CUBIN, SK_NVRTC_PTX, SK_NVRTC_LOG };

static inline sk_nvrtc_result sk_nvrtc_size(uintptr_t p, int what) {
  size_t n = 0;
  nvrtcProgram program = (nvrtcProgram)p;
  nvrtcResult r = what == SK_NVRTC_CUBIN ? sk_nvrtc->nvrtcGetCUBINSize(program, &n)
                  : what == SK_NVRTC_PTX ? sk_nvrtc->nvrtcGetPTXSize(program, &n)
                                         : sk_nvrtc->nvrtcGetProgramLogSize(program, &n);
  return (sk_nvrtc_result){r, n, 0};
}

static inline int sk_nvrtc_read(uintptr_t p, int what, char *buffer) {
  nvrtcProgram program = (nvrtcProgram)p;
  return what == SK_NVRTC_CUBIN ? sk_nvrtc->nvrtcGetCUBIN(program, buffer)
         : what == SK_NVRTC_PTX ? sk_nvrtc->nvrtcGetPTX(program, buffer)
                                : sk_nvrtc->nvrtcGetProgramLog(program, buffer);
}

#endif
