// Dense layers on float inputs with narrow weights: bfloat16, or int8 with a scale per output. kernels/fgemm/narrow.h
// has the order of roundings.
#pragma once
#include "base/cpu.h"
#include "ops/op.h"

namespace xnorkit {

// weight: (O, C), `weights` elements, the upper halves of float32; bias: O elements or null. Input f32 (1, 1, C),
// output f32 (1, 1, O). XK_DTYPE input not f32; XK_SHAPE any other input, `weights`; XK_GRAPH null weight; XK_RANGE,
// XK_LIMIT.
Status make_dense_bf16(const ValueType& input, int32_t out_features, const uint16_t* weight, int64_t weights,
                       const float* bias, Isa isa, OpPtr* out);

// The same with weights in -127..127 (else XK_RANGE) and scale: O elements (null: XK_GRAPH).
Status make_dense_i8(const ValueType& input, int32_t out_features, const int8_t* weight, int64_t weights,
                     const float* scale, const float* bias, Isa isa, OpPtr* out);

}  // namespace xnorkit
