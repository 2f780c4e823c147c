/* The part of cuDNN 9, libcudnn.so.9, that is used, declared by hand: the backend (graph) API and
   the legacy softmax. It is opened at run time; see table.h. A test compares every line with
   NVIDIA's own headers where those are installed; it defines SK_REAL_HEADERS to get the lists
   without the types. */
#ifndef SK_LOAD_CUDNN_H
#define SK_LOAD_CUDNN_H

#include <stddef.h>
#include <stdint.h>

#include "table.h"

/* The lists below are laid out by hand. */
/* clang-format off */
/* Families by thousands: 1 start and version, 2 bad parameter, 3 not supported, 4 internal,
   5 execution. */
#define SK_CUDNN_STATUSES(C)                                                                                                         \
  C(CUDNN_STATUS_SUCCESS, 0) C(CUDNN_STATUS_NOT_INITIALIZED, 1001) C(CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH, 1002)                 \
  C(CUDNN_STATUS_SERIALIZATION_VERSION_MISMATCH, 1003) C(CUDNN_STATUS_SUBLIBRARY_LOADING_FAILED, 1008)                               \
  C(CUDNN_STATUS_BAD_PARAM, 2000) C(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, 2002) C(CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER, 2003)    \
  C(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED, 2004) C(CUDNN_STATUS_BAD_PARAM_OUT_OF_BOUND, 2005)                                         \
  C(CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT, 2006) C(CUDNN_STATUS_BAD_PARAM_STREAM_MISMATCH, 2007)                                  \
  C(CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH, 2008) C(CUDNN_STATUS_BAD_PARAM_DUPLICATED_ENTRIES, 2009)                                  \
  C(CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE, 2010) C(CUDNN_STATUS_NOT_SUPPORTED, 3000)                                                 \
  C(CUDNN_STATUS_NOT_SUPPORTED_GRAPH_PATTERN, 3001) C(CUDNN_STATUS_NOT_SUPPORTED_SHAPE, 3002)                                        \
  C(CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE, 3003) C(CUDNN_STATUS_NOT_SUPPORTED_LAYOUT, 3004)                                           \
  C(CUDNN_STATUS_NOT_SUPPORTED_INCOMPATIBLE_CUDA_DRIVER, 3005) C(CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH, 3007)                     \
  C(CUDNN_STATUS_NOT_SUPPORTED_RUNTIME_PREREQUISITE_MISSING, 3008) C(CUDNN_STATUS_NOT_SUPPORTED_SHARED_MEMORY_INSUFFICIENT, 3010)    \
  C(CUDNN_STATUS_INTERNAL_ERROR, 4000) C(CUDNN_STATUS_INTERNAL_ERROR_COMPILATION_FAILED, 4001)                                       \
  C(CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED, 4003) C(CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED, 4004)          \
  C(CUDNN_STATUS_EXECUTION_FAILED, 5000) C(CUDNN_STATUS_EXECUTION_FAILED_CUDA_DRIVER, 5001)

