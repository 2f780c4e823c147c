#include "calls.h"
#include "kernels.h"
#include "nvrtc_calls.h"

const sk_cuda_table *sk_cuda;
const sk_nvrtc_table *sk_nvrtc;
