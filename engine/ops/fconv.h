// Convolution and matrix product in float32, in the fixed order of additions of kernels/fgemm.
#pragma once
#include "base/cpu.h"
#include "ops/op.h"

namespace xnorkit {

// weight: (O, kH, kW, C/groups), `weights` elements; bias: O elements or null. Output f32 (Ho, Wo, O).
// XK_DTYPE input not f32; XK_RANGE, XK_SHAPE, XK_LIMIT as ops/window_geometry.h, XK_SHAPE also for `weights`;
// XK_GRAPH null weight.
Status make_conv2d(const ValueType& input, const Window& window, int32_t out_channels, int32_t groups,
                   const float* weight, int64_t weights, const float* bias, Isa isa, OpPtr* out);

// weight: (O, C). Input f32 (1, 1, C), output f32 (1, 1, O). Errors as make_conv2d.
Status make_dense(const ValueType& input, int32_t out_features, const float* weight, int64_t weights, const float* bias,
                  Isa isa, OpPtr* out);

}  // namespace xnorkit
