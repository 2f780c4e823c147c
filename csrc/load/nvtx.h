/* The used part of NVTX 3, by which a program names its work to a profiler such as Nsight, declared
   by hand. NVTX has no library of its own: a tool names one in NVTX_INJECTION64_PATH, and
   that fills in the functions below (cudnn/nvtx). */
#ifndef SK_LOAD_NVTX_H
#define SK_LOAD_NVTX_H

#include <stddef.h>
#include <stdint.h>

#include "table.h"

/* The lists below are laid out by hand. */
/* clang-format off */
#define SK_NVTX_CONSTANTS(C)                                                                                                         \
  C(NVTX_VERSION, 3) C(NVTX_MESSAGE_TYPE_REGISTERED, 3) C(NVTX_ETID_CALLBACKS, 1) C(NVTX_ETID_VERSIONINFO, 3)                        \
  C(NVTX_CB_MODULE_CORE, 1) C(NVTX_CB_MODULE_CUDA, 2) C(NVTX_CB_MODULE_OPENCL, 3) C(NVTX_CB_MODULE_CUDART, 4)                        \
  C(NVTX_CB_MODULE_CORE2, 5) C(NVTX_CB_MODULE_SYNC, 6) C(NVTX_CB_MODULE_SIZE, 7)                                                     \
  C(NVTX_CBID_CORE_SIZE, 16) C(NVTX_CBID_CUDA_SIZE, 9) C(NVTX_CBID_OPENCL_SIZE, 15) C(NVTX_CBID_CUDART_SIZE, 7)                      \
  C(NVTX_CBID_CORE2_SIZE, 16) C(NVTX_CBID_SYNC_SIZE, 7)                                                                              \
  C(NVTX_CBID_CORE2_DomainRangePushEx, 4) C(NVTX_CBID_CORE2_DomainRangePop, 5) C(NVTX_CBID_CORE2_DomainRegisterStringA, 10)          \
  C(NVTX_CBID_CORE2_DomainCreateA, 12)

#define SK_NVTX_LAYOUTS(S, M)                                                                                                        \
  S(nvtxDomainHandle_t) S(nvtxStringHandle_t) S(nvtxMessageValue_t) S(nvtxEventAttributes_t)                                         \
  M(nvtxEventAttributes_t, version) M(nvtxEventAttributes_t, size) M(nvtxEventAttributes_t, category)                                \
  M(nvtxEventAttributes_t, colorType) M(nvtxEventAttributes_t, color) M(nvtxEventAttributes_t, payloadType)                          \
  M(nvtxEventAttributes_t, reserved0) M(nvtxEventAttributes_t, payload) M(nvtxEventAttributes_t, messageType)                        \
  M(nvtxEventAttributes_t, message)                                                                                                  \
  S(NvtxExportTableCallbacks) M(NvtxExportTableCallbacks, struct_size) M(NvtxExportTableCallbacks, GetModuleFunctionTable)           \
  S(NvtxExportTableVersionInfo) M(NvtxExportTableVersionInfo, struct_size) M(NvtxExportTableVersionInfo, version)                    \
  M(NvtxExportTableVersionInfo, SetInjectionNvtxVersion)

#ifndef SK_REAL_HEADERS
typedef struct nvtxDomainRegistration_st *nvtxDomainHandle_t;
typedef struct nvtxStringRegistration_st *nvtxStringHandle_t;

typedef union {
  const char *ascii;
  const wchar_t *unicode;
  nvtxStringHandle_t registered;
} nvtxMessageValue_t;

typedef struct {
  uint16_t version, size;
  uint32_t category;
  int32_t colorType;
  uint32_t color;
  int32_t payloadType, reserved0;
  union {
    uint64_t ullValue;
    double dValue;
  } payload;
  int32_t messageType;
  nvtxMessageValue_t message;
} nvtxEventAttributes_t;

typedef void (*NvtxFunctionPointer)(void);
typedef NvtxFunctionPointer **NvtxFunctionTable;
typedef const void *(*NvtxGetExportTableFunc_t)(uint32_t id);
typedef int (*NvtxInitializeInjectionNvtxFunc_t)(NvtxGetExportTableFunc_t get);

typedef struct {
  size_t struct_size;
  int (*GetModuleFunctionTable)(int module, NvtxFunctionTable *table, unsigned *size);
} NvtxExportTableCallbacks;

typedef struct {
  size_t struct_size;
  uint32_t version, reserved0;
  void (*SetInjectionNvtxVersion)(uint32_t version);
} NvtxExportTableVersionInfo;

#define SK_NVTX_CONSTANT(name, value) name = value,
enum { SK_NVTX_CONSTANTS(SK_NVTX_CONSTANT) };
#undef SK_NVTX_CONSTANT
#endif

#define SK_NVTX_FUNCTIONS(F, O)                                                                                                      \
  F(nvtxDomainHandle_t, nvtxDomainCreateA, (const char *name))                                                                       \
  F(nvtxStringHandle_t, nvtxDomainRegisterStringA, (nvtxDomainHandle_t domain, const char *string))                                  \
  F(int, nvtxDomainRangePushEx, (nvtxDomainHandle_t domain, const nvtxEventAttributes_t *attributes))                                \
  F(int, nvtxDomainRangePop, (nvtxDomainHandle_t domain))

typedef struct {
  SK_NVTX_FUNCTIONS(SK_POINTER, SK_POINTER)
} sk_nvtx_table;

#endif
