// Max, average and global average pooling.
#pragma once
#include "base/cpu.h"
#include "ops/op.h"

namespace xnorkit {

// u8, i32, f32 or bits; flip only with bits: ceil(C / 8) bytes with clear tail bits, or null. Padding never wins and is
// less than the kernel; no dilation. XK_SHAPE, XK_RANGE, XK_LIMIT as window_output; XK_SHAPE padding; XK_DTYPE a flip
// without bits; XK_RANGE dilation, flip's tail bits.
Status make_max_pool2d(const ValueType& input, const Window& window, const uint8_t* flip, Isa isa, OpPtr* out);

// f32: additions in (kh, kw) order, one division by kH * kW, or by the taps inside the picture. XK_DTYPE other inputs.
Status make_avg_pool2d(const ValueType& input, const Window& window, bool count_include_pad, Isa isa, OpPtr* out);

// f32 (H, W, C) -> (1, 1, C): additions in (h, w) order, one division by H * W.
Status make_global_avg_pool2d(const ValueType& input, Isa isa, OpPtr* out);

}  // namespace xnorkit