/* Values of attributes. */
#define SK_CUDNN_ENUMS(C)                                                                                                            \
  C(CUDNN_DATA_FLOAT, 0) C(CUDNN_DATA_DOUBLE, 1) C(CUDNN_DATA_HALF, 2) C(CUDNN_DATA_INT8, 3) C(CUDNN_DATA_INT32, 4)                  \
  C(CUDNN_DATA_UINT8, 6) C(CUDNN_DATA_BFLOAT16, 9) C(CUDNN_DATA_INT64, 10) C(CUDNN_DATA_BOOLEAN, 11) C(CUDNN_CROSS_CORRELATION, 1)   \
  C(CUDNN_REDUCE_TENSOR_ADD, 0) C(CUDNN_REDUCE_TENSOR_MUL, 1) C(CUDNN_REDUCE_TENSOR_MIN, 2) C(CUDNN_REDUCE_TENSOR_MAX, 3)            \
  C(CUDNN_POINTWISE_ADD, 0) C(CUDNN_POINTWISE_MUL, 1) C(CUDNN_POINTWISE_MIN, 2) C(CUDNN_POINTWISE_MAX, 3)                            \
  C(CUDNN_POINTWISE_SQRT, 4) C(CUDNN_POINTWISE_DIV, 6) C(CUDNN_POINTWISE_SUB, 9) C(CUDNN_POINTWISE_EXP, 13)                          \
  C(CUDNN_POINTWISE_RSQRT, 17) C(CUDNN_POINTWISE_IDENTITY, 21) C(CUDNN_POINTWISE_RELU_FWD, 100) C(CUDNN_POINTWISE_TANH_FWD, 101)     \
  C(CUDNN_POINTWISE_SIGMOID_FWD, 102) C(CUDNN_POINTWISE_ELU_FWD, 103) C(CUDNN_POINTWISE_GELU_FWD, 104)                               \
  C(CUDNN_POINTWISE_SWISH_FWD, 106) C(CUDNN_POINTWISE_RELU_BWD, 200) C(CUDNN_POINTWISE_TANH_BWD, 201)                                \
  C(CUDNN_POINTWISE_SIGMOID_BWD, 202) C(CUDNN_POINTWISE_ELU_BWD, 203) C(CUDNN_POINTWISE_GELU_BWD, 204)                               \
  C(CUDNN_POINTWISE_SWISH_BWD, 206) C(CUDNN_POINTWISE_CMP_GT, 302) C(CUDNN_RESAMPLE_AVGPOOL_INCLUDE_PADDING, 2)                      \
  C(CUDNN_RESAMPLE_MAXPOOL, 3) C(CUDNN_RESAMPLE_AVGPOOL_EXCLUDE_PADDING, 4) C(CUDNN_GENSTATS_SUM_SQSUM, 0)                           \
  C(CUDNN_BN_FINALIZE_STATISTICS_TRAINING, 0) C(CUDNN_NUMERICAL_NOTE_TENSOR_CORE, 0) C(CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS, 1)  \
  C(CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION, 2) C(CUDNN_NUMERICAL_NOTE_FFT, 3) C(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC, 4)  \
  C(CUDNN_NUMERICAL_NOTE_WINOGRAD, 5) C(CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4, 6) C(CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6, 7)      \
  C(CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13, 8) C(CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP, 9)                                          \
  C(CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION, 0) C(CUDNN_BEHAVIOR_NOTE_SUPPORTS_CUDA_GRAPH_NATIVE_API, 3)                             \
  C(CUDNN_HEUR_MODE_INSTANT, 0) C(CUDNN_HEUR_MODE_B, 1) C(CUDNN_HEUR_MODE_FALLBACK, 2) C(CUDNN_HEUR_MODE_A, 3) C(CUDNN_ZERO_PAD, 0)  \
  C(CUDNN_NEG_INF_PAD, 1) C(CUDNN_BATCH_NORM, 2) C(CUDNN_NORM_FWD_INFERENCE, 0) C(CUDNN_NORM_FWD_TRAINING, 1) C(CUDNN_SOFTMAX_ACCURATE, 1) C(CUDNN_SOFTMAX_LOG, 2) \
  C(CUDNN_SOFTMAX_MODE_INSTANCE, 0) C(CUDNN_SOFTMAX_MODE_CHANNEL, 1)

/* The settings that the knobs of an engine turn. */
#define SK_CUDNN_KNOBS(C)                                                                                                            \
  C(CUDNN_KNOB_TYPE_SWIZZLE, 1) C(CUDNN_KNOB_TYPE_TILE_SIZE, 2) C(CUDNN_KNOB_TYPE_SPLIT_K_BUF, 12) C(CUDNN_KNOB_TYPE_TILEK, 13)      \
  C(CUDNN_KNOB_TYPE_STAGES, 14) C(CUDNN_KNOB_TYPE_REDUCTION_MODE, 15) C(CUDNN_KNOB_TYPE_SPLIT_K_SLC, 17)                             \
  C(CUDNN_KNOB_TYPE_KERNEL_CFG, 24) C(CUDNN_KNOB_TYPE_WORKSPACE, 25) C(CUDNN_KNOB_TYPE_TILE_CGA_M, 27)                               \
  C(CUDNN_KNOB_TYPE_TILE_CGA_N, 28) C(CUDNN_KNOB_TYPE_BLOCK_SIZE, 29) C(CUDNN_KNOB_TYPE_OCCUPANCY, 30)                               \
  C(CUDNN_KNOB_TYPE_CTA_COUNT, 37) C(CUDNN_KNOB_TYPE_STREAM_K, 38) C(CUDNN_KNOB_TYPE_SPLIT_P_SLC, 39) C(CUDNN_KNOB_TYPE_TILE_M, 40)  \
  C(CUDNN_KNOB_TYPE_TILE_N, 41) C(CUDNN_KNOB_TYPE_WARP_SPEC_CFG, 42)

