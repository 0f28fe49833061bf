#include "ops/wconv.h"

#include "ops/wconv_codes.h"

namespace xnorkit {
namespace {

Status make(const char* where, const ConvShape& g, bool dense, const FewBits& bits, const uint8_t* weight,
            int64_t weight_bytes, const Epilogue& epilogue, Isa isa, OpPtr* out) {
  if (Status s = check_few_bits(where, g.input, bits); !s.ok()) return s;
  if (weight == nullptr) return Status::error(Code::graph, "[%s] weight: got null, expected an array", where);
  const int64_t elements = g.weights() * bits.planes;
  if (weight_bytes != (elements + 7) / 8) {
    return Status::error(Code::shape, "[%s] weight bytes: got %lld, expected %lld", where,
                         static_cast<long long>(weight_bytes), static_cast<long long>((elements + 7) / 8));
  }
  if (elements % 8 != 0 && weight[weight_bytes - 1] >> (elements % 8) != 0) {
    return Status::error(Code::range, "[%s] weight: got non-zero bits after the last weight, expected 0", where);
  }
  if (g.input.dtype == DType::f32) {
    if (epilogue.kind != Epilogue::Kind::none) {
      return Status::error(Code::dtype, "[%s] epilogue: got one on float32 sums, expected none", where);
    }
    return make_sign_conv(where, g, dense, bits, weight, isa, out);
  }
  const int64_t bound = g.depth * bits.largest_weight() * bits.largest_code();
  if (bound > INT32_MAX) {
    return Status::error(Code::limit, "[%s] largest possible accumulator: got %lld, expected at most %d", where,
                         static_cast<long long>(bound), INT32_MAX);
  }
  return make_code_conv(where, g, dense, bits, weight, epilogue, isa, out);
}

}  // namespace

Status check_few_bits(const char* where, const ValueType& input, const FewBits& bits) {
  if (input.dtype != DType::u8 && input.dtype != DType::f32) {
    return Status::error(Code::dtype, "[%s] input: expected u8 or f32", where);
  }
  if (bits.planes < 1 || bits.planes > kMaxPlanes || bits.activation_bits < 1 || bits.activation_bits > 8) {
    return Status::error(Code::range, "[%s] bits: got %d planes and %d activation bits, expected 1..%d and 1..8", where,
                         bits.planes, bits.activation_bits, kMaxPlanes);
  }
  if (bits.ternary && bits.planes != 2) {
    return Status::error(Code::shape, "[%s] planes: got %d, expected 2 for ternary levels", where, bits.planes);
  }
  if (input.dtype == DType::f32 && (bits.activation_bits != 8 || bits.signed_codes)) {
    return Status::error(Code::shape, "[%s] activation codes: got %d bits, expected the defaults on f32", where,
                         bits.activation_bits);
  }
  return {};
}

Status make_wconv2d(const ValueType& input, const Window& window, int32_t out_channels, int32_t groups,
                    const FewBits& bits, const uint8_t* weight, int64_t weight_bytes, const Epilogue& epilogue, Isa isa,
                    OpPtr* out) {
  ConvShape g;
  if (Status s = conv_shape("wconv2d", input, window, out_channels, groups, &g); !s.ok()) return s;
  return make("wconv2d", g, false, bits, weight, weight_bytes, epilogue, isa, out);
}

Status make_wdense(const ValueType& input, int32_t out_features, const FewBits& bits, const uint8_t* weight,
                   int64_t weight_bytes, const Epilogue& epilogue, Isa isa, OpPtr* out) {
  ConvShape g;
  if (Status s = dense_shape("wdense", input, out_features, &g); !s.ok()) return s;
  return make("wdense", g, true, bits, weight, weight_bytes, epilogue, isa, out);
}

}  // namespace xnorkit
