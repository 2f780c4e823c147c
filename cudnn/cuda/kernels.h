/* Modules, launches, captures and graphs; see calls.h. */
#ifndef SHAKE_CUDNN_CUDA_KERNELS_H
#define SHAKE_CUDNN_CUDA_KERNELS_H

#include "calls.h"

/* ---- modules and functions ---- */

static inline sk_result sk_module_load(uintptr_t ctx, const void *image, char *log, size_t len) {
  SK_ON_THREAD_OF(ctx);
  CUmodule m = NULL;
  CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void *values[] = {log, (void *)(uintptr_t)len};
  log[0] = 0;
  CUresult r = sk_cuda->cuModuleLoadDataEx(&m, image, 2, options, values);
  log[len - 1] = 0;
  return SK_RESULT(r, (uintptr_t)m, 0);
}

static inline int sk_module_free(uintptr_t ctx, uintptr_t m) {
  SK_WITHIN(ctx, sk_cuda->cuModuleUnload((CUmodule)m));
}

static inline sk_result sk_module_function(uintptr_t ctx, uintptr_t m, const char *name) {
  SK_ON_THREAD_OF(ctx);
  CUfunction f = NULL;
  CUresult r = sk_cuda->cuModuleGetFunction(&f, (CUmodule)m, name);
  return SK_RESULT(r, (uintptr_t)f, 0);
}

static inline sk_result sk_module_global(uintptr_t ctx, uintptr_t m, const char *name) {
  SK_ON_THREAD_OF(ctx);
  CUdeviceptr p = 0;
  size_t n = 0;
  CUresult r = sk_cuda->cuModuleGetGlobal_v2(&p, &n, (CUmodule)m, name);
  return SK_RESULT(r, p, n);
}

static inline sk_result sk_function_attribute(uintptr_t f, int attribute) {
  int v = 0;
  CUresult r = sk_cuda->cuFuncGetAttribute(&v, attribute, (CUfunction)f);
  return SK_RESULT(r, (int64_t)v, 0);
}

static inline int sk_function_set(uintptr_t ctx, uintptr_t f, int attribute, int v) {
  int wrong = sk_wrong_thread(ctx);
  return wrong ? wrong : sk_cuda->cuFuncSetAttribute((CUfunction)f, attribute, v);
}

static inline sk_result sk_function_occupancy(uintptr_t ctx, uintptr_t f, int threads,
                                              size_t shared) {
  SK_ON_THREAD_OF(ctx);
  int n = 0;
  CUresult r =
      sk_cuda->cuOccupancyMaxActiveBlocksPerMultiprocessor(&n, (CUfunction)f, threads, shared);
  return SK_RESULT(r, n, 0);
}

/* Offset and size of a parameter; CUDA_ERROR_NOT_SUPPORTED if the driver cannot tell (older than
   CUDA 12.4), CUDA_ERROR_INVALID_VALUE past the last. */
static inline sk_result sk_function_param(uintptr_t f, size_t index) {
  if (!sk_cuda->cuFuncGetParamInfo) return SK_STATUS(CUDA_ERROR_NOT_SUPPORTED);
  size_t offset = 0, size = 0;
  CUresult r = sk_cuda->cuFuncGetParamInfo((CUfunction)f, index, &offset, &size);
  return SK_RESULT(r, offset, size);
}

/* ---- launches ---- */

typedef struct {
  unsigned int grid[3], block[3], shared;
  int cooperative, programmatic;
} sk_shape;

/* A launch with its arguments: one block of C memory, since the driver reads the arguments through
   pointers. */
typedef struct {
  CUfunction f;
  sk_shape shape;
  void **params;    /* n pointers to the values */
  uint64_t *values; /* n, each in the low bytes */
} sk_call;

static inline uintptr_t sk_call_new(uintptr_t f, size_t n) {
  sk_call *c = (sk_call *)calloc(1, sizeof *c + (n + 1) * (sizeof(void *) + sizeof(uint64_t)));
  if (!c) return 0;
  c->f = (CUfunction)f;
  c->values = (uint64_t *)(c + 1);
  c->params = (void **)(c->values + n);
  for (size_t i = 0; i < n; i++) c->params[i] = &c->values[i];
  return (uintptr_t)c;
}

static inline void sk_call_free(uintptr_t call) { free((void *)call); }
static inline uint64_t *sk_call_values(uintptr_t call) { return ((sk_call *)call)->values; }

static inline void sk_call_shape(uintptr_t call, sk_shape s) { ((sk_call *)call)->shape = s; }

/* The kernel resolves its dependency on the stream itself, by griddepcontrol.wait. */
static inline int sk_call_run_programmatic(const sk_call *c, CUstream stream) {
  if (!sk_cuda->cuLaunchKernelEx) return CUDA_ERROR_NOT_SUPPORTED;
  CUlaunchAttribute attribute;
  memset(&attribute, 0, sizeof attribute);
  attribute.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
  attribute.value.programmaticStreamSerializationAllowed = 1;
  const unsigned int *grid = c->shape.grid, *block = c->shape.block;
  const CUlaunchConfig config = {grid[0],  grid[1],         grid[2], block[0],   block[1],
                                 block[2], c->shape.shared, stream,  &attribute, 1};
  return sk_cuda->cuLaunchKernelEx(&config, c->f, c->params, NULL);
}

static inline int sk_has_launch_attributes(void) { return sk_cuda->cuLaunchKernelEx != NULL; }

