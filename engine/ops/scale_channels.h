// A picture whose channels are each multiplied by a number of the same image: what a squeeze-and-excitation gate does.
#pragma once
#include "ops/op.h"

namespace xnorkit {

// f32 (H, W, C), f32 (1, 1, C) -> f32: fl(x * factor[c]). The output's type; XK_DTYPE another element type, XK_SHAPE
// another factor.
Status scale_channels_output(const ValueType& input, const ValueType& factor, ValueType* out);

// Two inputs of these types. Errors as scale_channels_output, XK_SHAPE or XK_LIMIT for a bad value type.
Status make_scale_channels(const ValueType& input, const ValueType& factor, OpPtr* out);

}  // namespace xnorkit
