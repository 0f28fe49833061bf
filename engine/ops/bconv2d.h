// Binary x binary convolution with a fused epilogue.
//
//   acc[n, y, x, o] = sum over ky, kx, c of  a * w,   a and w in {-1, +1}
//   a = input at (y * stride_h + ky * dilation_h - pad_top, x * stride_w + kx * dilation_w - pad_left), channel
//       g * C/groups + c where g is o's group; pad_value where that lies outside the picture
#pragma once
#include "base/cpu.h"
#include "ops/op.h"

namespace xnorkit {

// input:   bits (H, W, C)
// weight:  flat LSB-first bits, bit 1 = -1, of the canonical order (O, kH, kW, C/groups); only the very end is padded
//          to a byte, with 0 bits; weight_bytes = ceil(O * kH * kW * C/groups / 8)
// output:  (Ho, Wo, O), i32 / bits / f32 as the epilogue says
// isa:     highest level whose kernels may be chosen
//
// Errors: XK_DTYPE input not bits; XK_SHAPE channels not multiples of groups, window wider than the padded input,
// weight_bytes; XK_RANGE sizes outside 1..65535, pad_value not in {-1, 0, 1}, non-zero tail bits; XK_LIMIT 2^31 or more
// elements, memory refused; XK_GRAPH null pointers.
Status make_bconv2d(const ValueType& input, const Window& window, int32_t out_channels, int32_t groups,
                    int32_t pad_value, const uint8_t* weight, size_t weight_bytes, const Epilogue& epilogue, Isa isa,
                    OpPtr* out);

}  // namespace xnorkit
