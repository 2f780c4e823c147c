// cuDNN 9 as shake uses it: the backend (graph) API, and the legacy softmax. Declared here by hand: nothing of NVIDIA's is needed to build, and
// cudnn's tests hold every constant, size and signature below against the real headers where those are installed.
//
// Constants carry the library's names behind SK_; enumerations travel as int (their size in every ABI that cuDNN is built for).
#ifndef SK_LOAD_CUDNN_H
#define SK_LOAD_CUDNN_H

#include <stddef.h>
#include <stdint.h>

// A test that includes NVIDIA's headers first defines SK_CUDNN_TYPES and maps these names to the real types.
#ifndef SK_CUDNN_TYPES
typedef int sk_cudnn_status;
typedef int sk_cudnn_data_type;
typedef int sk_cudnn_softmax_algorithm;
typedef int sk_cudnn_softmax_mode;
typedef int sk_cudnn_descriptor_type;
typedef int sk_cudnn_attribute;
typedef int sk_cudnn_attribute_type;
typedef struct cudnnContext *sk_cudnn_handle;
typedef void *sk_cudnn_descriptor; // backend descriptor
typedef struct cudnnTensorStruct *sk_cudnn_tensor_descriptor; // legacy
typedef struct CUstream_st *sk_cudnn_stream;
#endif

// The functions: X(return type, name without the prefix cudnn, (arguments)).
#define SK_CUDNN_FUNCTIONS(X)                                                                                                        \
	X(size_t, GetVersion, (void))                                                                                                \
	X(size_t, GetCudartVersion, (void))                                                                                          \
	X(const char *, GetErrorString, (sk_cudnn_status status))                                                                    \
	X(void, GetLastErrorString, (char *message, size_t max_size))                                                                \
	X(sk_cudnn_status, Create, (sk_cudnn_handle *handle))                                                                        \
	X(sk_cudnn_status, Destroy, (sk_cudnn_handle handle))                                                                        \
	X(sk_cudnn_status, SetStream, (sk_cudnn_handle handle, sk_cudnn_stream stream))                                              \
	X(sk_cudnn_status, BackendCreateDescriptor, (sk_cudnn_descriptor_type type, sk_cudnn_descriptor *descriptor))                \
	X(sk_cudnn_status, BackendDestroyDescriptor, (sk_cudnn_descriptor descriptor))                                               \
	X(sk_cudnn_status, BackendFinalize, (sk_cudnn_descriptor descriptor))                                                        \
	X(sk_cudnn_status, BackendSetAttribute,                                                                                      \
	  (sk_cudnn_descriptor descriptor, sk_cudnn_attribute name, sk_cudnn_attribute_type type, int64_t count, const void *values)) \
	X(sk_cudnn_status, BackendGetAttribute,                                                                                      \
	  (sk_cudnn_descriptor const descriptor, sk_cudnn_attribute name, sk_cudnn_attribute_type type, int64_t requested,           \
	   int64_t *count, void *values))                                                                                            \
	X(sk_cudnn_status, BackendExecute, (sk_cudnn_handle handle, sk_cudnn_descriptor plan, sk_cudnn_descriptor pack))             \
	X(sk_cudnn_status, CreateTensorDescriptor, (sk_cudnn_tensor_descriptor * descriptor))                                        \
	X(sk_cudnn_status, DestroyTensorDescriptor, (sk_cudnn_tensor_descriptor descriptor))                                         \
	X(sk_cudnn_status, SetTensorNdDescriptor,                                                                                    \
	  (sk_cudnn_tensor_descriptor descriptor, sk_cudnn_data_type type, int n, const int dims[], const int strides[]))            \
	X(sk_cudnn_status, SoftmaxForward,                                                                                           \
	  (sk_cudnn_handle handle, sk_cudnn_softmax_algorithm algorithm, sk_cudnn_softmax_mode mode, const void *alpha,              \
	   const sk_cudnn_tensor_descriptor xdesc, const void *x, const void *beta, const sk_cudnn_tensor_descriptor ydesc, void *y)) \
	X(sk_cudnn_status, SoftmaxBackward,                                                                                          \
	  (sk_cudnn_handle handle, sk_cudnn_softmax_algorithm algorithm, sk_cudnn_softmax_mode mode, const void *alpha,              \
	   const sk_cudnn_tensor_descriptor ydesc, const void *y, const sk_cudnn_tensor_descriptor dydesc, const void *dy,           \
	   const void *beta, const sk_cudnn_tensor_descriptor dxdesc, void *dx))

