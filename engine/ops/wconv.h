// Few-bit weights (planes of signs) on uint8 codes, exact in int32 with a fused epilogue, or on float32.
// src/xnorkit/reference/wbits.py is the law.
#pragma once
#include "base/cpu.h"
#include "ops/op.h"

namespace xnorkit {

inline constexpr int32_t kMaxPlanes = 4;

// levels "sum": w = sum of 2^i s_i. ternary: w = (s_0 + s_1) / 2, two planes. Codes of u8 inputs: q = min(x, 2^a - 1),
// worth q, or 2q - (2^a - 1) when signed_codes. f32 inputs have the defaults.
struct FewBits {
  int32_t planes = 1;
  bool ternary = false;
  int32_t activation_bits = 8;
  bool signed_codes = false;

  int32_t largest_weight() const { return ternary ? 1 : (1 << planes) - 1; }
  int32_t largest_code() const { return (1 << activation_bits) - 1; }
};

// XK_RANGE planes or bits outside 1..4 and 1..8, or codes on f32; XK_SHAPE ternary without two planes.
Status check_few_bits(const char* where, const ValueType& input, const FewBits& bits);

// weight: (P, O, kH, kW, C/groups) flat bits, `weight_bytes` of them. Input u8: output i32 / bits / f32 as the epilogue
// says. Input f32: output f32, no epilogue. XK_DTYPE input; XK_RANGE sizes, tail bits; XK_SHAPE window, groups,
// `weight_bytes`; XK_GRAPH null arrays; XK_LIMIT elements, memory, or a sum that might leave int32.
Status make_wconv2d(const ValueType& input, const Window& window, int32_t out_channels, int32_t groups,
                    const FewBits& bits, const uint8_t* weight, int64_t weight_bytes, const Epilogue& epilogue, Isa isa,
                    OpPtr* out);

// weight: (P, O, C). Input (1, 1, C), output (1, 1, O). Errors as make_wconv2d.
Status make_wdense(const ValueType& input, int32_t out_features, const FewBits& bits, const uint8_t* weight,
                   int64_t weight_bytes, const Epilogue& epilogue, Isa isa, OpPtr* out);

}  // namespace xnorkit
