/* The calls of this package, through the tables of csrc/load. Handles, addresses and sizes go in
   and out as integers and results come back by value, so that no call makes Go allocate. Functions
   that need a current context check that it is the right one: the driver would use any. */
#ifndef SHAKE_CUDNN_CUDA_CALLS_H
#define SHAKE_CUDNN_CUDA_CALLS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../csrc/load/cuda.h"

extern const sk_cuda_table *sk_cuda; /* set once, before any other call here */

typedef struct {
  int64_t status;
  uint64_t value, more;
} sk_result;

#define SK_RESULT(status, value, more) ((sk_result){(status), (uint64_t)(value), (uint64_t)(more)})
#define SK_STATUS(status) SK_RESULT(status, 0, 0)

/* 0 if the context is current on this thread. */
static inline int sk_wrong_thread(uintptr_t ctx) {
  CUcontext now = NULL;
  CUresult r = sk_cuda->cuCtxGetCurrent(&now);
  return r ? r : (uintptr_t)now == ctx ? 0 : CUDA_ERROR_INVALID_CONTEXT;
}

#define SK_ON_THREAD_OF(ctx)                  \
  do {                                        \
    int wrong = sk_wrong_thread(ctx);         \
    if (wrong) return SK_RESULT(wrong, 0, 0); \
  } while (0)

/* Runs a call that destroys an object, with the context current, on any thread. */
#define SK_WITHIN(ctx, call)                                             \
  do {                                                                   \
    CUcontext before;                                                    \
    CUresult r = sk_cuda->cuCtxPushCurrent_v2((CUcontext)(ctx));         \
    if (r) return r;                                                     \
    CUresult done = (call), back = sk_cuda->cuCtxPopCurrent_v2(&before); \
    return done ? done : back;                                           \
  } while (0)

static inline void sk_use(uintptr_t table) { sk_cuda = (const sk_cuda_table *)table; }
static inline void sk_nothing(void) {}

/* ---- driver, errors, devices ---- */

static inline int sk_init(void) { return sk_cuda->cuInit(0); }

static inline sk_result sk_driver_version(void) {
  int v = 0;
  CUresult r = sk_cuda->cuDriverGetVersion(&v);
  return SK_RESULT(r, v, 0);
}

static inline const char *sk_error_name(int status) {
  const char *s = NULL;
  return sk_cuda->cuGetErrorName(status, &s) ? NULL : s;
}

static inline const char *sk_error_text(int status) {
  const char *s = NULL;
  return sk_cuda->cuGetErrorString(status, &s) ? NULL : s;
}

static inline sk_result sk_device_count(void) {
  int n = 0;
  CUresult r = sk_cuda->cuDeviceGetCount(&n);
  return SK_RESULT(r, n, 0);
}

static inline sk_result sk_device(int ordinal) {
  CUdevice d = 0;
  CUresult r = sk_cuda->cuDeviceGet(&d, ordinal);
  return SK_RESULT(r, d, 0);
}

static inline int sk_device_name(int device, char *name, int len) {
  return sk_cuda->cuDeviceGetName(name, len, device);
}
static inline int sk_device_bus(int device, char *id, int len) {
  return sk_cuda->cuDeviceGetPCIBusId(id, len, device);
}

static inline sk_result sk_device_uuid(int device) {
  CUuuid id;
  uint64_t words[2] = {0, 0};
  CUresult r = sk_cuda->cuDeviceGetUuid_v2(&id, device);
  if (!r) memcpy(words, id.bytes, sizeof words);
  return SK_RESULT(r, words[0], words[1]);
}

static inline sk_result sk_device_memory(int device) {
  size_t n = 0;
  CUresult r = sk_cuda->cuDeviceTotalMem_v2(&n, device);
  return SK_RESULT(r, n, 0);
}

static inline sk_result sk_device_attribute(int device, int attribute) {
  int v = 0;
  CUresult r = sk_cuda->cuDeviceGetAttribute(&v, attribute, device);
  return SK_RESULT(r, (int64_t)v, 0);
}