/* Kinds of backend descriptor. */
#define SK_CUDNN_DESCRIPTORS(C)                                                                                                      \
  C(CUDNN_BACKEND_POINTWISE_DESCRIPTOR, 0) C(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, 1) C(CUDNN_BACKEND_ENGINE_DESCRIPTOR, 2)          \
  C(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, 3) C(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, 4) C(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, 5)   \
  C(CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, 7) C(CUDNN_BACKEND_KNOB_INFO_DESCRIPTOR, 8)                                                \
  C(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, 10)                                                                      \
  C(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR, 11)                                                              \
  C(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR, 12) C(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, 13)            \
  C(CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR, 14) C(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, 15)                                 \
  C(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, 16) C(CUDNN_BACKEND_TENSOR_DESCRIPTOR, 17)                                                \
  C(CUDNN_BACKEND_OPERATION_BN_FINALIZE_STATISTICS_DESCRIPTOR, 20) C(CUDNN_BACKEND_REDUCTION_DESCRIPTOR, 21)                         \
  C(CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR, 22) C(CUDNN_BACKEND_OPERATION_BN_BWD_WEIGHTS_DESCRIPTOR, 23)                       \
  C(CUDNN_BACKEND_RESAMPLE_DESCRIPTOR, 24) C(CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR, 25)                                    \
  C(CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR, 26) C(CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR, 29)                      \
  C(CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR, 30) C(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, 38)

/* Types of attribute values. BOOLEAN and CHAR are one byte wide, enumerations four, handles,
   descriptors and pointers eight. */
#define SK_CUDNN_ATTRIBUTE_TYPES(C)                                                                                                  \
  C(CUDNN_TYPE_HANDLE, 0) C(CUDNN_TYPE_DATA_TYPE, 1) C(CUDNN_TYPE_BOOLEAN, 2) C(CUDNN_TYPE_INT64, 3) C(CUDNN_TYPE_FLOAT, 4)          \
  C(CUDNN_TYPE_DOUBLE, 5) C(CUDNN_TYPE_VOID_PTR, 6) C(CUDNN_TYPE_CONVOLUTION_MODE, 7) C(CUDNN_TYPE_HEUR_MODE, 8)                     \
  C(CUDNN_TYPE_KNOB_TYPE, 9) C(CUDNN_TYPE_NUMERICAL_NOTE, 11) C(CUDNN_TYPE_POINTWISE_MODE, 14) C(CUDNN_TYPE_BACKEND_DESCRIPTOR, 15)  \
  C(CUDNN_TYPE_GENSTATS_MODE, 16) C(CUDNN_TYPE_BN_FINALIZE_STATS_MODE, 17) C(CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, 18)                 \
  C(CUDNN_TYPE_BEHAVIOR_NOTE, 19) C(CUDNN_TYPE_RESAMPLE_MODE, 21) C(CUDNN_TYPE_PADDING_MODE, 22) C(CUDNN_TYPE_INT32, 23)             \
  C(CUDNN_TYPE_CHAR, 24) C(CUDNN_TYPE_NORM_MODE, 27) C(CUDNN_TYPE_NORM_FWD_PHASE, 28)

