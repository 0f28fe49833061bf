// Two values of one element type, one behind the other along channels.
#pragma once
#include "ops/op.h"

namespace xnorkit {

// (H, W, C1) and (H, W, C2) to (H, W, C1 + C2). XK_SHAPE another size or element type, XK_LIMIT too many elements.
Status concat_output(const ValueType& first, const ValueType& second, ValueType* out);

// Two inputs of these types. Bits join inside a byte where C1 is no multiple of 8. Errors as concat_output.
Status make_concat(const ValueType& first, const ValueType& second, OpPtr* out);

}  // namespace xnorkit