/* ---- contexts ---- */

static inline sk_result sk_context_retain(int device) {
  CUcontext c = NULL;
  CUresult r = sk_cuda->cuDevicePrimaryCtxRetain(&c, device);
  return SK_RESULT(r, (uintptr_t)c, 0);
}

static inline int sk_context_release(int device) {
  return sk_cuda->cuDevicePrimaryCtxRelease_v2(device);
}
static inline int sk_context_set(uintptr_t ctx) { return sk_cuda->cuCtxSetCurrent((CUcontext)ctx); }

static inline sk_result sk_context_current(void) {
  CUcontext c = NULL;
  CUresult r = sk_cuda->cuCtxGetCurrent(&c);
  return SK_RESULT(r, (uintptr_t)c, 0);
}

static inline sk_result sk_context_synchronize(uintptr_t ctx) {
  SK_ON_THREAD_OF(ctx);
  return SK_STATUS(sk_cuda->cuCtxSynchronize());
}

static inline sk_result sk_priorities(uintptr_t ctx) {
  SK_ON_THREAD_OF(ctx);
  int least = 0, greatest = 0;
  CUresult r = sk_cuda->cuCtxGetStreamPriorityRange(&least, &greatest);
  return SK_RESULT(r, (int64_t)least, (int64_t)greatest);
}

static inline sk_result sk_mem_info(uintptr_t ctx) {
  SK_ON_THREAD_OF(ctx);
  size_t unused = 0, total = 0;
  CUresult r = sk_cuda->cuMemGetInfo_v2(&unused, &total);
  return SK_RESULT(r, unused, total);
}

/* ---- memory ---- */

static inline sk_result sk_alloc(uintptr_t ctx, size_t bytes) {
  SK_ON_THREAD_OF(ctx);
  CUdeviceptr p = 0;
  CUresult r = sk_cuda->cuMemAlloc_v2(&p, bytes);
  return SK_RESULT(r, p, 0);
}

static inline int sk_free(uintptr_t ctx, uint64_t p) { SK_WITHIN(ctx, sk_cuda->cuMemFree_v2(p)); }

static inline sk_result sk_alloc_host(uintptr_t ctx, size_t bytes) {
  SK_ON_THREAD_OF(ctx);
  void *p = NULL;
  CUresult r = sk_cuda->cuMemHostAlloc(&p, bytes, CU_MEMHOSTALLOC_PORTABLE);
  return SK_RESULT(r, (uintptr_t)p, 0);
}

static inline void *sk_pointer(uintptr_t p) { return (void *)p; }
static inline int sk_free_host(uintptr_t ctx, uintptr_t p) {
  SK_WITHIN(ctx, sk_cuda->cuMemFreeHost((void *)p));
}

static inline int sk_copy_in(uint64_t dst, uintptr_t src, size_t n, uintptr_t stream) {
  return sk_cuda->cuMemcpyHtoDAsync_v2(dst, (const void *)src, n, (CUstream)stream);
}

static inline int sk_copy_out(uintptr_t dst, uint64_t src, size_t n, uintptr_t stream) {
  return sk_cuda->cuMemcpyDtoHAsync_v2((void *)dst, src, n, (CUstream)stream);
}

static inline int sk_copy(uint64_t dst, uint64_t src, size_t n, uintptr_t stream) {
  return sk_cuda->cuMemcpyDtoDAsync_v2(dst, src, n, (CUstream)stream);
}

/* Memory of Go's may be neither kept by a captured copy nor used after the call, so these two
   refuse a capture and wait. */