static inline int sk_call_run(uintptr_t call, uintptr_t stream) {
  const sk_call *c = (const sk_call *)call;
  const unsigned int *grid = c->shape.grid, *block = c->shape.block, shared = c->shape.shared;
  if (c->shape.programmatic) return sk_call_run_programmatic(c, (CUstream)stream);
  if (c->shape.cooperative)
    return sk_cuda->cuLaunchCooperativeKernel(c->f, grid[0], grid[1], grid[2], block[0], block[1],
                                              block[2], shared, (CUstream)stream, c->params);
  return sk_cuda->cuLaunchKernel(c->f, grid[0], grid[1], grid[2], block[0], block[1], block[2],
                                 shared, (CUstream)stream, c->params, NULL);
}

/* ---- captures and graphs ---- */

static inline sk_result sk_capture_begin(uintptr_t ctx, uintptr_t s, int mode) {
  SK_ON_THREAD_OF(ctx);
  return SK_STATUS(sk_cuda->cuStreamBeginCapture_v2((CUstream)s, mode));
}

static inline sk_result sk_capture_end(uintptr_t s) {
  CUgraph g = NULL;
  CUresult r = sk_cuda->cuStreamEndCapture((CUstream)s, &g);
  return SK_RESULT(r, (uintptr_t)g, 0);
}

static inline sk_result sk_capture_status(uintptr_t s) {
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  CUresult r = sk_cuda->cuStreamIsCapturing((CUstream)s, &status);
  return SK_RESULT(r, status, 0);
}

static inline int sk_graph_free(uintptr_t g) { return sk_cuda->cuGraphDestroy((CUgraph)g); }

static inline sk_result sk_graph_instantiate(uintptr_t ctx, uintptr_t g) {
  SK_ON_THREAD_OF(ctx);
  CUgraphExec x = NULL;
  CUresult r = sk_cuda->cuGraphInstantiateWithFlags(&x, (CUgraph)g, 0);
  return SK_RESULT(r, (uintptr_t)x, 0);
}

static inline int sk_exec_free(uintptr_t ctx, uintptr_t x) {
  SK_WITHIN(ctx, sk_cuda->cuGraphExecDestroy((CUgraphExec)x));
}
static inline int sk_exec_launch(uintptr_t x, uintptr_t s) {
  return sk_cuda->cuGraphLaunch((CUgraphExec)x, (CUstream)s);
}
static inline int sk_exec_upload(uintptr_t x, uintptr_t s) {
  return sk_cuda->cuGraphUpload((CUgraphExec)x, (CUstream)s);
}

/* The value is the driver's reason for a refusal. */
static inline sk_result sk_exec_update(uintptr_t ctx, uintptr_t x, uintptr_t g) {
  SK_ON_THREAD_OF(ctx);
  CUgraphExecUpdateResultInfo info = {CU_GRAPH_EXEC_UPDATE_SUCCESS, NULL, NULL};
  CUresult r = sk_cuda->cuGraphExecUpdate_v2((CUgraphExec)x, (CUgraph)g, &info);
  return SK_RESULT(r, info.result, (uintptr_t)info.errorNode);
}

static inline sk_result sk_graph_count(uintptr_t g) {
  size_t n = 0;
  CUresult r = sk_cuda->cuGraphGetNodes((CUgraph)g, NULL, &n);
  return SK_RESULT(r, n, 0);
}

static inline int sk_graph_nodes(uintptr_t g, uint64_t *nodes, size_t n) {
  return sk_cuda->cuGraphGetNodes((CUgraph)g, (CUgraphNode *)nodes, &n);
}

static inline sk_result sk_graph_edge_count(uintptr_t g) {
  if (!sk_cuda->cuGraphGetEdges_v2) return SK_STATUS(CUDA_ERROR_NOT_SUPPORTED);
  size_t n = 0;
  CUresult r = sk_cuda->cuGraphGetEdges_v2((CUgraph)g, NULL, NULL, NULL, &n);
  return SK_RESULT(r, n, 0);
}

/* programmatic receives 1 for each edge of that type, else 0. */
static inline int sk_graph_edges(uintptr_t g, uint64_t *from, uint64_t *to, uint8_t *programmatic,
                                 size_t n) {
  CUgraphEdgeData *data = (CUgraphEdgeData *)calloc(n, sizeof *data);
  if (!data) return CUDA_ERROR_OUT_OF_MEMORY;
  CUresult r =
      sk_cuda->cuGraphGetEdges_v2((CUgraph)g, (CUgraphNode *)from, (CUgraphNode *)to, data, &n);
  for (size_t i = 0; !r && i < n; i++)
    programmatic[i] = data[i].type == CU_GRAPH_DEPENDENCY_TYPE_PROGRAMMATIC;
  free(data);
  return r;
}

static inline sk_result sk_node_type(uint64_t node) {
  CUgraphNodeType type = 0;
  CUresult r = sk_cuda->cuGraphNodeGetType((CUgraphNode)(uintptr_t)node, &type);
  return SK_RESULT(r, type, 0);
}

/* shape receives grid, block and dynamic shared memory; name stays empty if the driver cannot tell
   it (older than CUDA 12.3). */
static inline int sk_node_kernel(uint64_t node, uint32_t *shape, char *name, size_t len) {
  CUDA_KERNEL_NODE_PARAMS_v2 p;
  memset(&p, 0, sizeof p);
  CUresult r = sk_cuda->cuGraphKernelNodeGetParams_v2((CUgraphNode)(uintptr_t)node, &p);
  if (r) return r;
  uint32_t all[] = {p.gridDimX,  p.gridDimY,  p.gridDimZ,      p.blockDimX,
                    p.blockDimY, p.blockDimZ, p.sharedMemBytes};
  memcpy(shape, all, sizeof all);
  const char *text = NULL;
  name[0] = 0;
  if (sk_cuda->cuFuncGetName && p.func && sk_cuda->cuFuncGetName(&text, p.func) == 0 && text) {
    strncpy(name, text, len - 1);
    name[len - 1] = 0;
  }
  return 0;
}

#endif
