/* The used part of NCCL, libnccl.so.2, which adds up arrays over several cards, declared by hand.
   It is opened at run time; see table.h. The functions are those of NCCL 2.18 and later. */
#ifndef SK_LOAD_NCCL_H
#define SK_LOAD_NCCL_H

#include <limits.h>
#include <stddef.h>

#include "table.h"

/* The lists below are laid out by hand. */
/* clang-format off */
#define SK_NCCL_CONSTANTS(C)                                                                                                         \
  C(ncclSuccess, 0) C(ncclUnhandledCudaError, 1) C(ncclSystemError, 2) C(ncclInternalError, 3) C(ncclInvalidArgument, 4)             \
  C(ncclInvalidUsage, 5) C(ncclRemoteError, 6) C(ncclInProgress, 7)                                                                  \
  C(ncclInt8, 0) C(ncclUint8, 1) C(ncclInt32, 2) C(ncclUint32, 3) C(ncclInt64, 4) C(ncclUint64, 5) C(ncclFloat16, 6)                 \
  C(ncclFloat32, 7) C(ncclFloat64, 8) C(ncclBfloat16, 9)                                                                             \
  C(ncclSum, 0) C(ncclProd, 1) C(ncclMax, 2) C(ncclMin, 3) C(ncclAvg, 4)                                                             \
  C(NCCL_UNIQUE_ID_BYTES, 128) C(NCCL_API_MAGIC, 0xcafebeef) C(NCCL_CONFIG_UNDEF_INT, INT_MIN)

/* Later versions of ncclConfig_t have more members behind these. The library reads as many bytes as
   its member size says. */
#define SK_NCCL_LAYOUTS(S, M)                                                                                                        \
  S(ncclComm_t) S(ncclUniqueId) S(ncclResult_t) S(ncclDataType_t) S(ncclRedOp_t) S(cudaStream_t)                                     \
  M(ncclUniqueId, internal)                                                                                                          \
  M(ncclConfig_t, size) M(ncclConfig_t, magic) M(ncclConfig_t, version) M(ncclConfig_t, blocking) M(ncclConfig_t, cgaClusterSize)    \
  M(ncclConfig_t, minCTAs) M(ncclConfig_t, maxCTAs) M(ncclConfig_t, netName) M(ncclConfig_t, splitShare)

#ifndef SK_REAL_HEADERS
typedef struct ncclComm *ncclComm_t;
typedef struct CUstream_st *cudaStream_t;
typedef int ncclResult_t;
typedef int ncclDataType_t;
typedef int ncclRedOp_t;

typedef struct {
  char internal[128];
} ncclUniqueId;

typedef struct {
  size_t size;
  unsigned int magic;
  unsigned int version;
  int blocking, cgaClusterSize, minCTAs, maxCTAs;
  const char *netName;
  int splitShare;
} ncclConfig_t;

#define SK_NCCL_CONSTANT(name, value) name = value,
enum { SK_NCCL_CONSTANTS(SK_NCCL_CONSTANT) };
#undef SK_NCCL_CONSTANT
#elif !defined(NCCL_API_MAGIC) /* older headers have the number without a name */
#define NCCL_API_MAGIC (((ncclConfig_t)NCCL_CONFIG_INITIALIZER).magic)
#endif

#define SK_NCCL_FUNCTIONS(F, O)                                                                                                      \
  F(ncclResult_t, ncclGetVersion, (int *version))                                                                                    \
  F(const char *, ncclGetErrorString, (ncclResult_t result))                                                                         \
  F(const char *, ncclGetLastError, (ncclComm_t comm))                                                                               \
  F(ncclResult_t, ncclGetUniqueId, (ncclUniqueId * id))                                                                              \
  F(ncclResult_t, ncclCommInitRankConfig, (ncclComm_t * comm, int ranks, ncclUniqueId id, int rank, ncclConfig_t *config))           \
  F(ncclResult_t, ncclCommFinalize, (ncclComm_t comm))                                                                               \
  F(ncclResult_t, ncclCommDestroy, (ncclComm_t comm))                                                                                \
  F(ncclResult_t, ncclCommAbort, (ncclComm_t comm))                                                                                  \
  F(ncclResult_t, ncclCommGetAsyncError, (ncclComm_t comm, ncclResult_t *error))                                                     \
  F(ncclResult_t, ncclAllReduce,                                                                                                     \
    (const void *send, void *recv, size_t count, ncclDataType_t type, ncclRedOp_t op, ncclComm_t comm, cudaStream_t stream))         \
  F(ncclResult_t, ncclBroadcast,                                                                                                     \
    (const void *send, void *recv, size_t count, ncclDataType_t type, int root, ncclComm_t comm, cudaStream_t stream))               \
  F(ncclResult_t, ncclAllGather,                                                                                                     \
    (const void *send, void *recv, size_t count, ncclDataType_t type, ncclComm_t comm, cudaStream_t stream))                         \
  F(ncclResult_t, ncclGroupStart, (void))                                                                                            \
  F(ncclResult_t, ncclGroupEnd, (void))

typedef struct {
  SK_NCCL_FUNCTIONS(SK_POINTER, SK_POINTER)
} sk_nccl_table;

#endif
