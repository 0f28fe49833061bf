// uint8 x int8 convolution whose kernel rows are runs of the picture (ungrouped, undilated along w): rows are widened
// to 16 bits once, padding included, and serve all windows.
#pragma once
#include "kernels/qgemm/qgemm.h"
#include "ops/op.h"
#include "ops/window_geometry.h"

namespace xnorkit {

// Whether make_band_qconv2d takes this shape on this kernel.
bool band_qconv2d_fits(const ConvShape& g, const QgemmKernel& kernel);

// g and weight are checked by the caller. Errors as ChannelEpilogue::create, XK_LIMIT when memory is refused.
Status make_band_qconv2d(const ConvShape& g, const QgemmKernel& kernel, const int8_t* weight, const Epilogue& epilogue,
                         Isa isa, OpPtr* out);

}  // namespace xnorkit
