// Compiled by a test beside NVIDIA's headers: csrc/load/cudnn.h says the same as they do, for every constant, size and signature.
#include <cudnn.h>

#define SK_CUDNN_TYPES
typedef cudnnStatus_t sk_cudnn_status;
typedef cudnnDataType_t sk_cudnn_data_type;
typedef cudnnSoftmaxAlgorithm_t sk_cudnn_softmax_algorithm;
typedef cudnnSoftmaxMode_t sk_cudnn_softmax_mode;
typedef cudnnBackendDescriptorType_t sk_cudnn_descriptor_type;
typedef cudnnBackendAttributeName_t sk_cudnn_attribute;
typedef cudnnBackendAttributeType_t sk_cudnn_attribute_type;
typedef cudnnHandle_t sk_cudnn_handle;
typedef cudnnBackendDescriptor_t sk_cudnn_descriptor;
typedef cudnnTensorDescriptor_t sk_cudnn_tensor_descriptor;
typedef cudaStream_t sk_cudnn_stream;
#include "../../csrc/load/cudnn.h"

#define SAME(name, value) _Static_assert((int)(name) == (value), #name " is not " #value);
SK_CUDNN_CONSTANTS(SAME)

// Enumerations travel as int, everything opaque as a pointer.
#define INT(type) _Static_assert(sizeof(type) == sizeof(int), #type " is not an int wide");
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
#define POINTER(type) _Static_assert(sizeof(type) == sizeof(void *), #type " is not a pointer wide");
POINTER(cudnnHandle_t)
POINTER(cudnnBackendDescriptor_t)
POINTER(cudnnTensorDescriptor_t)
POINTER(cudaStream_t)

// With -Werror=incompatible-pointer-types this compiles only if each signature is the declared one.
#define REAL(ret, name, args) .name = cudnn##name,
const sk_cudnn real = {SK_CUDNN_FUNCTIONS(REAL)};