/* Engines, heuristics, plans, graphs, tensors, variant packs, described devices. */
#define SK_CUDNN_PLAN_ATTRIBUTES(C)                                                                                                  \
  C(CUDNN_ATTR_ENGINEHEUR_MODE, 200) C(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, 201) C(CUDNN_ATTR_ENGINEHEUR_RESULTS, 202)             \
  C(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, 204) C(CUDNN_ATTR_ENGINECFG_ENGINE, 300) C(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, 302)             \
  C(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, 400) C(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, 401)                                           \
  C(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, 402) C(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, 405)                             \
  C(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, 407) C(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, 600) C(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, 601)    \
  C(CUDNN_ATTR_KNOB_INFO_TYPE, 1200) C(CUDNN_ATTR_KNOB_INFO_MAXIMUM_VALUE, 1201) C(CUDNN_ATTR_KNOB_INFO_MINIMUM_VALUE, 1202)         \
  C(CUDNN_ATTR_KNOB_INFO_STRIDE, 1203) C(CUDNN_ATTR_ENGINE_KNOB_INFO, 1302)                                                          \
  C(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, 800) C(CUDNN_ATTR_OPERATIONGRAPH_OPS, 801)                                                     \
  C(CUDNN_ATTR_OPERATIONGRAPH_ENGINE_GLOBAL_COUNT, 802) C(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, 900)                                     \
  C(CUDNN_ATTR_TENSOR_DATA_TYPE, 901) C(CUDNN_ATTR_TENSOR_DIMENSIONS, 902) C(CUDNN_ATTR_TENSOR_STRIDES, 903)                         \
  C(CUDNN_ATTR_TENSOR_UNIQUE_ID, 906) C(CUDNN_ATTR_TENSOR_IS_VIRTUAL, 907) C(CUDNN_ATTR_TENSOR_IS_BY_VALUE, 908)                     \
  C(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, 1000) C(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, 1001)                                         \
  C(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, 1003) C(CUDNN_ATTR_ENGINE_OPERATION_GRAPH, 1300) C(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, 1301)      \
  C(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, 1303) C(CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, 1305) C(CUDNN_ATTR_ENGINE_DEVICEPROP, 1307)           \
  C(CUDNN_ATTR_DEVICEPROP_DEVICE_ID, 2700) C(CUDNN_ATTR_DEVICEPROP_HANDLE, 2701) C(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, 2702)

/* Convolution. */
#define SK_CUDNN_CONV_ATTRIBUTES(C)                                                                                                  \
  C(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, 100) C(CUDNN_ATTR_CONVOLUTION_CONV_MODE, 101) C(CUDNN_ATTR_CONVOLUTION_DILATIONS, 102)         \
  C(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, 103) C(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, 104)                                         \
  C(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, 105) C(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 106)                                            \
  C(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, 700) C(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, 701)                       \
  C(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, 702) C(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, 703)                      \
  C(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, 704) C(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, 705)                              \
  C(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, 706) C(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA, 707)                     \
  C(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, 708) C(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, 709)                    \
  C(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, 710) C(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, 711)                          \
  C(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, 712) C(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA, 713)                 \
  C(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, 714) C(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, 715)               \
  C(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, 716) C(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY, 717)

/* Pointwise, statistics, reduction, resampling (pooling). */
#define SK_CUDNN_ELEMENTWISE_ATTRIBUTES(C)                                                                                           \
  C(CUDNN_ATTR_POINTWISE_MODE, 0) C(CUDNN_ATTR_POINTWISE_MATH_PREC, 1) C(CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP, 3)                    \
  C(CUDNN_ATTR_POINTWISE_RELU_UPPER_CLIP, 4) C(CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP_SLOPE, 5)                                        \
  C(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, 750) C(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, 751)                                  \
  C(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, 752) C(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, 753)                                          \
  C(CUDNN_ATTR_OPERATION_POINTWISE_ALPHA1, 754) C(CUDNN_ATTR_OPERATION_POINTWISE_ALPHA2, 755)                                        \
  C(CUDNN_ATTR_OPERATION_POINTWISE_DXDESC, 756) C(CUDNN_ATTR_OPERATION_POINTWISE_DYDESC, 757)                                        \
  C(CUDNN_ATTR_OPERATION_GENSTATS_MODE, 770) C(CUDNN_ATTR_OPERATION_GENSTATS_MATH_PREC, 771)                                         \
  C(CUDNN_ATTR_OPERATION_GENSTATS_XDESC, 772) C(CUDNN_ATTR_OPERATION_GENSTATS_SUMDESC, 773)                                          \
  C(CUDNN_ATTR_OPERATION_GENSTATS_SQSUMDESC, 774) C(CUDNN_ATTR_REDUCTION_OPERATOR, 1600) C(CUDNN_ATTR_REDUCTION_COMP_TYPE, 1601)     \
  C(CUDNN_ATTR_REDUCTION_IS_DETERMINISTIC, 1602) C(CUDNN_ATTR_OPERATION_REDUCTION_XDESC, 1610)                                       \
  C(CUDNN_ATTR_OPERATION_REDUCTION_YDESC, 1611) C(CUDNN_ATTR_OPERATION_REDUCTION_DESC, 1612) C(CUDNN_ATTR_RESAMPLE_MODE, 1700)       \
  C(CUDNN_ATTR_RESAMPLE_COMP_TYPE, 1701) C(CUDNN_ATTR_RESAMPLE_SPATIAL_DIMS, 1702) C(CUDNN_ATTR_RESAMPLE_POST_PADDINGS, 1703)        \
  C(CUDNN_ATTR_RESAMPLE_PRE_PADDINGS, 1704) C(CUDNN_ATTR_RESAMPLE_STRIDES, 1705) C(CUDNN_ATTR_RESAMPLE_WINDOW_DIMS, 1706)            \
  C(CUDNN_ATTR_RESAMPLE_PADDING_MODE, 1708) C(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_XDESC, 1710)                                         \
  C(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_YDESC, 1711) C(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_IDXDESC, 1712)                                \
  C(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_DESC, 1716) C(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DXDESC, 1720)                                  \
  C(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DYDESC, 1721) C(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_IDXDESC, 1722)                               \
  C(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DESC, 1725) C(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_XDESC, 1726)                                   \
  C(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_YDESC, 1727)