// The table: one pointer a function, filled by csrc/load.
typedef struct sk_cudnn {
#define SK_CUDNN_FIELD(ret, name, args) ret(*name) args;
	SK_CUDNN_FUNCTIONS(SK_CUDNN_FIELD)
#undef SK_CUDNN_FIELD
} sk_cudnn;

// X(name, value): everything below exists once as a constant SK_<name> and is compared with <name> of the real header.
#define SK_CUDNN_CONSTANTS(X)                                                                                                        \
	SK_CUDNN_STATUSES(X)                                                                                                         \
	SK_CUDNN_ENUMS(X)                                                                                                            \
	SK_CUDNN_DESCRIPTORS(X)                                                                                                      \
	SK_CUDNN_ATTRIBUTE_TYPES(X)                                                                                                  \
	SK_CUDNN_PLAN_ATTRIBUTES(X)                                                                                                  \
	SK_CUDNN_CONV_ATTRIBUTES(X)                                                                                                  \
	SK_CUDNN_ELEMENTWISE_ATTRIBUTES(X)                                                                                           \
	SK_CUDNN_NORM_ATTRIBUTES(X)

// Families by thousands: 1 start and version, 2 bad parameter, 3 not supported, 4 internal, 5 execution.
#define SK_CUDNN_STATUSES(X)                                                                                                         \
	X(CUDNN_STATUS_SUCCESS, 0)                                                                                                   \
	X(CUDNN_STATUS_NOT_INITIALIZED, 1001)                                                                                        \
	X(CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH, 1002)                                                                            \
	X(CUDNN_STATUS_SERIALIZATION_VERSION_MISMATCH, 1003)                                                                         \
	X(CUDNN_STATUS_SUBLIBRARY_LOADING_FAILED, 1008)                                                                              \
	X(CUDNN_STATUS_BAD_PARAM, 2000)                                                                                              \
	X(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, 2002)                                                                                 \
	X(CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER, 2003)                                                                           \
	X(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED, 2004)                                                                                \
	X(CUDNN_STATUS_BAD_PARAM_OUT_OF_BOUND, 2005)                                                                                 \
	X(CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT, 2006)                                                                            \
	X(CUDNN_STATUS_BAD_PARAM_STREAM_MISMATCH, 2007)                                                                              \
	X(CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH, 2008)                                                                               \
	X(CUDNN_STATUS_BAD_PARAM_DUPLICATED_ENTRIES, 2009)                                                                           \
	X(CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE, 2010)                                                                               \
	X(CUDNN_STATUS_NOT_SUPPORTED, 3000)                                                                                          \
	X(CUDNN_STATUS_NOT_SUPPORTED_GRAPH_PATTERN, 3001)                                                                            \
	X(CUDNN_STATUS_NOT_SUPPORTED_SHAPE, 3002)                                                                                    \
	X(CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE, 3003)                                                                                \
	X(CUDNN_STATUS_NOT_SUPPORTED_LAYOUT, 3004)                                                                                   \
	X(CUDNN_STATUS_NOT_SUPPORTED_INCOMPATIBLE_CUDA_DRIVER, 3005)                                                                 \
	X(CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH, 3007)                                                                            \
	X(CUDNN_STATUS_NOT_SUPPORTED_RUNTIME_PREREQUISITE_MISSING, 3008)                                                             \
	X(CUDNN_STATUS_NOT_SUPPORTED_SHARED_MEMORY_INSUFFICIENT, 3010)                                                               \
	X(CUDNN_STATUS_INTERNAL_ERROR, 4000)                                                                                         \
	X(CUDNN_STATUS_INTERNAL_ERROR_COMPILATION_FAILED, 4001)                                                                      \
	X(CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED, 4003)                                                                  \
	X(CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED, 4004)                                                                \
	X(CUDNN_STATUS_EXECUTION_FAILED, 5000)                                                                                       \
	X(CUDNN_STATUS_EXECUTION_FAILED_CUDA_DRIVER, 5001)