static inline int sk_may_wait(CUstream stream) {
  CUstreamCaptureStatus capture = CU_STREAM_CAPTURE_STATUS_NONE;
  CUresult r = sk_cuda->cuStreamIsCapturing(stream, &capture);
  return r                                          ? r
         : capture == CU_STREAM_CAPTURE_STATUS_NONE ? 0
                                                    : CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

static inline int sk_copy_in_wait(uint64_t dst, const void *src, size_t n, uintptr_t stream) {
  int r = sk_may_wait((CUstream)stream);
  if (!r) r = sk_cuda->cuMemcpyHtoDAsync_v2(dst, src, n, (CUstream)stream);
  return r ? r : sk_cuda->cuStreamSynchronize((CUstream)stream);
}

static inline int sk_copy_out_wait(void *dst, uint64_t src, size_t n, uintptr_t stream) {
  int r = sk_may_wait((CUstream)stream);
  if (!r) r = sk_cuda->cuMemcpyDtoHAsync_v2(dst, src, n, (CUstream)stream);
  return r ? r : sk_cuda->cuStreamSynchronize((CUstream)stream);
}

static inline int sk_memset8(uint64_t dst, uint8_t v, size_t n, uintptr_t stream) {
  return sk_cuda->cuMemsetD8Async(dst, v, n, (CUstream)stream);
}

static inline int sk_memset16(uint64_t dst, uint16_t v, size_t n, uintptr_t stream) {
  return sk_cuda->cuMemsetD16Async(dst, v, n, (CUstream)stream);
}

static inline int sk_memset32(uint64_t dst, uint32_t v, size_t n, uintptr_t stream) {
  return sk_cuda->cuMemsetD32Async(dst, v, n, (CUstream)stream);
}

/* ---- streams and events ---- */

static inline sk_result sk_stream_new(uintptr_t ctx, int priority) {
  SK_ON_THREAD_OF(ctx);
  CUstream s = NULL;
  CUresult r = sk_cuda->cuStreamCreateWithPriority(&s, CU_STREAM_NON_BLOCKING, priority);
  return SK_RESULT(r, (uintptr_t)s, 0);
}

static inline int sk_stream_free(uintptr_t ctx, uintptr_t s) {
  SK_WITHIN(ctx, sk_cuda->cuStreamDestroy_v2((CUstream)s));
}
static inline int sk_stream_synchronize(uintptr_t s) {
  return sk_cuda->cuStreamSynchronize((CUstream)s);
}
static inline int sk_stream_query(uintptr_t s) { return sk_cuda->cuStreamQuery((CUstream)s); }
static inline int sk_stream_wait(uintptr_t s, uintptr_t e) {
  return sk_cuda->cuStreamWaitEvent((CUstream)s, (CUevent)e, 0);
}

static inline sk_result sk_event_new(uintptr_t ctx, int timing) {
  SK_ON_THREAD_OF(ctx);
  CUevent e = NULL;
  CUresult r = sk_cuda->cuEventCreate(&e, timing ? CU_EVENT_DEFAULT : CU_EVENT_DISABLE_TIMING);
  return SK_RESULT(r, (uintptr_t)e, 0);
}

static inline int sk_event_free(uintptr_t ctx, uintptr_t e) {
  SK_WITHIN(ctx, sk_cuda->cuEventDestroy_v2((CUevent)e));
}
static inline int sk_event_record(uintptr_t e, uintptr_t s) {
  return sk_cuda->cuEventRecord((CUevent)e, (CUstream)s);
}
static inline int sk_event_query(uintptr_t e) { return sk_cuda->cuEventQuery((CUevent)e); }
static inline int sk_event_synchronize(uintptr_t e) {
  return sk_cuda->cuEventSynchronize((CUevent)e);
}

/* The value is the milliseconds' float32 bits. */
static inline sk_result sk_event_elapsed(uintptr_t start, uintptr_t end) {
  float ms = 0;
  uint32_t bits;
  CUresult r = sk_cuda->cuEventElapsedTime(&ms, (CUevent)start, (CUevent)end);
  memcpy(&bits, &ms, sizeof bits);
  return SK_RESULT(r, bits, 0);
}

#endif