/* Batch norm. */
#define SK_CUDNN_NORM_ATTRIBUTES(C)                                                                                                  \
  C(CUDNN_ATTR_OPERATION_BN_FINALIZE_STATS_MODE, 780) C(CUDNN_ATTR_OPERATION_BN_FINALIZE_MATH_PREC, 781)                             \
  C(CUDNN_ATTR_OPERATION_BN_FINALIZE_Y_SUM_DESC, 782) C(CUDNN_ATTR_OPERATION_BN_FINALIZE_Y_SQ_SUM_DESC, 783)                         \
  C(CUDNN_ATTR_OPERATION_BN_FINALIZE_SCALE_DESC, 784) C(CUDNN_ATTR_OPERATION_BN_FINALIZE_BIAS_DESC, 785)                             \
  C(CUDNN_ATTR_OPERATION_BN_FINALIZE_PREV_RUNNING_MEAN_DESC, 786) C(CUDNN_ATTR_OPERATION_BN_FINALIZE_PREV_RUNNING_VAR_DESC, 787)     \
  C(CUDNN_ATTR_OPERATION_BN_FINALIZE_UPDATED_RUNNING_MEAN_DESC, 788)                                                                 \
  C(CUDNN_ATTR_OPERATION_BN_FINALIZE_UPDATED_RUNNING_VAR_DESC, 789) C(CUDNN_ATTR_OPERATION_BN_FINALIZE_SAVED_MEAN_DESC, 790)         \
  C(CUDNN_ATTR_OPERATION_BN_FINALIZE_SAVED_INV_STD_DESC, 791) C(CUDNN_ATTR_OPERATION_BN_FINALIZE_EQ_SCALE_DESC, 792)                 \
  C(CUDNN_ATTR_OPERATION_BN_FINALIZE_EQ_BIAS_DESC, 793) C(CUDNN_ATTR_OPERATION_BN_FINALIZE_ACCUM_COUNT_DESC, 794)                    \
  C(CUDNN_ATTR_OPERATION_BN_FINALIZE_EPSILON_DESC, 795) C(CUDNN_ATTR_OPERATION_BN_FINALIZE_EXP_AVERATE_FACTOR_DESC, 796)             \
  C(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_MATH_PREC, 1620) C(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_MEAN_DESC, 1621)                      \
  C(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_INVSTD_DESC, 1622) C(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_BN_SCALE_DESC, 1623)                \
  C(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_X_DESC, 1624) C(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_DY_DESC, 1625)                           \
  C(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_DBN_SCALE_DESC, 1626) C(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_DBN_BIAS_DESC, 1627)             \
  C(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_EQ_DY_SCALE_DESC, 1628) C(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_EQ_X_SCALE_DESC, 1629)         \
  C(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_EQ_BIAS, 1630) C(CUDNN_ATTR_OPERATION_NORM_FWD_MODE, 2000)                                   \
  C(CUDNN_ATTR_OPERATION_NORM_FWD_PHASE, 2001) C(CUDNN_ATTR_OPERATION_NORM_FWD_XDESC, 2002)                                          \
  C(CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC, 2003) C(CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC, 2004)                          \
  C(CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC, 2005) C(CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC, 2006)                                 \
  C(CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC, 2007) C(CUDNN_ATTR_OPERATION_NORM_FWD_EXP_AVG_FACTOR_DESC, 2008)                     \
  C(CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_MEAN_DESC, 2009) C(CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_VAR_DESC, 2010)       \
  C(CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_MEAN_DESC, 2011) C(CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_VAR_DESC, 2012)     \
  C(CUDNN_ATTR_OPERATION_NORM_FWD_YDESC, 2013) C(CUDNN_ATTR_OPERATION_NORM_BWD_MODE, 2100)                                           \
  C(CUDNN_ATTR_OPERATION_NORM_BWD_XDESC, 2101) C(CUDNN_ATTR_OPERATION_NORM_BWD_MEAN_DESC, 2102)                                      \
  C(CUDNN_ATTR_OPERATION_NORM_BWD_INV_VARIANCE_DESC, 2103) C(CUDNN_ATTR_OPERATION_NORM_BWD_DYDESC, 2104)                             \
  C(CUDNN_ATTR_OPERATION_NORM_BWD_SCALE_DESC, 2105) C(CUDNN_ATTR_OPERATION_NORM_BWD_EPSILON_DESC, 2106)                              \
  C(CUDNN_ATTR_OPERATION_NORM_BWD_DSCALE_DESC, 2107) C(CUDNN_ATTR_OPERATION_NORM_BWD_DBIAS_DESC, 2108)                               \
  C(CUDNN_ATTR_OPERATION_NORM_BWD_DXDESC, 2109)

