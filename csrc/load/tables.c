/* One table for each library. */
#include "cuda.h"
#include "cudnn.h"
#include "cupti.h"
#include "fill.h"
#include "nccl.h"
#include "nvrtc.h"

SK_LIBRARY(sk_cuda, SK_CUDA_FUNCTIONS);
SK_LIBRARY(sk_cudnn, SK_CUDNN_FUNCTIONS);
SK_LIBRARY(sk_cupti, SK_CUPTI_FUNCTIONS);
SK_LIBRARY(sk_nccl, SK_NCCL_FUNCTIONS);
SK_LIBRARY(sk_nvrtc, SK_NVRTC_FUNCTIONS);
