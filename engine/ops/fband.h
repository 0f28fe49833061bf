// Float convolution whose kernel rows are runs of the picture (ungrouped, undilated along w), row by row of output.
#pragma once
#include "kernels/fgemm/fgemm.h"
#include "ops/op.h"
#include "ops/window_geometry.h"

namespace xnorkit {

// Whether make_band_conv2d takes this shape on this kernel.
bool band_conv2d_fits(const ConvShape& g, const FgemmKernel& kernel);

// g, weight and bias are checked by the caller. XK_LIMIT when memory is refused.
Status make_band_conv2d(const char* name, const ConvShape& g, const FgemmKernel& kernel, const float* weight,
                        const float* bias, OpPtr* out);

}  // namespace xnorkit
