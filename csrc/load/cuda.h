/* The part of the CUDA driver, libcuda.so.1, that is used, declared by hand. It is opened at run
   time; see table.h. A test compares every line with NVIDIA's own cuda.h where that is installed;
   it defines SK_REAL_HEADERS to get the lists without the types. */
#ifndef SK_LOAD_CUDA_H
#define SK_LOAD_CUDA_H

#include <stddef.h>

#include "table.h"

/* The lists below are laid out by hand. */
/* clang-format off */
/* Constants, as C(name, value). */
#define SK_CUDA_CONSTANTS(C)                                                                                                         \
  C(CUDA_SUCCESS, 0) C(CUDA_ERROR_INVALID_VALUE, 1) C(CUDA_ERROR_OUT_OF_MEMORY, 2) C(CUDA_ERROR_NOT_INITIALIZED, 3)                  \
  C(CUDA_ERROR_DEINITIALIZED, 4) C(CUDA_ERROR_STUB_LIBRARY, 34) C(CUDA_ERROR_DEVICE_UNAVAILABLE, 46) C(CUDA_ERROR_NO_DEVICE, 100)    \
  C(CUDA_ERROR_INVALID_DEVICE, 101) C(CUDA_ERROR_INVALID_IMAGE, 200) C(CUDA_ERROR_INVALID_CONTEXT, 201)                              \
  C(CUDA_ERROR_NO_BINARY_FOR_GPU, 209) C(CUDA_ERROR_ECC_UNCORRECTABLE, 214) C(CUDA_ERROR_INVALID_PTX, 218)                           \
  C(CUDA_ERROR_JIT_COMPILER_NOT_FOUND, 221) C(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, 222) C(CUDA_ERROR_INVALID_SOURCE, 300)             \
  C(CUDA_ERROR_OPERATING_SYSTEM, 304) C(CUDA_ERROR_INVALID_HANDLE, 400) C(CUDA_ERROR_ILLEGAL_STATE, 401)                             \
  C(CUDA_ERROR_NOT_FOUND, 500) C(CUDA_ERROR_NOT_READY, 600)                                                                          \
  C(CUDA_ERROR_ILLEGAL_ADDRESS, 700) C(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, 701) C(CUDA_ERROR_LAUNCH_TIMEOUT, 702)                    \
  C(CUDA_ERROR_CONTEXT_IS_DESTROYED, 709) C(CUDA_ERROR_ASSERT, 710) C(CUDA_ERROR_ILLEGAL_INSTRUCTION, 715)                           \
  C(CUDA_ERROR_MISALIGNED_ADDRESS, 716) C(CUDA_ERROR_LAUNCH_FAILED, 719) C(CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE, 720)             \
  C(CUDA_ERROR_NOT_SUPPORTED, 801) C(CUDA_ERROR_SYSTEM_NOT_READY, 802) C(CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, 803)                     \
  C(CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE, 804) C(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, 900)                                    \
  C(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, 901) C(CUDA_ERROR_STREAM_CAPTURE_MERGE, 902)                                              \
  C(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, 903) C(CUDA_ERROR_STREAM_CAPTURE_UNJOINED, 904)                                             \
  C(CUDA_ERROR_STREAM_CAPTURE_ISOLATION, 905) C(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, 906) C(CUDA_ERROR_CAPTURED_EVENT, 907)           \
  C(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, 908) C(CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE, 910) C(CUDA_ERROR_UNKNOWN, 999)             \
  C(CU_STREAM_DEFAULT, 0) C(CU_STREAM_NON_BLOCKING, 1)                                                                               \
  C(CU_EVENT_DEFAULT, 0) C(CU_EVENT_BLOCKING_SYNC, 1) C(CU_EVENT_DISABLE_TIMING, 2)                                                  \
  C(CU_MEMHOSTALLOC_PORTABLE, 1) C(CU_MEMHOSTALLOC_DEVICEMAP, 2)                                                                     \
  C(CU_STREAM_CAPTURE_MODE_GLOBAL, 0) C(CU_STREAM_CAPTURE_MODE_THREAD_LOCAL, 1) C(CU_STREAM_CAPTURE_MODE_RELAXED, 2)                 \
  C(CU_STREAM_CAPTURE_STATUS_NONE, 0) C(CU_STREAM_CAPTURE_STATUS_ACTIVE, 1) C(CU_STREAM_CAPTURE_STATUS_INVALIDATED, 2)               \
  C(CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, 0) C(CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, 1) C(CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES, 2)   \
  C(CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES, 3) C(CU_FUNC_ATTRIBUTE_NUM_REGS, 4) C(CU_FUNC_ATTRIBUTE_PTX_VERSION, 5)                      \
  C(CU_FUNC_ATTRIBUTE_BINARY_VERSION, 6) C(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 8)                                       \
  C(CU_JIT_ERROR_LOG_BUFFER, 5) C(CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, 6)                                                             \
  C(CU_GRAPH_NODE_TYPE_KERNEL, 0) C(CU_GRAPH_NODE_TYPE_MEMCPY, 1) C(CU_GRAPH_NODE_TYPE_MEMSET, 2) C(CU_GRAPH_NODE_TYPE_HOST, 3)      \
  C(CU_GRAPH_NODE_TYPE_GRAPH, 4) C(CU_GRAPH_NODE_TYPE_EMPTY, 5) C(CU_GRAPH_NODE_TYPE_WAIT_EVENT, 6)                                  \
  C(CU_GRAPH_NODE_TYPE_EVENT_RECORD, 7) C(CU_GRAPH_NODE_TYPE_MEM_ALLOC, 10) C(CU_GRAPH_NODE_TYPE_MEM_FREE, 11)                       \
  C(CU_GRAPH_DEPENDENCY_TYPE_PROGRAMMATIC, 1) C(CU_GRAPH_KERNEL_NODE_PORT_PROGRAMMATIC, 1)                                           \
  C(CU_LAUNCH_ATTRIBUTE_COOPERATIVE, 2) C(CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION, 6)                                  \
  C(CU_GRAPH_EXEC_UPDATE_SUCCESS, 0) C(CU_GRAPH_EXEC_UPDATE_ERROR, 1) C(CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED, 2)              \
  C(CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED, 3) C(CU_GRAPH_EXEC_UPDATE_ERROR_FUNCTION_CHANGED, 4)                               \
  C(CU_GRAPH_EXEC_UPDATE_ERROR_PARAMETERS_CHANGED, 5) C(CU_GRAPH_EXEC_UPDATE_ERROR_NOT_SUPPORTED, 6)                                 \
  C(CU_GRAPH_EXEC_UPDATE_ERROR_UNSUPPORTED_FUNCTION_CHANGE, 7) C(CU_GRAPH_EXEC_UPDATE_ERROR_ATTRIBUTES_CHANGED, 8)                   \
  C(CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, 1) C(CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X, 2)                                          \
  C(CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y, 3) C(CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z, 4) C(CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X, 5)       \
  C(CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y, 6) C(CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z, 7)                                                  \
  C(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK, 8) C(CU_DEVICE_ATTRIBUTE_WARP_SIZE, 10)                                         \
  C(CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK, 12) C(CU_DEVICE_ATTRIBUTE_CLOCK_RATE, 13)                                           \
  C(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 16) C(CU_DEVICE_ATTRIBUTE_INTEGRATED, 18) C(CU_DEVICE_ATTRIBUTE_COMPUTE_MODE, 20)      \
  C(CU_DEVICE_ATTRIBUTE_ECC_ENABLED, 32) C(CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE, 36)                                                \
  C(CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH, 37) C(CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE, 38)                                        \
  C(CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR, 39) C(CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT, 40)                            \
  C(CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING, 41) C(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 75)                                  \
  C(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 76) C(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR, 81)                \
  C(CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR, 82) C(CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH, 95)                          \
  C(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 97) C(CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR, 106)

