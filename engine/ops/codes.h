// Ops that make uint8 codes 0 .. 2^bits - 1, the inputs of wconv2d. src/xnorkit/reference/codes.py is the law.
#pragma once
#include "ops/op.h"

namespace xnorkit {

// XK_DTYPE input; XK_SHAPE, XK_LIMIT value; XK_RANGE bits outside 1..8, flip's tail bits; XK_GRAPH null arrays;
// XK_LIMIT memory. Arrays are copied.

// i32 -> u8; threshold (C, 2^bits - 1), flip ceil(C / 8) bytes.
Status make_multithreshold(const ValueType& input, int32_t bits, const int32_t* threshold, const uint8_t* flip,
                           OpPtr* out);
// f32 -> u8; scale, bias (C).
Status make_quantize(const ValueType& input, int32_t bits, const float* scale, const float* bias, OpPtr* out);

}  // namespace xnorkit
