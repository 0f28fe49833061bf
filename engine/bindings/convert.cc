#include "bindings/convert.h"

#include <nanobind/stl/vector.h>

#include <cstring>

namespace xnorkit {
namespace {

constexpr const char* kDTypeNames[] = {"u8", "i32", "f32", "bits"};

int32_t narrow(const char* where, int64_t value) {
  if (value < INT32_MIN || value > INT32_MAX) {
    throw Failure{
        Status::error(Code::range, "[%s] integer: got %lld, expected 32 bits", where, static_cast<long long>(value))};
  }
  return static_cast<int32_t>(value);
}

// `count` integers: one Python int, or a sequence of them.
void read_integers(const char* name, nb::handle value, int32_t* to, size_t count) {
  std::vector<int64_t> numbers;
  int64_t single = 0;
  const bool ok = count == 1 ? nb::try_cast(value, single) : nb::try_cast(value, numbers);
  if (count == 1) numbers.push_back(single);
  if (!ok || numbers.size() != count) {
    throw Failure{Status::error(Code::graph, "[builder] attribute %s: expected %zu integers", name, count)};
  }
  for (size_t i = 0; i < count; ++i) to[i] = narrow(name, numbers[i]);
}

// One of two words; true for the second.
bool read_choice(const char* name, nb::handle value, const char* first, const char* second) {
  std::string word;
  if (nb::try_cast(value, word) && (word == first || word == second)) return word == second;
  throw Failure{Status::error(Code::graph, "[builder] attribute %s: expected %s or %s", name, first, second)};
}

void read_attribute(Attribute attribute, const char* name, nb::handle value, Node& node) {
  int32_t v[4];
  Window& w = node.window;
  switch (attribute) {
    case Attribute::kernel:
      read_integers(name, value, v, 2);
      w.kernel_h = v[0], w.kernel_w = v[1];
      return;
    case Attribute::stride:
      read_integers(name, value, v, 2);
      w.stride_h = v[0], w.stride_w = v[1];
      return;
    case Attribute::dilation:
      read_integers(name, value, v, 2);
      w.dilation_h = v[0], w.dilation_w = v[1];
      return;
    case Attribute::padding:
      read_integers(name, value, v, 4);
      w.pad_top = v[0], w.pad_left = v[1], w.pad_bottom = v[2], w.pad_right = v[3];
      return;
    case Attribute::out_channels:
    case Attribute::out_features: read_integers(name, value, &node.outputs, 1); return;
    case Attribute::groups: read_integers(name, value, &node.groups, 1); return;
    case Attribute::segment: read_integers(name, value, &node.segment, 1); return;
    case Attribute::begin: read_integers(name, value, &node.begin, 1); return;
    case Attribute::pad_value: read_integers(name, value, &node.pad_value, 1); return;
    case Attribute::planes: read_integers(name, value, &node.few_bits.planes, 1); return;
    case Attribute::levels: node.few_bits.ternary = read_choice(name, value, "sum", "ternary"); return;
    case Attribute::activation_bits: read_integers(name, value, &node.few_bits.activation_bits, 1); return;
    case Attribute::activation_levels:
      node.few_bits.signed_codes = read_choice(name, value, "unsigned", "signed");
      return;
    case Attribute::count_include_pad:
      if (!nb::try_cast(value, node.count_include_pad)) {
        throw Failure{Status::error(Code::graph, "[builder] attribute %s: expected true or false", name)};
      }
      return;
  }
}

struct ElementKind {
  uint8_t code;
  uint8_t bits;
  TensorType type;
};

constexpr ElementKind kElementKinds[] = {
    {static_cast<uint8_t>(nb::dlpack::dtype_code::UInt), 8, TensorType::bits},
    {static_cast<uint8_t>(nb::dlpack::dtype_code::Int), 8, TensorType::i8},
    {static_cast<uint8_t>(nb::dlpack::dtype_code::Int), 32, TensorType::i32},
    {static_cast<uint8_t>(nb::dlpack::dtype_code::Float), 32, TensorType::f32},
    {static_cast<uint8_t>(nb::dlpack::dtype_code::UInt), 16, TensorType::bf16},
};

bool aligned(const void* data, size_t bytes) { return reinterpret_cast<uintptr_t>(data) % bytes == 0; }

Tensor to_tensor(const char* role, const Array& array) {
  static constexpr uint8_t kNothing = 0;
  for (const ElementKind& kind : kElementKinds) {
    if (array.dtype() != nb::dlpack::dtype{kind.code, kind.bits, 1}) continue;
    if (!aligned(array.data(), kind.bits / 8)) break;
    const void* data = array.size() == 0 ? &kNothing : array.data();  // null would mean "no tensor"
    return {data, kind.type, static_cast<int64_t>(array.size())};
  }
  throw Failure{Status::error(Code::dtype,
                              "[builder] tensor %s: expected aligned uint8 (bits), int8, int32, float32 or "
                              "uint16 (bfloat16)",
                              role)};
}

// (codec, shape, attrs, parts)
Tensor to_form(const nb::tuple& told, std::deque<Form>& forms) {
  std::string codec;
  std::vector<int64_t> shape;
  nb::dict attrs, parts;
  if (told.size() != 4 || !nb::try_cast(told[0], codec) || !nb::try_cast(told[1], shape) ||
      !nb::try_cast(told[2], attrs) || !nb::try_cast(told[3], parts)) {
    throw Failure{Status::error(Code::graph, "[builder] coded weight: expected (codec, shape, attrs, parts)")};
  }
  const CodedWeight coded = coded_from_python(codec, shape, attrs, parts);
  Form& form = forms.emplace_back();
  if (coded.codec == Codec::vector) {
    require(open_vectors(coded, &form.vectors));
    return {&form.vectors, TensorType::vectors, coded.size};
  }
  require(open_hashed(coded, &form.hashed));
  return {&form.hashed, TensorType::hashed, coded.size};
}

template <size_t N>
int find_name(const char* const (&names)[N], const char* name) {
  for (size_t i = 0; i < N; ++i)
    if (strcmp(names[i], name) == 0) return static_cast<int>(i);
  return -1;
}

}  // namespace

const char* dtype_name(DType dtype) { return kDTypeNames[static_cast<int>(dtype)]; }

nb::tuple type_to_python(const ValueType& type) {
  return nb::make_tuple(dtype_name(type.dtype), nb::make_tuple(type.h, type.w, type.c));
}

ValueType type_from_python(const std::string& dtype, const std::vector<int64_t>& shape) {
  const int index = find_name(kDTypeNames, dtype.c_str());
  if (index < 0) {
    throw Failure{Status::error(Code::dtype, "[input] element type: got %.32s, expected u8 or f32", dtype.c_str())};
  }
  if (shape.size() != 3) {
    throw Failure{Status::error(Code::shape, "[input] shape: got %zu sizes, expected (H, W, C)", shape.size())};
  }
  return {static_cast<DType>(index), narrow("input", shape[0]), narrow("input", shape[1]), narrow("input", shape[2])};
}

void read_attributes(const nb::dict& attributes, Node& node) {
  for (const auto& [key, value] : attributes) {
    const std::string name = nb::cast<std::string>(key);
    const int index = find_name(kAttributeNames, name.c_str());
    if (index < 0 || !node.row->has(static_cast<Attribute>(index))) {
      throw Failure{Status::error(Code::graph, "[%s] attribute: got %.32s, which the op does not have", node.row->name,
                                  name.c_str())};
    }
    read_attribute(static_cast<Attribute>(index), name.c_str(), value, node);
  }
}

void read_tensors(const nb::dict& tensors, Node& node, std::deque<Form>& forms) {
  for (const auto& [key, value] : tensors) {
    const std::string name = nb::cast<std::string>(key);
    const int index = find_name(kRoleNames, name.c_str());
    if (index < 0) {
      throw Failure{Status::error(Code::graph, "[%s] tensor: got %.32s, which the op does not have", node.row->name,
                                  name.c_str())};
    }
    if (nb::isinstance<nb::tuple>(value)) {
      node.tensors[index] = to_form(nb::cast<nb::tuple>(value), forms);
      continue;
    }
    Array array;
    if (!nb::try_cast(value, array, false)) {
      throw Failure{
          Status::error(Code::dtype, "[%s] tensor %s: expected a C-contiguous array", node.row->name, name.c_str())};
    }
    node.tensors[index] = to_tensor(name.c_str(), array);
  }
}

void check_array(const char* where, const ValueType& type, int64_t batch, nb::dlpack::dtype dtype, size_t ndim,
                 const int64_t* shape, const void* data) {
  using Kind = nb::dlpack::dtype_code;
  const Kind kind = type.dtype == DType::i32 ? Kind::Int : type.dtype == DType::f32 ? Kind::Float : Kind::UInt;
  const uint8_t bits = kind == Kind::UInt ? 8 : 32;
  if (dtype != nb::dlpack::dtype{static_cast<uint8_t>(kind), bits, 1} || !aligned(data, bits / 8)) {
    throw Failure{
        Status::error(Code::dtype, "[%s] array: expected aligned elements of %s", where, dtype_name(type.dtype))};
  }
  const int64_t last = type.dtype == DType::bits ? static_cast<int64_t>(type.row_bytes()) : type.c;
  const int64_t expected[] = {batch, type.h, type.w, last};
  if (ndim != 4 || !std::equal(expected, expected + 4, shape)) {
    throw Failure{Status::error(Code::shape, "[%s] array: expected (%lld, %d, %d, %lld)", where,
                                static_cast<long long>(batch), type.h, type.w, static_cast<long long>(last))};
  }
}

}  // namespace xnorkit
