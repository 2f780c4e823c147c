/* The functions of the null driver that return something. Handles are small numbers; nothing may be done with them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cuda.h"

#ifndef SK_NULL_CAPABILITY
#define SK_NULL_CAPABILITY 90
#endif

int sk_null_status(const char *name);

#define HANDLE(type, value) ((type)(uintptr_t)(value))
#define RETURN(name, assign)            \
  do {                                  \
    int status = sk_null_status(#name); \
    if (!status) {                      \
      assign;                           \
    }                                   \
    return status;                      \
  } while (0)

static int number(const char *variable, int otherwise) {
  const char *v = getenv(variable);
  return v ? atoi(v) : otherwise;
}

static _Thread_local CUcontext current;

CUresult cuDriverGetVersion(int *v) {
  RETURN(cuDriverGetVersion, *v = number("SK_NULL_VERSION", 13000));
}
CUresult cuGetErrorName(CUresult e, const char **s) {
  *s = e == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_NULL";
  return 0;
}
CUresult cuGetErrorString(CUresult e, const char **s) {
  (void)e, *s = "the null driver's text";
  return 0;
}
CUresult cuDeviceGetCount(int *n) { RETURN(cuDeviceGetCount, *n = number("SK_NULL_DEVICES", 2)); }
CUresult cuDeviceGet(CUdevice *d, int i) { RETURN(cuDeviceGet, *d = i); }
CUresult cuDeviceGetName(char *s, int len, CUdevice d) {
  (void)d;
  RETURN(cuDeviceGetName, strncpy(s, "Null", (size_t)len));
}
CUresult cuDeviceGetPCIBusId(char *s, int len, CUdevice d) {
  (void)d;
  RETURN(cuDeviceGetPCIBusId, strncpy(s, "0000:01:00.0", (size_t)len));
}
CUresult cuDeviceGetUuid_v2(CUuuid *u, CUdevice d) {
  (void)d;
  RETURN(cuDeviceGetUuid_v2, for (int i = 0; i < 16; i++) u->bytes[i] = (char)(i + 1));
}
CUresult cuDeviceTotalMem_v2(size_t *n, CUdevice d) {
  (void)d;
  RETURN(cuDeviceTotalMem_v2, *n = (size_t)80 << 30);
}
CUresult cuDeviceGetAttribute(int *v, CUdevice_attribute a, CUdevice d) {
  (void)d;
  RETURN(cuDeviceGetAttribute,
         *v = a == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR   ? SK_NULL_CAPABILITY / 10
              : a == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR ? SK_NULL_CAPABILITY % 10
                                                                  : 132);
}
CUresult cuDevicePrimaryCtxRetain(CUcontext *c, CUdevice d) {
  RETURN(cuDevicePrimaryCtxRetain, *c = HANDLE(CUcontext, 100 + d));
}
CUresult cuCtxSetCurrent(CUcontext c) { RETURN(cuCtxSetCurrent, current = c); }
CUresult cuCtxGetCurrent(CUcontext *c) { RETURN(cuCtxGetCurrent, *c = current); }
CUresult cuMemGetInfo_v2(size_t *f, size_t *t) {
  RETURN(cuMemGetInfo_v2, (*f = (size_t)3 << 20, *t = (size_t)80 << 30));
}
CUresult cuMemAlloc_v2(CUdeviceptr *p, size_t n) {
  (void)n;
  RETURN(cuMemAlloc_v2, *p = 0x1000);
}
CUresult cuMemHostAlloc(void **p, size_t n, unsigned int flags) {
  (void)flags;
  RETURN(cuMemHostAlloc, *p = calloc(1, n));
}
CUresult cuMemFreeHost(void *p) { RETURN(cuMemFreeHost, free(p)); }
CUresult cuStreamCreateWithPriority(CUstream *s, unsigned int flags, int priority) {
  (void)flags, (void)priority;
  RETURN(cuStreamCreateWithPriority, *s = HANDLE(CUstream, 200));
}
CUresult cuStreamIsCapturing(CUstream s, CUstreamCaptureStatus *c) {
  (void)s;
  RETURN(cuStreamIsCapturing, *c = number("SK_NULL_CAPTURING", 0));
}
CUresult cuStreamEndCapture(CUstream s, CUgraph *g) {
  (void)s;
  RETURN(cuStreamEndCapture, *g = HANDLE(CUgraph, 300));
}
CUresult cuEventCreate(CUevent *e, unsigned int flags) {
  (void)flags;
  RETURN(cuEventCreate, *e = HANDLE(CUevent, 400));
}
CUresult cuEventElapsedTime(float *ms, CUevent a, CUevent b) {
  (void)a, (void)b;
  RETURN(cuEventElapsedTime, *ms = 1.5f);
}
CUresult cuModuleLoadDataEx(CUmodule *m, const void *image, unsigned int n, CUjit_option *o,
                            void **v) {
  (void)image;
  int s = sk_null_status("cuModuleLoadDataEx");
  for (unsigned int i = 0; s && i < n; i++)
    if (o[i] == CU_JIT_ERROR_LOG_BUFFER) strcpy((char *)v[i], "line 7: no such instruction\n");
  if (!s) *m = HANDLE(CUmodule, 500);
  return s;
}
CUresult cuModuleGetFunction(CUfunction *f, CUmodule m, const char *name) {
  (void)m;
  RETURN(cuModuleGetFunction, *f = HANDLE(CUfunction, strcmp(name, "two") ? 614 : 602));
}
CUresult cuModuleGetGlobal_v2(CUdeviceptr *p, size_t *n, CUmodule m, const char *name) {
  (void)m, (void)name;
  RETURN(cuModuleGetGlobal_v2, (*p = 0x2000, *n = 12));
}
CUresult cuFuncGetAttribute(int *v, CUfunction_attribute a, CUfunction f) {
  (void)f;
  RETURN(cuFuncGetAttribute, *v = a == 0 ? 1024 : a);
}
CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *n, CUfunction f, int threads,
                                                     size_t shared) {
  (void)f, (void)shared;
  RETURN(cuOccupancyMaxActiveBlocksPerMultiprocessor, *n = 2048 / threads);
}
CUresult cuLaunchKernel(CUfunction f, unsigned int gx, unsigned int gy, unsigned int gz,
                        unsigned int bx, unsigned int by, unsigned int bz, unsigned int shared,
                        CUstream s, void **params, void **extra) {
  (void)f, (void)gx, (void)gy, (void)gz, (void)bx, (void)by, (void)bz, (void)shared, (void)s,
      (void)params, (void)extra;
  return 0; /* not even a look at the environment: benchmarks time the way here */
}
CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr dst, const void *src, size_t n, CUstream s) {
  (void)dst, (void)src, (void)n, (void)s;
  return 0; /* likewise */
}
CUresult cuGraphInstantiateWithFlags(CUgraphExec *x, CUgraph g, unsigned long long flags) {
  (void)g, (void)flags;
  RETURN(cuGraphInstantiateWithFlags, *x = HANDLE(CUgraphExec, 700));
}
CUresult cuGraphExecUpdate_v2(CUgraphExec x, CUgraph g, CUgraphExecUpdateResultInfo *info) {
  (void)x, (void)g;
  info->result = number("SK_NULL_UPDATE", 0);
  return sk_null_status("cuGraphExecUpdate_v2");
}
CUresult cuGraphGetNodes(CUgraph g, CUgraphNode *nodes, size_t *n) {
  (void)g;
  for (size_t i = 0; nodes && i < *n; i++) nodes[i] = HANDLE(CUgraphNode, 801 + i);
  RETURN(cuGraphGetNodes, *n = 3);
}
CUresult cuGraphNodeGetType(CUgraphNode node, CUgraphNodeType *t) {
  RETURN(cuGraphNodeGetType, *t = node == HANDLE(CUgraphNode, 802) ? CU_GRAPH_NODE_TYPE_MEMSET
                                                                   : CU_GRAPH_NODE_TYPE_KERNEL);
}
CUresult cuGraphKernelNodeGetParams_v2(CUgraphNode node, CUDA_KERNEL_NODE_PARAMS_v2 *p) {
  (void)node;
  p->func = HANDLE(CUfunction, 614);
  p->gridDimX = 8, p->gridDimY = 2, p->gridDimZ = 1, p->blockDimX = 256,
  p->blockDimY = p->blockDimZ = 1, p->sharedMemBytes = 64;
  return sk_null_status("cuGraphKernelNodeGetParams_v2");
}

#ifndef SK_NULL_OLD
CUresult cuGraphGetEdges_v2(CUgraph g, CUgraphNode *from, CUgraphNode *to, CUgraphEdgeData *data,
                            size_t *n) {
  (void)g, (void)data;
  for (size_t i = 0; from && i < *n; i++)
    from[i] = HANDLE(CUgraphNode, 801 + i), to[i] = HANDLE(CUgraphNode, 802 + i);
  RETURN(cuGraphGetEdges_v2, *n = 2);
}
CUresult cuFuncGetName(const char **name, CUfunction f) {
  (void)f;
  RETURN(cuFuncGetName, *name = "fourteen");
}
/* "two" takes a pointer and a float; "fourteen" ten pointers and four floats or ints. */
CUresult cuFuncGetParamInfo(CUfunction f, size_t i, size_t *offset, size_t *size) {
  int two = f == HANDLE(CUfunction, 602);
  if (i >= (two ? 2u : 14u)) return CUDA_ERROR_INVALID_VALUE;
  RETURN(cuFuncGetParamInfo, (*offset = 8 * i, *size = i < (two ? 1u : 10u) ? 8 : 4));
}
#endif
