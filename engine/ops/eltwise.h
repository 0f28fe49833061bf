// Ops that map each value alone, per channel, and the residual add.
#pragma once
#include "base/cpu.h"
#include "kernels/eltwise/eltwise.h"
#include "ops/op.h"

namespace xnorkit {

// The fastest kernel of an op up to `isa`.
const EltwiseKernel* select_eltwise(Eltwise op, Isa isa);

// All raise XK_SHAPE or XK_LIMIT for a bad value type, XK_DTYPE for an element type the op does not accept, XK_GRAPH
// for a null array, XK_LIMIT when memory is refused. Arrays are copied.

// f32 -> bits.
Status make_sign(const ValueType& input, Isa isa, OpPtr* out);
// i32 -> bits; threshold (C), flip ceil(C / 8) bytes with clear tail bits (else XK_RANGE).
Status make_threshold(const ValueType& input, const int32_t* threshold, const uint8_t* flip, Isa isa, OpPtr* out);
// u8, i32, f32 or bits -> f32; scale, bias (C).
Status make_affine(const ValueType& input, const float* scale, const float* bias, Isa isa, OpPtr* out);
// i32 or f32 (H, W, C), f32 (H, W, 1) -> f32: fl(float(x) * factor[h, w]). The output's type, XK_SHAPE for another
// factor.
Status scale_map_output(const ValueType& input, const ValueType& factor, ValueType* out);
Status make_scale_map(const ValueType& input, const ValueType& factor, Isa isa, OpPtr* out);
// f32 -> f32; slope (C).
Status make_prelu(const ValueType& input, const float* slope, Isa isa, OpPtr* out);
// f32 -> f32: add (two inputs of this type), relu, hardtanh, tanh, sigmoid.
Status make_pointwise(Eltwise op, const ValueType& input, Isa isa, OpPtr* out);

}  // namespace xnorkit
