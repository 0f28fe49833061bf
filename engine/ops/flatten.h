// (H, W, C) to (1, 1, H * W * C), channels innermost.
#pragma once
#include "ops/op.h"

namespace xnorkit {

// True when the flat row has the same bytes as the picture, so that a program may alias them: all but bits whose rows
// end inside a byte.
bool flatten_keeps_bytes(const ValueType& input);

// XK_SHAPE, XK_LIMIT for a bad value type.
Status make_flatten(const ValueType& input, OpPtr* out);

}  // namespace xnorkit
