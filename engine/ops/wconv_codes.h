// The two halves of wconv.h, by the input's element type.
#pragma once
#include "ops/wconv.h"
#include "ops/window_geometry.h"

namespace xnorkit {

Status make_code_conv(const char* name, const ConvShape& geometry, bool dense, const FewBits& bits,
                      const uint8_t* weight, const Epilogue& epilogue, Isa isa, OpPtr* out);
Status make_sign_conv(const char* name, const ConvShape& geometry, bool dense, const FewBits& bits,
                      const uint8_t* weight, Isa isa, OpPtr* out);

}  // namespace xnorkit
