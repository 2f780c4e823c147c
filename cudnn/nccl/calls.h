/* The calls of this package, through the table of csrc/load. Handles and addresses go in and out as
   integers and results come back by value. */
#ifndef SHAKE_CUDNN_NCCL_CALLS_H
#define SHAKE_CUDNN_NCCL_CALLS_H

#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "../../csrc/load/nccl.h"

extern const sk_nccl_table *sk_nccl; /* set once, before any other call here */

typedef struct {
  int64_t status;
  uint64_t value;
} sk_nccl_result;

#define SK_COMM(c) ((ncclComm_t)(uintptr_t)(c))
#define SK_ADDRESS(p) ((void *)(uintptr_t)(p))
#define SK_STREAM(s) ((cudaStream_t)(uintptr_t)(s))

static inline void sk_nccl_use(uintptr_t table) { sk_nccl = (const sk_nccl_table *)table; }

static inline sk_nccl_result sk_nccl_version(void) {
  int v = 0;
  ncclResult_t r = sk_nccl->ncclGetVersion(&v);
  return (sk_nccl_result){r, (uint64_t)v};
}

static inline const char *sk_nccl_error_string(int status) {
  return sk_nccl->ncclGetErrorString(status);
}

static inline const char *sk_nccl_last_error(uintptr_t comm) {
  return sk_nccl->ncclGetLastError(SK_COMM(comm));
}

static inline int sk_nccl_unique_id(char *out) {
  ncclUniqueId id;
  memset(&id, 0, sizeof id);
  ncclResult_t r = sk_nccl->ncclGetUniqueId(&id);
  memcpy(out, &id, sizeof id);
  return r;
}

/* 0 for min and max leaves them to the library. The version is that of the members declared here:
   a later library gives its own further fields their defaults. */
static inline sk_nccl_result sk_nccl_init(const char *from, int rank, int world, int blocking,
                                          int min, int max) {
  ncclUniqueId id;
  memcpy(&id, from, sizeof id);
  ncclConfig_t c = {sizeof c,
                    NCCL_API_MAGIC,
                    21800,
                    blocking,
                    NCCL_CONFIG_UNDEF_INT,
                    min ? min : NCCL_CONFIG_UNDEF_INT,
                    max ? max : NCCL_CONFIG_UNDEF_INT,
                    NULL,
                    NCCL_CONFIG_UNDEF_INT};
  ncclComm_t comm = NULL;
  ncclResult_t r = sk_nccl->ncclCommInitRankConfig(&comm, world, id, rank, &c);
  return (sk_nccl_result){r, (uint64_t)(uintptr_t)comm};
}

static inline int sk_nccl_finalize(uintptr_t c) { return sk_nccl->ncclCommFinalize(SK_COMM(c)); }
static inline int sk_nccl_destroy(uintptr_t c) { return sk_nccl->ncclCommDestroy(SK_COMM(c)); }
static inline int sk_nccl_abort(uintptr_t c) { return sk_nccl->ncclCommAbort(SK_COMM(c)); }

static inline sk_nccl_result sk_nccl_async_error(uintptr_t c) {
  ncclResult_t found = ncclSuccess;
  ncclResult_t r = sk_nccl->ncclCommGetAsyncError(SK_COMM(c), &found);
  return (sk_nccl_result){r, (uint64_t)found};
}

static inline int sk_nccl_all_reduce(uint64_t send, uint64_t recv, uint64_t count, int type, int op,
                                     uintptr_t c, uintptr_t s) {
  return sk_nccl->ncclAllReduce(SK_ADDRESS(send), SK_ADDRESS(recv), count, type, op, SK_COMM(c),
                                SK_STREAM(s));
}

static inline int sk_nccl_broadcast(uint64_t send, uint64_t recv, uint64_t count, int type,
                                    int root, uintptr_t c, uintptr_t s) {
  return sk_nccl->ncclBroadcast(SK_ADDRESS(send), SK_ADDRESS(recv), count, type, root, SK_COMM(c),
                                SK_STREAM(s));
}

static inline int sk_nccl_all_gather(uint64_t send, uint64_t recv, uint64_t count, int type,
                                     uintptr_t c, uintptr_t s) {
  return sk_nccl->ncclAllGather(SK_ADDRESS(send), SK_ADDRESS(recv), count, type, SK_COMM(c),
                                SK_STREAM(s));
}

static inline uintptr_t sk_nccl_thread(void) { return (uintptr_t)pthread_self(); }
static inline int sk_nccl_group_start(void) { return sk_nccl->ncclGroupStart(); }
static inline int sk_nccl_group_end(void) { return sk_nccl->ncclGroupEnd(); }

#endif