/* Structures, as S(type) followed by M(type, member) for each member. */
#define SK_CUDA_LAYOUTS(S, M)                                                                                                        \
  S(CUdeviceptr) S(CUdevice) S(CUresult) S(CUuuid) M(CUuuid, bytes)                                                                  \
  S(CUDA_KERNEL_NODE_PARAMS_v2) M(CUDA_KERNEL_NODE_PARAMS_v2, func) M(CUDA_KERNEL_NODE_PARAMS_v2, gridDimX)                          \
  M(CUDA_KERNEL_NODE_PARAMS_v2, gridDimY) M(CUDA_KERNEL_NODE_PARAMS_v2, gridDimZ) M(CUDA_KERNEL_NODE_PARAMS_v2, blockDimX)           \
  M(CUDA_KERNEL_NODE_PARAMS_v2, blockDimY) M(CUDA_KERNEL_NODE_PARAMS_v2, blockDimZ) M(CUDA_KERNEL_NODE_PARAMS_v2, sharedMemBytes)    \
  M(CUDA_KERNEL_NODE_PARAMS_v2, kernelParams) M(CUDA_KERNEL_NODE_PARAMS_v2, extra) M(CUDA_KERNEL_NODE_PARAMS_v2, kern)               \
  M(CUDA_KERNEL_NODE_PARAMS_v2, ctx)                                                                                                 \
  S(CUgraphEdgeData) M(CUgraphEdgeData, from_port) M(CUgraphEdgeData, to_port) M(CUgraphEdgeData, type)                              \
  M(CUgraphEdgeData, reserved)                                                                                                       \
  S(CUlaunchAttributeValue) M(CUlaunchAttributeValue, cooperative)                                                                   \
  M(CUlaunchAttributeValue, programmaticStreamSerializationAllowed)                                                                  \
  S(CUlaunchAttribute) M(CUlaunchAttribute, id) M(CUlaunchAttribute, value)                                                          \
  S(CUlaunchConfig) M(CUlaunchConfig, gridDimX) M(CUlaunchConfig, gridDimY) M(CUlaunchConfig, gridDimZ) M(CUlaunchConfig, blockDimX) \
  M(CUlaunchConfig, blockDimY) M(CUlaunchConfig, blockDimZ) M(CUlaunchConfig, sharedMemBytes) M(CUlaunchConfig, hStream)             \
  M(CUlaunchConfig, attrs) M(CUlaunchConfig, numAttrs)                                                                               \
  S(CUgraphExecUpdateResultInfo) M(CUgraphExecUpdateResultInfo, result) M(CUgraphExecUpdateResultInfo, errorNode)                    \
  M(CUgraphExecUpdateResultInfo, errorFromNode)