/* Constants, as C(name, value). */
#define SK_CUDNN_CONSTANTS(C)                                                                                                        \
  SK_CUDNN_STATUSES(C) SK_CUDNN_ENUMS(C) SK_CUDNN_KNOBS(C) SK_CUDNN_DESCRIPTORS(C) SK_CUDNN_ATTRIBUTE_TYPES(C) SK_CUDNN_PLAN_ATTRIBUTES(C) \
  SK_CUDNN_CONV_ATTRIBUTES(C) SK_CUDNN_ELEMENTWISE_ATTRIBUTES(C) SK_CUDNN_NORM_ATTRIBUTES(C)

/* Types, as S(type): an enumeration is passed as int, an opaque type as a pointer. */
#define SK_CUDNN_LAYOUTS(S, M)                                                                                                       \
  S(cudnnStatus_t) S(cudnnDataType_t) S(cudnnSoftmaxAlgorithm_t) S(cudnnSoftmaxMode_t) S(cudnnBackendDescriptorType_t)               \
  S(cudnnBackendAttributeName_t) S(cudnnBackendAttributeType_t) S(cudnnConvolutionMode_t) S(cudnnPointwiseMode_t)                    \
  S(cudnnReduceTensorOp_t) S(cudnnResampleMode_t) S(cudnnPaddingMode_t) S(cudnnGenStatsMode_t) S(cudnnBnFinalizeStatsMode_t)         \
  S(cudnnBackendKnobType_t) S(cudnnBackendNumericalNote_t) S(cudnnBackendBehaviorNote_t) S(cudnnBackendHeurMode_t) S(cudnnBackendNormMode_t) \
  S(cudnnBackendNormFwdPhase_t) S(cudnnHandle_t) S(cudnnBackendDescriptor_t) S(cudnnTensorDescriptor_t) S(cudaStream_t)

