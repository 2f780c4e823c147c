// isa_kernel.h: the table of everything that is compiled once for each instruction set.
#ifndef SK_ISA_KERNEL_H
#define SK_ISA_KERNEL_H
#include "conv_gemm_kernel.h"
#include "conv_stage_kernel.h"
#include "conv_strassen_kernel.h"
#include "conv_transform_kernel.h"
#include "conv_weight_gradient_kernel.h"
#include "conv_winograd_kernel.h"
#include "correlate_kernel.h"
#include "dispatch.h"
#include "gradsum_kernel.h"
#include "head_kernel.h"
#include "join_kernel.h"
#include "peak_kernel.h"
#include "sgd_kernel.h"

static const sk_conv_kernels conv_kernels = {
    .stage_x = stage_x,
    .stage_dy = stage_dy,
    .gemm = gemm,
    .weight_gradient = weight_gradient,
    .put_dx = put_dx,
    .merge = merge,
};

static const sk_conv_transform_kernels transform_kernels = {
    .algorithm =
        {
            [SK_WINOGRAD] = WINOGRAD_ALGORITHM(1),
            [SK_WINOGRAD_STRIDED] = WINOGRAD_ALGORITHM(2),
            [SK_STRASSEN] = STRASSEN_ALGORITHM,
        },
    .forward = transform_forward,
    .backward = transform_backward,
    .weight_gradient = transform_weight_gradient,
};

const sk_kernels SK_(sk_isa) = {
    .name = SK_ISA_NAME,
    .peak = peak,
    .triad = triad,
    .stats = image_stats,
    .sums = image_sums,
    .join = join_image,
    .correlate = correlate_image,
    .gradsum = gradsum_image,
    .sgd = sgd,
    .head_mean = head_mean,
    .head_spread = head_spread,
    .conv = &conv_kernels,
    .transform = &transform_kernels,
};
#endif