#ifndef SK_REAL_HEADERS
typedef int CUresult;
typedef int CUdevice;
typedef unsigned long long CUdeviceptr;
typedef int CUdevice_attribute;
typedef int CUfunction_attribute;
typedef int CUjit_option;
typedef int CUstreamCaptureMode;
typedef int CUstreamCaptureStatus;
typedef int CUgraphNodeType;
typedef int CUgraphExecUpdateResult;
typedef struct CUctx_st *CUcontext;
typedef struct CUmod_st *CUmodule;
typedef struct CUfunc_st *CUfunction;
typedef struct CUkern_st *CUkernel;
typedef struct CUstream_st *CUstream;
typedef struct CUevent_st *CUevent;
typedef struct CUgraph_st *CUgraph;
typedef struct CUgraphNode_st *CUgraphNode;
typedef struct CUgraphExec_st *CUgraphExec;

typedef struct CUuuid_st {
  char bytes[16];
} CUuuid;

typedef struct CUDA_KERNEL_NODE_PARAMS_v2_st {
  CUfunction func;
  unsigned int gridDimX, gridDimY, gridDimZ, blockDimX, blockDimY, blockDimZ, sharedMemBytes;
  void **kernelParams;
  void **extra;
  CUkernel kern;
  CUcontext ctx;
} CUDA_KERNEL_NODE_PARAMS_v2;

typedef struct CUgraphEdgeData_st {
  unsigned char from_port, to_port, type, reserved[5];
} CUgraphEdgeData;

typedef int CUlaunchAttributeID;

typedef union CUlaunchAttributeValue_union {
  long long pad[8];
  int cooperative;
  int programmaticStreamSerializationAllowed;
} CUlaunchAttributeValue;

typedef struct CUlaunchAttribute_st {
  CUlaunchAttributeID id;
  CUlaunchAttributeValue value;
} CUlaunchAttribute;

typedef struct CUlaunchConfig_st {
  unsigned int gridDimX, gridDimY, gridDimZ, blockDimX, blockDimY, blockDimZ, sharedMemBytes;
  CUstream hStream;
  CUlaunchAttribute *attrs;
  unsigned int numAttrs;
} CUlaunchConfig;