#define SK_CUDNN_ENUMS(X)                                                                                                            \
	X(CUDNN_DATA_FLOAT, 0)                                                                                                       \
	X(CUDNN_DATA_DOUBLE, 1)                                                                                                      \
	X(CUDNN_DATA_HALF, 2)                                                                                                        \
	X(CUDNN_DATA_INT8, 3)                                                                                                        \
	X(CUDNN_DATA_INT32, 4)                                                                                                       \
	X(CUDNN_DATA_UINT8, 6)                                                                                                       \
	X(CUDNN_DATA_BFLOAT16, 9)                                                                                                    \
	X(CUDNN_DATA_INT64, 10)                                                                                                      \
	X(CUDNN_DATA_BOOLEAN, 11)                                                                                                    \
	X(CUDNN_CROSS_CORRELATION, 1)                                                                                                \
	X(CUDNN_REDUCE_TENSOR_ADD, 0)                                                                                                \
	X(CUDNN_REDUCE_TENSOR_MUL, 1)                                                                                                \
	X(CUDNN_REDUCE_TENSOR_MIN, 2)                                                                                                \
	X(CUDNN_REDUCE_TENSOR_MAX, 3)                                                                                                \
	X(CUDNN_POINTWISE_ADD, 0)                                                                                                    \
	X(CUDNN_POINTWISE_MUL, 1)                                                                                                    \
	X(CUDNN_POINTWISE_MIN, 2)                                                                                                    \
	X(CUDNN_POINTWISE_MAX, 3)                                                                                                    \
	X(CUDNN_POINTWISE_SQRT, 4)                                                                                                   \
	X(CUDNN_POINTWISE_DIV, 6)                                                                                                    \
	X(CUDNN_POINTWISE_SUB, 9)                                                                                                    \
	X(CUDNN_POINTWISE_EXP, 13)                                                                                                   \
	X(CUDNN_POINTWISE_RSQRT, 17)                                                                                                 \
	X(CUDNN_POINTWISE_IDENTITY, 21)                                                                                              \
	X(CUDNN_POINTWISE_RELU_FWD, 100)                                                                                             \
	X(CUDNN_POINTWISE_TANH_FWD, 101)                                                                                             \
	X(CUDNN_POINTWISE_SIGMOID_FWD, 102)                                                                                          \
	X(CUDNN_POINTWISE_ELU_FWD, 103)                                                                                              \
	X(CUDNN_POINTWISE_GELU_FWD, 104)                                                                                             \
	X(CUDNN_POINTWISE_SWISH_FWD, 106)                                                                                            \
	X(CUDNN_POINTWISE_RELU_BWD, 200)                                                                                             \
	X(CUDNN_POINTWISE_TANH_BWD, 201)                                                                                             \
	X(CUDNN_POINTWISE_SIGMOID_BWD, 202)                                                                                          \
	X(CUDNN_POINTWISE_ELU_BWD, 203)                                                                                              \
	X(CUDNN_POINTWISE_GELU_BWD, 204)                                                                                             \
	X(CUDNN_POINTWISE_SWISH_BWD, 206)                                                                                            \
	X(CUDNN_POINTWISE_CMP_GT, 302)                                                                                               \
	X(CUDNN_RESAMPLE_AVGPOOL_INCLUDE_PADDING, 2)                                                                                 \
	X(CUDNN_RESAMPLE_MAXPOOL, 3)                                                                                                 \
	X(CUDNN_RESAMPLE_AVGPOOL_EXCLUDE_PADDING, 4)                                                                                 \
	X(CUDNN_GENSTATS_SUM_SQSUM, 0)                                                                                               \
	X(CUDNN_BN_FINALIZE_STATISTICS_TRAINING, 0)                                                                                  \
	X(CUDNN_NUMERICAL_NOTE_TENSOR_CORE, 0)                                                                                       \
	X(CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS, 1)                                                                               \
	X(CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION, 2)                                                                       \
	X(CUDNN_NUMERICAL_NOTE_FFT, 3)                                                                                               \
	X(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC, 4)                                                                                  \
	X(CUDNN_NUMERICAL_NOTE_WINOGRAD, 5)                                                                                          \
	X(CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4, 6)                                                                                 \
	X(CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6, 7)                                                                                 \
	X(CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13, 8)                                                                               \
	X(CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP, 9)                                                                                   \
	X(CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION, 0)                                                                                \
	X(CUDNN_BEHAVIOR_NOTE_SUPPORTS_CUDA_GRAPH_NATIVE_API, 3)                                                                     \
	X(CUDNN_HEUR_MODE_INSTANT, 0)                                                                                                \
	X(CUDNN_HEUR_MODE_B, 1)                                                                                                      \
	X(CUDNN_HEUR_MODE_FALLBACK, 2)                                                                                               \
	X(CUDNN_HEUR_MODE_A, 3)                                                                                                      \
	X(CUDNN_ZERO_PAD, 0)                                                                                                         \
	X(CUDNN_NEG_INF_PAD, 1)                                                                                                      \
	X(CUDNN_BATCH_NORM, 2)                                                                                                       \
	X(CUDNN_NORM_FWD_TRAINING, 1)                                                                                                \
	X(CUDNN_SOFTMAX_ACCURATE, 1)                                                                                                 \
	X(CUDNN_SOFTMAX_LOG, 2)                                                                                                      \
	X(CUDNN_SOFTMAX_MODE_INSTANCE, 0)                                                                                            \
	X(CUDNN_SOFTMAX_MODE_CHANNEL, 1)

