// `dense`, and `conv2d` of kernels of one pixel, on weights of a form, as they are: rows of few different vectors by
// tables, hashed ones without the matrix; and with sums by segments. The same bits as on the decoded weight.
#pragma once
#include "base/cpu.h"
#include "codecs/forms.h"
#include "ops/op.h"

namespace xnorkit {

// Input f32 (H, W, C), output f32 (H, W, O), pixel by pixel; C = segments * width, O = rows; bias: O elements or null.
// XK_DTYPE input not f32; XK_SHAPE sizes that do not fit; XK_GRAPH null values; XK_LIMIT.
Status make_lookup(const char* where, const ValueType& input, int32_t out_features, const VectorWeight& weight,
                   const float* bias, Isa isa, OpPtr* out);

// Errors as make_lookup; XK_SHAPE also 2^32 weights or more.
Status make_hashed_dense(const ValueType& input, int32_t out_features, const HashedWeight& weight, const float* bias,
                         Isa isa, OpPtr* out);

// weight: (O, C), `weights` elements; the sums of `segment` inputs each are formed alone. XK_SHAPE also where C is no
// multiple of it. Errors as make_dense.
Status make_segmented(const char* where, const ValueType& input, int32_t out_features, int32_t segment,
                      const float* weight, int64_t weights, const float* bias, Isa isa, OpPtr* out);

}  // namespace xnorkit