#ifndef SK_REAL_HEADERS
typedef int cudnnStatus_t;
typedef int cudnnDataType_t;
typedef int cudnnSoftmaxAlgorithm_t;
typedef int cudnnSoftmaxMode_t;
typedef int cudnnBackendDescriptorType_t;
typedef int cudnnBackendAttributeName_t;
typedef int cudnnBackendAttributeType_t;
typedef int cudnnConvolutionMode_t;
typedef int cudnnPointwiseMode_t;
typedef int cudnnReduceTensorOp_t;
typedef int cudnnResampleMode_t;
typedef int cudnnPaddingMode_t;
typedef int cudnnGenStatsMode_t;
typedef int cudnnBnFinalizeStatsMode_t;
typedef int cudnnBackendKnobType_t;
typedef int cudnnBackendNumericalNote_t;
typedef int cudnnBackendBehaviorNote_t;
typedef int cudnnBackendHeurMode_t;
typedef int cudnnBackendNormMode_t;
typedef int cudnnBackendNormFwdPhase_t;
typedef struct cudnnContext *cudnnHandle_t;
typedef void *cudnnBackendDescriptor_t;
typedef struct cudnnTensorStruct *cudnnTensorDescriptor_t;
typedef struct CUstream_st *cudaStream_t;

#define SK_CONSTANT(name, value) name = value,
enum { SK_CUDNN_CONSTANTS(SK_CONSTANT) };
#undef SK_CONSTANT
#endif

#define SK_CUDNN_FUNCTIONS(F, O)                                                                                                     \
  F(size_t, cudnnGetVersion, (void))                                                                                                 \
  F(size_t, cudnnGetCudartVersion, (void))                                                                                           \
  F(const char *, cudnnGetErrorString, (cudnnStatus_t status))                                                                       \
  F(void, cudnnGetLastErrorString, (char *message, size_t max_size))                                                                 \
  F(cudnnStatus_t, cudnnCreate, (cudnnHandle_t *handle))                                                                             \
  F(cudnnStatus_t, cudnnDestroy, (cudnnHandle_t handle))                                                                             \
  F(cudnnStatus_t, cudnnSetStream, (cudnnHandle_t handle, cudaStream_t stream))                                                      \
  F(cudnnStatus_t, cudnnBackendCreateDescriptor, (cudnnBackendDescriptorType_t type, cudnnBackendDescriptor_t *descriptor))          \
  F(cudnnStatus_t, cudnnBackendDestroyDescriptor, (cudnnBackendDescriptor_t descriptor))                                             \
  F(cudnnStatus_t, cudnnBackendFinalize, (cudnnBackendDescriptor_t descriptor))                                                      \
  F(cudnnStatus_t, cudnnBackendSetAttribute,                                                                                         \
    (cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t count,         \
     const void *values))                                                                                                            \
  F(cudnnStatus_t, cudnnBackendGetAttribute,                                                                                         \
    (cudnnBackendDescriptor_t const descriptor, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,                  \
     int64_t requested, int64_t *count, void *values))                                                                               \
  F(cudnnStatus_t, cudnnBackendExecute, (cudnnHandle_t handle, cudnnBackendDescriptor_t plan, cudnnBackendDescriptor_t pack))        \
  F(cudnnStatus_t, cudnnCreateTensorDescriptor, (cudnnTensorDescriptor_t * descriptor))                                              \
  F(cudnnStatus_t, cudnnDestroyTensorDescriptor, (cudnnTensorDescriptor_t descriptor))                                               \
  F(cudnnStatus_t, cudnnSetTensorNdDescriptor,                                                                                       \
    (cudnnTensorDescriptor_t descriptor, cudnnDataType_t type, int n, const int dims[], const int strides[]))                        \
  F(cudnnStatus_t, cudnnSoftmaxForward,                                                                                              \
    (cudnnHandle_t handle, cudnnSoftmaxAlgorithm_t algorithm, cudnnSoftmaxMode_t mode, const void *alpha,                            \
     const cudnnTensorDescriptor_t xdesc, const void *x, const void *beta, const cudnnTensorDescriptor_t ydesc, void *y))            \
  F(cudnnStatus_t, cudnnSoftmaxBackward,                                                                                             \
    (cudnnHandle_t handle, cudnnSoftmaxAlgorithm_t algorithm, cudnnSoftmaxMode_t mode, const void *alpha,                            \
     const cudnnTensorDescriptor_t ydesc, const void *y, const cudnnTensorDescriptor_t dydesc, const void *dy, const void *beta,     \
     const cudnnTensorDescriptor_t dxdesc, void *dx))

typedef struct {
  SK_CUDNN_FUNCTIONS(SK_POINTER, SK_POINTER)
} sk_cudnn_table;

#endif
