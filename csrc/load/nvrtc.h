/* The used part of NVRTC, libnvrtc.so, the compiler of kernels, declared by hand. It is opened at
   run time; see table.h. */
#ifndef SK_LOAD_NVRTC_H
#define SK_LOAD_NVRTC_H

#include <stddef.h>

#include "table.h"

/* The lists below are laid out by hand. */
/* clang-format off */
#define SK_NVRTC_CONSTANTS(C)                                                                                                        \
  C(NVRTC_SUCCESS, 0) C(NVRTC_ERROR_OUT_OF_MEMORY, 1) C(NVRTC_ERROR_PROGRAM_CREATION_FAILURE, 2) C(NVRTC_ERROR_INVALID_INPUT, 3)     \
  C(NVRTC_ERROR_INVALID_PROGRAM, 4) C(NVRTC_ERROR_INVALID_OPTION, 5) C(NVRTC_ERROR_COMPILATION, 6)                                   \
  C(NVRTC_ERROR_BUILTIN_OPERATION_FAILURE, 7) C(NVRTC_ERROR_INTERNAL_ERROR, 11)

#define SK_NVRTC_LAYOUTS(S, M) S(nvrtcResult) S(nvrtcProgram)

#ifndef SK_REAL_HEADERS
typedef int nvrtcResult;
typedef struct _nvrtcProgram *nvrtcProgram;

#define SK_CONSTANT(name, value) name = value,
enum { SK_NVRTC_CONSTANTS(SK_CONSTANT) };
#undef SK_CONSTANT
#endif

#define SK_NVRTC_FUNCTIONS(F, O)                                                                                                     \
  F(const char *, nvrtcGetErrorString, (nvrtcResult result))                                                                         \
  F(nvrtcResult, nvrtcVersion, (int *major, int *minor))                                                                             \
  F(nvrtcResult, nvrtcGetNumSupportedArchs, (int *n))                                                                                \
  F(nvrtcResult, nvrtcGetSupportedArchs, (int *archs))                                                                               \
  F(nvrtcResult, nvrtcCreateProgram,                                                                                                 \
    (nvrtcProgram * program, const char *source, const char *name, int headers, const char *const *texts, const char *const *names)) \
  F(nvrtcResult, nvrtcDestroyProgram, (nvrtcProgram * program))                                                                      \
  F(nvrtcResult, nvrtcCompileProgram, (nvrtcProgram program, int n, const char *const *options))                                     \
  F(nvrtcResult, nvrtcGetCUBINSize, (nvrtcProgram program, size_t *bytes))                                                           \
  F(nvrtcResult, nvrtcGetCUBIN, (nvrtcProgram program, char *cubin))                                                                 \
  F(nvrtcResult, nvrtcGetPTXSize, (nvrtcProgram program, size_t *bytes))                                                             \
  F(nvrtcResult, nvrtcGetPTX, (nvrtcProgram program, char *ptx))                                                                     \
  F(nvrtcResult, nvrtcGetProgramLogSize, (nvrtcProgram program, size_t *bytes))                                                      \
  F(nvrtcResult, nvrtcGetProgramLog, (nvrtcProgram program, char *log))

typedef struct {
  SK_NVRTC_FUNCTIONS(SK_POINTER, SK_POINTER)
} sk_nvrtc_table;

#endif
