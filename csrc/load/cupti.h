/* The used part of CUPTI, libcupti.so, which tells when each kernel of a process ran, declared by
   hand. It is opened at run time; see table.h. The functions are those of CUDA 12.4 and later. */
#ifndef SK_LOAD_CUPTI_H
#define SK_LOAD_CUPTI_H

#include <stddef.h>
#include <stdint.h>

#include "table.h"

/* The lists below are laid out by hand. */
/* clang-format off */
#define SK_CUPTI_CONSTANTS(C)                                                                                                        \
  C(CUPTI_SUCCESS, 0) C(CUPTI_ERROR_MAX_LIMIT_REACHED, 12) C(CUPTI_ERROR_INVALID_KIND, 21)                                           \
  C(CUPTI_ERROR_VIRTUALIZED_DEVICE_NOT_SUPPORTED, 33) C(CUPTI_ERROR_INSUFFICIENT_PRIVILEGES, 35)                                     \
  C(CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED, 39)                                                                              \
  C(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL, 10) C(CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION, 39)                                       \
  C(CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0, 3) C(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED, 1)

/* A record of a kernel has other names in other versions (9 in CUDA 12, 10 in 13.0, 13 in 13.5) and
   more members behind these, which stand at the same places in all. */
#define SK_CUPTI_LAYOUTS(S, M)                                                                                                       \
  M(CUpti_Activity, kind)                                                                                                            \
  M(sk_cupti_record, kind) M(sk_cupti_record, start) M(sk_cupti_record, end) M(sk_cupti_record, deviceId)                            \
  M(sk_cupti_record, streamId) M(sk_cupti_record, gridX) M(sk_cupti_record, gridY) M(sk_cupti_record, gridZ)                         \
  M(sk_cupti_record, blockX) M(sk_cupti_record, blockY) M(sk_cupti_record, blockZ) M(sk_cupti_record, dynamicSharedMemory)           \
  M(sk_cupti_record, correlationId) M(sk_cupti_record, name) M(sk_cupti_record, graphNodeId) M(sk_cupti_record, graphId)             \
  S(CUpti_ActivityExternalCorrelation) M(CUpti_ActivityExternalCorrelation, kind)                                                    \
  M(CUpti_ActivityExternalCorrelation, externalKind) M(CUpti_ActivityExternalCorrelation, externalId)                                \
  M(CUpti_ActivityExternalCorrelation, correlationId)

#ifdef SK_REAL_HEADERS
#if CUPTI_API_VERSION >= 130500
typedef CUpti_ActivityKernel13 sk_cupti_record;
#elif CUPTI_API_VERSION >= 130000
typedef CUpti_ActivityKernel10 sk_cupti_record;
#else
typedef CUpti_ActivityKernel9 sk_cupti_record;
#endif
#else
typedef int CUptiResult;
typedef int CUpti_ActivityKind;
typedef int CUpti_ExternalCorrelationKind;
typedef struct CUctx_st *CUcontext;

typedef struct __attribute__((packed, aligned(8))) {
  CUpti_ActivityKind kind;
} CUpti_Activity;

typedef struct __attribute__((packed, aligned(8))) {
  CUpti_ActivityKind kind;
  uint8_t cacheConfig, sharedMemoryConfig;
  uint16_t registersPerThread;
  int32_t partitionedGlobalCacheRequested, partitionedGlobalCacheExecuted;
  uint64_t start, end, completed;
  uint32_t deviceId, contextId, streamId;
  int32_t gridX, gridY, gridZ, blockX, blockY, blockZ;
  int32_t staticSharedMemory, dynamicSharedMemory;
  uint32_t localMemoryPerThread, localMemoryTotal, correlationId;
  int64_t gridId;
  const char *name;
  void *reserved0;
  uint64_t queued, submitted;
  uint8_t launchType, isSharedMemoryCarveoutRequested, sharedMemoryCarveoutRequested, padding;
  uint32_t sharedMemoryExecuted;
  uint64_t graphNodeId;
  int32_t shmemLimitConfig;
  uint32_t graphId;
} sk_cupti_record;

typedef struct __attribute__((packed, aligned(8))) {
  CUpti_ActivityKind kind;
  CUpti_ExternalCorrelationKind externalKind;
  uint64_t externalId;
  uint32_t correlationId, reserved;
} CUpti_ActivityExternalCorrelation;

typedef void (*CUpti_BuffersCallbackRequestFunc)(uint8_t **buffer, size_t *size, size_t *most);
typedef void (*CUpti_BuffersCallbackCompleteFunc)(CUcontext context, uint32_t stream, uint8_t *buffer, size_t size, size_t valid);

#define SK_CUPTI_CONSTANT(name, value) name = value,
enum { SK_CUPTI_CONSTANTS(SK_CUPTI_CONSTANT) };
#undef SK_CUPTI_CONSTANT
#endif

#define SK_CUPTI_FUNCTIONS(F, O)                                                                                                     \
  F(CUptiResult, cuptiGetVersion, (uint32_t *version))                                                                               \
  F(CUptiResult, cuptiGetResultString, (CUptiResult result, const char **text))                                                      \
  F(CUptiResult, cuptiActivityRegisterCallbacks,                                                                                     \
    (CUpti_BuffersCallbackRequestFunc request, CUpti_BuffersCallbackCompleteFunc complete))                                          \
  F(CUptiResult, cuptiActivityEnable, (CUpti_ActivityKind kind))                                                                     \
  F(CUptiResult, cuptiActivityDisable, (CUpti_ActivityKind kind))                                                                    \
  F(CUptiResult, cuptiActivityFlushAll, (uint32_t flag))                                                                             \
  F(CUptiResult, cuptiActivityGetNextRecord, (uint8_t *buffer, size_t valid, CUpti_Activity **record))                               \
  F(CUptiResult, cuptiActivityPushExternalCorrelationId, (CUpti_ExternalCorrelationKind kind, uint64_t id))                          \
  F(CUptiResult, cuptiActivityPopExternalCorrelationId, (CUpti_ExternalCorrelationKind kind, uint64_t *last))

typedef struct {
  SK_CUPTI_FUNCTIONS(SK_POINTER, SK_POINTER)
} sk_cupti_table;

#endif