// Kinds of backend descriptor.
#define SK_CUDNN_DESCRIPTORS(X)                                                                                                      \
	X(CUDNN_BACKEND_POINTWISE_DESCRIPTOR, 0)                                                                                     \
	X(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, 1)                                                                                   \
	X(CUDNN_BACKEND_ENGINE_DESCRIPTOR, 2)                                                                                        \
	X(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, 3)                                                                                     \
	X(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, 4)                                                                                    \
	X(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, 5)                                                                                \
	X(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, 10)                                                                \
	X(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR, 11)                                                        \
	X(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR, 12)                                                          \
	X(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, 13)                                                                          \
	X(CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR, 14)                                                                          \
	X(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, 15)                                                                               \
	X(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, 16)                                                                                 \
	X(CUDNN_BACKEND_TENSOR_DESCRIPTOR, 17)                                                                                       \
	X(CUDNN_BACKEND_OPERATION_BN_FINALIZE_STATISTICS_DESCRIPTOR, 20)                                                             \
	X(CUDNN_BACKEND_REDUCTION_DESCRIPTOR, 21)                                                                                    \
	X(CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR, 22)                                                                          \
	X(CUDNN_BACKEND_OPERATION_BN_BWD_WEIGHTS_DESCRIPTOR, 23)                                                                     \
	X(CUDNN_BACKEND_RESAMPLE_DESCRIPTOR, 24)                                                                                     \
	X(CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR, 25)                                                                       \
	X(CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR, 26)                                                                       \
	X(CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR, 29)                                                                       \
	X(CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR, 30)                                                                      \
	X(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, 38)

// Types of attribute values. BOOLEAN is one byte; enumerations are four; a descriptor, a handle and a pointer eight.
#define SK_CUDNN_ATTRIBUTE_TYPES(X)                                                                                                  \
	X(CUDNN_TYPE_HANDLE, 0)                                                                                                      \
	X(CUDNN_TYPE_DATA_TYPE, 1)                                                                                                   \
	X(CUDNN_TYPE_BOOLEAN, 2)                                                                                                     \
	X(CUDNN_TYPE_INT64, 3)                                                                                                       \
	X(CUDNN_TYPE_FLOAT, 4)                                                                                                       \
	X(CUDNN_TYPE_DOUBLE, 5)                                                                                                      \
	X(CUDNN_TYPE_VOID_PTR, 6)                                                                                                    \
	X(CUDNN_TYPE_CONVOLUTION_MODE, 7)                                                                                            \
	X(CUDNN_TYPE_HEUR_MODE, 8)                                                                                                   \
	X(CUDNN_TYPE_NUMERICAL_NOTE, 11)                                                                                             \
	X(CUDNN_TYPE_POINTWISE_MODE, 14)                                                                                             \
	X(CUDNN_TYPE_BACKEND_DESCRIPTOR, 15)                                                                                         \
	X(CUDNN_TYPE_GENSTATS_MODE, 16)                                                                                              \
	X(CUDNN_TYPE_BN_FINALIZE_STATS_MODE, 17)                                                                                     \
	X(CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, 18)                                                                                    \
	X(CUDNN_TYPE_BEHAVIOR_NOTE, 19)                                                                                              \
	X(CUDNN_TYPE_RESAMPLE_MODE, 21)                                                                                              \
	X(CUDNN_TYPE_PADDING_MODE, 22)                                                                                               \
	X(CUDNN_TYPE_INT32, 23)                                                                                                      \
	X(CUDNN_TYPE_CHAR, 24)                                                                                                       \
	X(CUDNN_TYPE_NORM_MODE, 27)                                                                                                  \
	X(CUDNN_TYPE_NORM_FWD_PHASE, 28)

