// Compiled by a test beside NVIDIA's headers: csrc/load/cudnn.h says what they say, for every constant, size and signature.
// The one file of the repository that includes them.
#include <cudnn.h>

#define SK_REAL_HEADERS
#include "../../csrc/load/cudnn.h"

#define SAME(name, value) _Static_assert((int)(name) == (value), #name " is not " #value);
SK_CUDNN_CONSTANTS(SAME)

// Enumerations, those that only attributes carry included, travel as int; everything opaque as a pointer.
#define INT(type) _Static_assert(sizeof(type) == sizeof(int), #type " is not as wide as int");
INT(cudnnStatus_t)
INT(cudnnDataType_t)
INT(cudnnConvolutionMode_t)
INT(cudnnPointwiseMode_t)
INT(cudnnReduceTensorOp_t)
INT(cudnnResampleMode_t)
INT(cudnnPaddingMode_t)
INT(cudnnGenStatsMode_t)
INT(cudnnBnFinalizeStatsMode_t)
INT(cudnnSoftmaxAlgorithm_t)
INT(cudnnSoftmaxMode_t)
INT(cudnnBackendDescriptorType_t)
INT(cudnnBackendAttributeName_t)
INT(cudnnBackendAttributeType_t)
INT(cudnnBackendNumericalNote_t)
INT(cudnnBackendBehaviorNote_t)
INT(cudnnBackendHeurMode_t)
INT(cudnnBackendNormMode_t)
INT(cudnnBackendNormFwdPhase_t)
#define POINTER(type) _Static_assert(sizeof(type) == sizeof(void *), #type " is not as wide as a pointer");
POINTER(cudnnHandle_t)
POINTER(cudnnBackendDescriptor_t)
POINTER(cudnnTensorDescriptor_t)
POINTER(cudaStream_t)

// With -Werror=incompatible-pointer-types this compiles only if each signature is the declared one.
#define REAL(ret, name, args) .name = name,
const sk_cudnn_table real = {SK_CUDNN_FUNCTIONS(REAL, REAL)};
