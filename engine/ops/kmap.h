// XNOR-Net's K map.
#pragma once
#include "base/cpu.h"
#include "ops/op.h"

namespace xnorkit {

// f32 (H, W, C) -> f32 (Ho, Wo, 1): kernels/kmap/kmap.h's mean of magnitudes, then its mean over the window: additions
// from +0 in (kh, kw) order, padded taps being 0, one division by kH * kW. XK_DTYPE other inputs; XK_SHAPE, XK_RANGE,
// XK_LIMIT as window_output.
Status make_kmap(const ValueType& input, const Window& window, Isa isa, OpPtr* out);

}  // namespace xnorkit