// Engines, heuristics, plans, graphs, tensors, variant packs, described devices.
#define SK_CUDNN_PLAN_ATTRIBUTES(X)                                                                                                  \
	X(CUDNN_ATTR_ENGINEHEUR_MODE, 200)                                                                                           \
	X(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, 201)                                                                                \
	X(CUDNN_ATTR_ENGINEHEUR_RESULTS, 202)                                                                                        \
	X(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, 204)                                                                                     \
	X(CUDNN_ATTR_ENGINECFG_ENGINE, 300)                                                                                          \
	X(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, 302)                                                                                    \
	X(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, 400)                                                                                     \
	X(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, 401)                                                                              \
	X(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, 402)                                                                             \
	X(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, 405)                                                                        \
	X(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, 407)                                                                                 \
	X(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, 800)                                                                                     \
	X(CUDNN_ATTR_OPERATIONGRAPH_OPS, 801)                                                                                        \
	X(CUDNN_ATTR_OPERATIONGRAPH_ENGINE_GLOBAL_COUNT, 802)                                                                        \
	X(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, 900)                                                                                     \
	X(CUDNN_ATTR_TENSOR_DATA_TYPE, 901)                                                                                          \
	X(CUDNN_ATTR_TENSOR_DIMENSIONS, 902)                                                                                         \
	X(CUDNN_ATTR_TENSOR_STRIDES, 903)                                                                                            \
	X(CUDNN_ATTR_TENSOR_UNIQUE_ID, 906)                                                                                          \
	X(CUDNN_ATTR_TENSOR_IS_VIRTUAL, 907)                                                                                         \
	X(CUDNN_ATTR_TENSOR_IS_BY_VALUE, 908)                                                                                        \
	X(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, 1000)                                                                                  \
	X(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, 1001)                                                                               \
	X(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, 1003)                                                                                   \
	X(CUDNN_ATTR_ENGINE_OPERATION_GRAPH, 1300)                                                                                   \
	X(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, 1301)                                                                                      \
	X(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, 1303)                                                                                    \
	X(CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, 1305)                                                                                     \
	X(CUDNN_ATTR_ENGINE_DEVICEPROP, 1307)                                                                                        \
	X(CUDNN_ATTR_DEVICEPROP_DEVICE_ID, 2700)                                                                                     \
	X(CUDNN_ATTR_DEVICEPROP_HANDLE, 2701)                                                                                        \
	X(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, 2702)

#define SK_CUDNN_CONV_ATTRIBUTES(X)                                                                                                  \
	X(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, 100)                                                                                     \
	X(CUDNN_ATTR_CONVOLUTION_CONV_MODE, 101)                                                                                     \
	X(CUDNN_ATTR_CONVOLUTION_DILATIONS, 102)                                                                                     \
	X(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, 103)                                                                                \
	X(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, 104)                                                                                 \
	X(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, 105)                                                                                  \
	X(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 106)                                                                                  \
	X(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, 700)                                                                       \
	X(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, 701)                                                                        \
	X(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, 702)                                                                   \
	X(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, 703)                                                                           \
	X(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, 704)                                                                           \
	X(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, 705)                                                                           \
	X(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, 706)                                                                      \
	X(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA, 707)                                                                       \
	X(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, 708)                                                                  \
	X(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, 709)                                                                          \
	X(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, 710)                                                                         \
	X(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, 711)                                                                         \
	X(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, 712)                                                                    \
	X(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA, 713)                                                                     \
	X(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, 714)                                                                \
	X(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, 715)                                                                       \
	X(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, 716)                                                                        \
	X(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY, 717)

