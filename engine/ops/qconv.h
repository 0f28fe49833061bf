// uint8 pixels (or -1/+1 bits) times int8 weights in -127..127, exact in int32, with a fused epilogue. Zero padding.
#pragma once
#include "base/cpu.h"
#include "ops/op.h"

namespace xnorkit {

// weight: (O, kH, kW, C/groups), `weights` elements. Input u8. Output (Ho, Wo, O), i32 / bits / f32 as the epilogue
// says. XK_DTYPE input; XK_RANGE a weight of -128, sizes, flip's tail bits; XK_SHAPE window, groups, `weights`;
// XK_GRAPH null arrays; XK_LIMIT elements, memory, or a depth whose sum might leave int32 (depth * 255 * 127 > 2^31 -
// 1).
Status make_qconv2d(const ValueType& input, const Window& window, int32_t out_channels, int32_t groups,
                    const int8_t* weight, int64_t weights, const Epilogue& epilogue, Isa isa, OpPtr* out);

// weight: (O, C). Input u8 or bits (1, 1, C), output (1, 1, O). Errors as make_qconv2d.
Status make_qdense(const ValueType& input, int32_t out_features, const int8_t* weight, int64_t weights,
                   const Epilogue& epilogue, Isa isa, OpPtr* out);

}  // namespace xnorkit
