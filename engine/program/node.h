// What a builder call says: an op, its input values, attributes and tensors. Nothing here is trusted.
#pragma once
#include <cstddef>
#include <cstdint>

#include "ops/op.h"
#include "ops/wconv.h"

namespace xnorkit {

// vectors, hashed: float32 weights of a form that an op runs as it is (codecs/forms.h).
enum class TensorType : uint8_t { bits, i8, i32, f32, bf16, vectors, hashed };

// Memory of one tensor; it must live until Builder::build returns. bits: `elements` counts bytes of flat LSB-first
// bits. vectors, hashed: `data` is a VectorWeight or HashedWeight, `elements` those of the weight.
struct Tensor {
  const void* data = nullptr;
  TensorType type = TensorType::f32;
  int64_t elements = 0;

  template <class T>
  const T* as() const {
    return static_cast<const T*>(data);
  }
};

enum class Role : uint8_t { weight, bias, scale, threshold, flip, slope };
inline constexpr int kRoles = 6;
inline constexpr const char* kRoleNames[kRoles] = {"weight", "bias", "scale", "threshold", "flip", "slope"};

enum class Attribute : uint8_t {
  kernel,
  stride,
  padding,
  dilation,
  out_channels,
  groups,
  pad_value,
  out_features,
  count_include_pad,
  planes,
  levels,
  activation_bits,
  activation_levels,
  begin,
  segment
};
inline constexpr int kAttributes = 15;
inline constexpr const char* kAttributeNames[kAttributes] = {"kernel",
                                                             "stride",
                                                             "padding",
                                                             "dilation",
                                                             "out_channels",
                                                             "groups",
                                                             "pad_value",
                                                             "out_features",
                                                             "count_include_pad",
                                                             "planes",
                                                             "levels",
                                                             "activation_bits",
                                                             "activation_levels",
                                                             "begin",
                                                             "segment"};

using ValueId = int32_t;
inline constexpr int kMaxInputs = 2;

struct Node {
  const struct OpRow* row = nullptr;
  ValueId inputs[kMaxInputs] = {-1, -1};
  Window window{};
  int32_t outputs = 0;  // out_channels or out_features
  int32_t groups = 1;
  int32_t begin = 0;
  int32_t segment = 0;
  int32_t pad_value = 0;
  bool count_include_pad = true;
  FewBits few_bits{};
  Tensor tensors[kRoles] = {};

  const Tensor& tensor(Role role) const { return tensors[static_cast<int>(role)]; }
};

}  // namespace xnorkit