// Pointwise, statistics, reduction, resampling (pooling).
#define SK_CUDNN_ELEMENTWISE_ATTRIBUTES(X)                                                                                           \
	X(CUDNN_ATTR_POINTWISE_MODE, 0)                                                                                              \
	X(CUDNN_ATTR_POINTWISE_MATH_PREC, 1)                                                                                         \
	X(CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP, 3)                                                                                   \
	X(CUDNN_ATTR_POINTWISE_RELU_UPPER_CLIP, 4)                                                                                   \
	X(CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP_SLOPE, 5)                                                                             \
	X(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, 750)                                                                         \
	X(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, 751)                                                                                 \
	X(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, 752)                                                                                 \
	X(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, 753)                                                                                 \
	X(CUDNN_ATTR_OPERATION_POINTWISE_ALPHA1, 754)                                                                                \
	X(CUDNN_ATTR_OPERATION_POINTWISE_ALPHA2, 755)                                                                                \
	X(CUDNN_ATTR_OPERATION_POINTWISE_DXDESC, 756)                                                                                \
	X(CUDNN_ATTR_OPERATION_POINTWISE_DYDESC, 757)                                                                                \
	X(CUDNN_ATTR_OPERATION_GENSTATS_MODE, 770)                                                                                   \
	X(CUDNN_ATTR_OPERATION_GENSTATS_MATH_PREC, 771)                                                                              \
	X(CUDNN_ATTR_OPERATION_GENSTATS_XDESC, 772)                                                                                  \
	X(CUDNN_ATTR_OPERATION_GENSTATS_SUMDESC, 773)                                                                                \
	X(CUDNN_ATTR_OPERATION_GENSTATS_SQSUMDESC, 774)                                                                              \
	X(CUDNN_ATTR_REDUCTION_OPERATOR, 1600)                                                                                       \
	X(CUDNN_ATTR_REDUCTION_COMP_TYPE, 1601)                                                                                      \
	X(CUDNN_ATTR_REDUCTION_IS_DETERMINISTIC, 1602)                                                                               \
	X(CUDNN_ATTR_OPERATION_REDUCTION_XDESC, 1610)                                                                                \
	X(CUDNN_ATTR_OPERATION_REDUCTION_YDESC, 1611)                                                                                \
	X(CUDNN_ATTR_OPERATION_REDUCTION_DESC, 1612)                                                                                 \
	X(CUDNN_ATTR_RESAMPLE_MODE, 1700)                                                                                            \
	X(CUDNN_ATTR_RESAMPLE_COMP_TYPE, 1701)                                                                                       \
	X(CUDNN_ATTR_RESAMPLE_SPATIAL_DIMS, 1702)                                                                                    \
	X(CUDNN_ATTR_RESAMPLE_POST_PADDINGS, 1703)                                                                                   \
	X(CUDNN_ATTR_RESAMPLE_PRE_PADDINGS, 1704)                                                                                    \
	X(CUDNN_ATTR_RESAMPLE_STRIDES, 1705)                                                                                         \
	X(CUDNN_ATTR_RESAMPLE_WINDOW_DIMS, 1706)                                                                                     \
	X(CUDNN_ATTR_RESAMPLE_PADDING_MODE, 1708)                                                                                    \
	X(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_XDESC, 1710)                                                                             \
	X(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_YDESC, 1711)                                                                             \
	X(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_IDXDESC, 1712)                                                                           \
	X(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_DESC, 1716)                                                                              \
	X(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DXDESC, 1720)                                                                            \
	X(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DYDESC, 1721)                                                                            \
	X(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_IDXDESC, 1722)                                                                           \
	X(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DESC, 1725)                                                                              \
	X(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_XDESC, 1726)                                                                             \
	X(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_YDESC, 1727)

