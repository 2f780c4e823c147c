// The part of the driver that the stand-in libraries and the tests need beyond csrc/load/cuda.h,
// which lists the product's part.
#pragma once
#include "../../load/cuda.h"

#ifdef __cplusplus
extern "C" {
#endif

// csrc/load/cuda.h declares the functions that the product may call. They are declared here again,
// so that a definition of another type does not compile.
#define SK_DECLARE(ret, name, args) ret name args;
SK_CUDA_FUNCTIONS(SK_DECLARE, SK_DECLARE)
#undef SK_DECLARE
CUresult cuDeviceComputeCapability(int *major, int *minor, CUdevice device);

#ifdef __cplusplus
}
#endif

typedef void (*CUhostFn)(void *);

enum {
  CUDA_ERROR_INVALID_GRAPHICS_CONTEXT = 219,
  CUDA_ERROR_PEER_ACCESS_UNSUPPORTED = 217,
  CUDA_ERROR_FILE_NOT_FOUND = 301,
  CUDA_ERROR_PRIMARY_CONTEXT_ACTIVE = 708,
  CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED = 712,
  CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED = 713,
  CUDA_ERROR_INVALID_PC = 718,
};
