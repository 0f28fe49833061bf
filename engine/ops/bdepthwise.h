// Binary convolution of groups of 1, 2, 4 or 8 channels with as many outputs: a case of make_bconv2d.
#pragma once
#include "ops/bconv2d_plan.h"

namespace xnorkit {

// Whether make_bdepthwise takes the convolution; else its groups run as panels.
bool is_bdepthwise(const ConvGeometry& geometry, int32_t groups, int32_t out_channels);

// Arguments as make_bconv2d's, the geometry checked and is_bdepthwise. Errors: XK_GRAPH, XK_SHAPE, XK_RANGE, XK_LIMIT.
Status make_bdepthwise(const ConvGeometry& geometry, int32_t groups, int32_t pad_value, const uint8_t* weight,
                       size_t weight_bytes, const Epilogue& epilogue, Isa isa, OpPtr* out);

}  // namespace xnorkit
