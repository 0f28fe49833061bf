// Binary x binary matrix product with a fused epilogue: acc[n, o] = sum over c of a[n, c] * w[o, c], all in {-1, +1}.
#pragma once
#include "base/cpu.h"
#include "ops/op.h"

namespace xnorkit {

// input:   bits (1, 1, C)
// weight:  flat LSB-first bits, bit 1 = -1, of the canonical order (O, C); only the very end is padded to a byte, with
//          0 bits; weight_bytes = ceil(O * C / 8)
// output:  (1, 1, O), i32 / bits / f32 as the epilogue says
// isa:     highest level whose kernels may be chosen
//
// Errors: as make_bconv2d; XK_SHAPE when the input is not (1, 1, C). Here C may reach 2^31 - 1 (a flattened map).
Status make_bdense(const ValueType& input, int32_t out_features, const uint8_t* weight, size_t weight_bytes,
                   const Epilogue& epilogue, Isa isa, OpPtr* out);

}  // namespace xnorkit