typedef struct CUgraphExecUpdateResultInfo_st {
  CUgraphExecUpdateResult result;
  CUgraphNode errorNode;
  CUgraphNode errorFromNode;
} CUgraphExecUpdateResultInfo;

#define SK_CONSTANT(name, value) name = value,
enum { SK_CUDA_CONSTANTS(SK_CONSTANT) };
#undef SK_CONSTANT
#endif

#define SK_CUDA_FUNCTIONS(F, O)                                                                                                      \
  F(CUresult, cuInit, (unsigned int flags))                                                                                          \
  F(CUresult, cuDriverGetVersion, (int *version))                                                                                    \
  F(CUresult, cuGetErrorName, (CUresult error, const char **name))                                                                   \
  F(CUresult, cuGetErrorString, (CUresult error, const char **text))                                                                 \
  F(CUresult, cuDeviceGetCount, (int *count))                                                                                        \
  F(CUresult, cuDeviceGet, (CUdevice * device, int ordinal))                                                                         \
  F(CUresult, cuDeviceGetName, (char *name, int len, CUdevice device))                                                               \
  F(CUresult, cuDeviceGetUuid_v2, (CUuuid * uuid, CUdevice device))                                                                  \
  F(CUresult, cuDeviceTotalMem_v2, (size_t * bytes, CUdevice device))                                                                \
  F(CUresult, cuDeviceGetAttribute, (int *value, CUdevice_attribute attribute, CUdevice device))                                     \
  F(CUresult, cuDeviceGetPCIBusId, (char *id, int len, CUdevice device))                                                             \
  F(CUresult, cuDevicePrimaryCtxRetain, (CUcontext * context, CUdevice device))                                                      \
  F(CUresult, cuDevicePrimaryCtxRelease_v2, (CUdevice device))                                                                       \
  F(CUresult, cuCtxSetCurrent, (CUcontext context))                                                                                  \
  F(CUresult, cuCtxGetCurrent, (CUcontext * context))                                                                                \
  F(CUresult, cuCtxPushCurrent_v2, (CUcontext context))                                                                              \
  F(CUresult, cuCtxPopCurrent_v2, (CUcontext * context))                                                                             \
  F(CUresult, cuCtxSynchronize, (void))                                                                                              \
  F(CUresult, cuCtxGetStreamPriorityRange, (int *least, int *greatest))                                                              \
  F(CUresult, cuMemGetInfo_v2, (size_t * free, size_t *total))                                                                       \
  F(CUresult, cuMemAlloc_v2, (CUdeviceptr * p, size_t bytes))                                                                        \
  F(CUresult, cuMemFree_v2, (CUdeviceptr p))                                                                                         \
  F(CUresult, cuMemHostAlloc, (void **p, size_t bytes, unsigned int flags))                                                          \
  F(CUresult, cuMemFreeHost, (void *p))                                                                                              \
  F(CUresult, cuMemcpyHtoDAsync_v2, (CUdeviceptr dst, const void *src, size_t bytes, CUstream stream))                               \
  F(CUresult, cuMemcpyDtoHAsync_v2, (void *dst, CUdeviceptr src, size_t bytes, CUstream stream))                                     \
  F(CUresult, cuMemcpyDtoDAsync_v2, (CUdeviceptr dst, CUdeviceptr src, size_t bytes, CUstream stream))                               \
  F(CUresult, cuMemsetD8Async, (CUdeviceptr dst, unsigned char value, size_t n, CUstream stream))                                    \
  F(CUresult, cuMemsetD16Async, (CUdeviceptr dst, unsigned short value, size_t n, CUstream stream))                                  \
  F(CUresult, cuMemsetD32Async, (CUdeviceptr dst, unsigned int value, size_t n, CUstream stream))                                    \
  F(CUresult, cuStreamCreateWithPriority, (CUstream * stream, unsigned int flags, int priority))                                     \
  F(CUresult, cuStreamDestroy_v2, (CUstream stream))                                                                                 \
  F(CUresult, cuStreamSynchronize, (CUstream stream))                                                                                \
  F(CUresult, cuStreamQuery, (CUstream stream))                                                                                      \
  F(CUresult, cuStreamWaitEvent, (CUstream stream, CUevent event, unsigned int flags))                                               \
  F(CUresult, cuStreamBeginCapture_v2, (CUstream stream, CUstreamCaptureMode mode))                                                  \
  F(CUresult, cuStreamEndCapture, (CUstream stream, CUgraph * graph))                                                                \
  F(CUresult, cuStreamIsCapturing, (CUstream stream, CUstreamCaptureStatus * status))                                                \
  F(CUresult, cuEventCreate, (CUevent * event, unsigned int flags))                                                                  \
  F(CUresult, cuEventDestroy_v2, (CUevent event))                                                                                    \
  F(CUresult, cuEventRecord, (CUevent event, CUstream stream))                                                                       \
  F(CUresult, cuEventQuery, (CUevent event))                                                                                         \
  F(CUresult, cuEventSynchronize, (CUevent event))                                                                                   \
  F(CUresult, cuEventElapsedTime, (float *milliseconds, CUevent start, CUevent end))                                                 \
  F(CUresult, cuModuleLoadDataEx, (CUmodule * module, const void *image, unsigned int n, CUjit_option *options, void **values))      \
  F(CUresult, cuModuleUnload, (CUmodule module))                                                                                     \
  F(CUresult, cuModuleGetFunction, (CUfunction * function, CUmodule module, const char *name))                                       \
  F(CUresult, cuModuleGetGlobal_v2, (CUdeviceptr * p, size_t *bytes, CUmodule module, const char *name))                             \
  F(CUresult, cuFuncGetAttribute, (int *value, CUfunction_attribute attribute, CUfunction function))                                 \
  F(CUresult, cuFuncSetAttribute, (CUfunction function, CUfunction_attribute attribute, int value))                                  \
  F(CUresult, cuOccupancyMaxActiveBlocksPerMultiprocessor, (int *blocks, CUfunction function, int threads, size_t shared))           \
  F(CUresult, cuLaunchKernel,                                                                                                        \
    (CUfunction function, unsigned int gx, unsigned int gy, unsigned int gz, unsigned int bx, unsigned int by, unsigned int bz,      \
     unsigned int shared, CUstream stream, void **params, void **extra))                                                             \
  F(CUresult, cuLaunchCooperativeKernel,                                                                                             \
    (CUfunction function, unsigned int gx, unsigned int gy, unsigned int gz, unsigned int bx, unsigned int by, unsigned int bz,      \
     unsigned int shared, CUstream stream, void **params))                                                                           \
  O(CUresult, cuLaunchKernelEx, (const CUlaunchConfig *config, CUfunction function, void **params, void **extra))                    \
  F(CUresult, cuGraphInstantiateWithFlags, (CUgraphExec * exec, CUgraph graph, unsigned long long flags))                            \
  F(CUresult, cuGraphUpload, (CUgraphExec exec, CUstream stream))                                                                    \
  F(CUresult, cuGraphLaunch, (CUgraphExec exec, CUstream stream))                                                                    \
  F(CUresult, cuGraphExecUpdate_v2, (CUgraphExec exec, CUgraph graph, CUgraphExecUpdateResultInfo * info))                           \
  F(CUresult, cuGraphExecDestroy, (CUgraphExec exec))                                                                                \
  F(CUresult, cuGraphDestroy, (CUgraph graph))                                                                                       \
  F(CUresult, cuGraphGetNodes, (CUgraph graph, CUgraphNode * nodes, size_t *n))                                                      \
  F(CUresult, cuGraphNodeGetType, (CUgraphNode node, CUgraphNodeType * type))                                                        \
  F(CUresult, cuGraphKernelNodeGetParams_v2, (CUgraphNode node, CUDA_KERNEL_NODE_PARAMS_v2 * params))                                \
  O(CUresult, cuGraphGetEdges_v2, (CUgraph graph, CUgraphNode * from, CUgraphNode * to, CUgraphEdgeData * data, size_t *n))          \
  O(CUresult, cuFuncGetName, (const char **name, CUfunction function))                                                               \
  O(CUresult, cuFuncGetParamInfo, (CUfunction function, size_t index, size_t *offset, size_t *size))

typedef struct {
  SK_CUDA_FUNCTIONS(SK_POINTER, SK_POINTER)
} sk_cuda_table;

#endif