#define SK_CUDNN_NORM_ATTRIBUTES(X)                                                                                                  \
	X(CUDNN_ATTR_OPERATION_BN_FINALIZE_STATS_MODE, 780)                                                                          \
	X(CUDNN_ATTR_OPERATION_BN_FINALIZE_MATH_PREC, 781)                                                                           \
	X(CUDNN_ATTR_OPERATION_BN_FINALIZE_Y_SUM_DESC, 782)                                                                          \
	X(CUDNN_ATTR_OPERATION_BN_FINALIZE_Y_SQ_SUM_DESC, 783)                                                                       \
	X(CUDNN_ATTR_OPERATION_BN_FINALIZE_SCALE_DESC, 784)                                                                          \
	X(CUDNN_ATTR_OPERATION_BN_FINALIZE_BIAS_DESC, 785)                                                                           \
	X(CUDNN_ATTR_OPERATION_BN_FINALIZE_PREV_RUNNING_MEAN_DESC, 786)                                                              \
	X(CUDNN_ATTR_OPERATION_BN_FINALIZE_PREV_RUNNING_VAR_DESC, 787)                                                               \
	X(CUDNN_ATTR_OPERATION_BN_FINALIZE_UPDATED_RUNNING_MEAN_DESC, 788)                                                           \
	X(CUDNN_ATTR_OPERATION_BN_FINALIZE_UPDATED_RUNNING_VAR_DESC, 789)                                                            \
	X(CUDNN_ATTR_OPERATION_BN_FINALIZE_SAVED_MEAN_DESC, 790)                                                                     \
	X(CUDNN_ATTR_OPERATION_BN_FINALIZE_SAVED_INV_STD_DESC, 791)                                                                  \
	X(CUDNN_ATTR_OPERATION_BN_FINALIZE_EQ_SCALE_DESC, 792)                                                                       \
	X(CUDNN_ATTR_OPERATION_BN_FINALIZE_EQ_BIAS_DESC, 793)                                                                        \
	X(CUDNN_ATTR_OPERATION_BN_FINALIZE_ACCUM_COUNT_DESC, 794)                                                                    \
	X(CUDNN_ATTR_OPERATION_BN_FINALIZE_EPSILON_DESC, 795)                                                                        \
	X(CUDNN_ATTR_OPERATION_BN_FINALIZE_EXP_AVERATE_FACTOR_DESC, 796)                                                             \
	X(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_MATH_PREC, 1620)                                                                       \
	X(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_MEAN_DESC, 1621)                                                                       \
	X(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_INVSTD_DESC, 1622)                                                                     \
	X(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_BN_SCALE_DESC, 1623)                                                                   \
	X(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_X_DESC, 1624)                                                                          \
	X(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_DY_DESC, 1625)                                                                         \
	X(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_DBN_SCALE_DESC, 1626)                                                                  \
	X(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_DBN_BIAS_DESC, 1627)                                                                   \
	X(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_EQ_DY_SCALE_DESC, 1628)                                                                \
	X(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_EQ_X_SCALE_DESC, 1629)                                                                 \
	X(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_EQ_BIAS, 1630)                                                                         \
	X(CUDNN_ATTR_OPERATION_NORM_FWD_MODE, 2000)                                                                                  \
	X(CUDNN_ATTR_OPERATION_NORM_FWD_PHASE, 2001)                                                                                 \
	X(CUDNN_ATTR_OPERATION_NORM_FWD_XDESC, 2002)                                                                                 \
	X(CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC, 2003)                                                                             \
	X(CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC, 2004)                                                                     \
	X(CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC, 2005)                                                                            \
	X(CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC, 2006)                                                                             \
	X(CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC, 2007)                                                                          \
	X(CUDNN_ATTR_OPERATION_NORM_FWD_EXP_AVG_FACTOR_DESC, 2008)                                                                   \
	X(CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_MEAN_DESC, 2009)                                                               \
	X(CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_VAR_DESC, 2010)                                                                \
	X(CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_MEAN_DESC, 2011)                                                              \
	X(CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_VAR_DESC, 2012)                                                               \
	X(CUDNN_ATTR_OPERATION_NORM_FWD_YDESC, 2013)                                                                                 \
	X(CUDNN_ATTR_OPERATION_NORM_BWD_MODE, 2100)                                                                                  \
	X(CUDNN_ATTR_OPERATION_NORM_BWD_XDESC, 2101)                                                                                 \
	X(CUDNN_ATTR_OPERATION_NORM_BWD_MEAN_DESC, 2102)                                                                             \
	X(CUDNN_ATTR_OPERATION_NORM_BWD_INV_VARIANCE_DESC, 2103)                                                                     \
	X(CUDNN_ATTR_OPERATION_NORM_BWD_DYDESC, 2104)                                                                                \
	X(CUDNN_ATTR_OPERATION_NORM_BWD_SCALE_DESC, 2105)                                                                            \
	X(CUDNN_ATTR_OPERATION_NORM_BWD_EPSILON_DESC, 2106)                                                                          \
	X(CUDNN_ATTR_OPERATION_NORM_BWD_DSCALE_DESC, 2107)                                                                           \
	X(CUDNN_ATTR_OPERATION_NORM_BWD_DBIAS_DESC, 2108)                                                                            \
	X(CUDNN_ATTR_OPERATION_NORM_BWD_DXDESC, 2109)

enum {
#define SK_CUDNN_CONSTANT(name, value) SK_##name = value,
	SK_CUDNN_CONSTANTS(SK_CUDNN_CONSTANT)
#undef SK_CUDNN_CONSTANT
};

#endif
