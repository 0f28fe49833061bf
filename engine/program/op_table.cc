#include "program/op_table.h"

#include <cstring>

#include "ops/bconv2d.h"
#include "ops/bdense.h"
#include "ops/codes.h"
#include "ops/concat.h"
#include "ops/eltwise.h"
#include "ops/fconv.h"
#include "ops/flatten.h"
#include "ops/formed.h"
#include "ops/kmap.h"
#include "ops/ndense.h"
#include "ops/pick_channels.h"
#include "ops/pool.h"
#include "ops/qconv.h"
#include "ops/scale_channels.h"
#include "ops/wconv.h"
#include "ops/window_geometry.h"

namespace xnorkit {
namespace {

using In = const ValueType*;

constexpr unsigned kU8 = 1, kI32 = 2, kF32 = 4, kBits = 8;

constexpr unsigned bits_of(std::initializer_list<Attribute> attributes) {
  unsigned set = 0;
  for (const Attribute a : attributes) set |= 1u << static_cast<int>(a);
  return set;
}
constexpr unsigned kPool = bits_of({Attribute::kernel, Attribute::stride, Attribute::padding});
constexpr unsigned kKmap = kPool | bits_of({Attribute::dilation});
constexpr unsigned kConv = kPool | bits_of({Attribute::dilation, Attribute::groups, Attribute::out_channels});
constexpr unsigned kPick = bits_of({Attribute::begin, Attribute::out_channels, Attribute::groups});
constexpr unsigned kDense = bits_of({Attribute::out_features});
constexpr unsigned kSegment = bits_of({Attribute::segment});
constexpr unsigned kCodes = bits_of({Attribute::activation_bits});
constexpr unsigned kFewBits = kCodes | bits_of({Attribute::planes, Attribute::levels, Attribute::activation_levels});

// Output types.

Status conv(In in, const Node& n, ValueType* out, DType dtype) {
  ConvShape g;
  if (Status s = conv_shape(n.row->name, in[0], n.window, n.outputs, n.groups, &g); !s.ok()) return s;
  *out = {dtype, g.out.h, g.out.w, n.outputs};
  return {};
}

Status dense(In in, const Node& n, ValueType* out, DType dtype) {
  ConvShape g;
  if (Status s = dense_shape(n.row->name, in[0], n.outputs, &g); !s.ok()) return s;
  *out = {dtype, 1, 1, n.outputs};
  return {};
}

Status conv_i32(In in, const Node& n, ValueType* out) { return conv(in, n, out, DType::i32); }
Status conv_f32(In in, const Node& n, ValueType* out) { return conv(in, n, out, DType::f32); }
Status dense_i32(In in, const Node& n, ValueType* out) { return dense(in, n, out, DType::i32); }
Status dense_f32(In in, const Node& n, ValueType* out) { return dense(in, n, out, DType::f32); }

// Float sums by segments, also of weights of a form: those of vectors have one vector a segment.
Status check_segment(In in, const Node& n) {
  const TensorType form = n.tensor(Role::weight).type;
  const int32_t own = form == TensorType::vectors  ? n.tensor(Role::weight).as<VectorWeight>()->width
                      : form == TensorType::hashed ? 0
                                                   : n.segment;
  if (n.segment < 0 || n.segment != own || (n.segment > 0 && in[0].c % n.segment != 0)) {
    return Status::error(Code::shape, "[%s] segment: got %d, expected 0 or a divisor of %d, that of the weight",
                         n.row->name, n.segment, in[0].c);
  }
  return {};
}
Status segmented_dense(In in, const Node& n, ValueType* out) {
  if (Status s = check_segment(in, n); !s.ok()) return s;
  return dense_f32(in, n, out);
}
Status segmented_conv(In in, const Node& n, ValueType* out) {
  if (Status s = check_segment(in, n); !s.ok()) return s;
  const Window& w = n.window;
  const bool pointwise = w.kernel_h == 1 && w.kernel_w == 1 && w.stride_h == 1 && w.stride_w == 1 && w.pad_top == 0 &&
                         w.pad_left == 0 && w.pad_bottom == 0 && w.pad_right == 0 && n.groups == 1;
  if ((n.segment > 0 && !pointwise) || n.tensor(Role::weight).type == TensorType::hashed) {
    return Status::error(Code::shape, "[conv2d] segments or a form: expected a kernel of one pixel, and no hashes");
  }
  return conv_f32(in, n, out);
}

Status few_bits(In in, const Node& n, Status made, ValueType* out) {
  if (!made.ok()) return made;
  out->dtype = in[0].dtype == DType::f32 ? DType::f32 : DType::i32;
  return check_few_bits(n.row->name, in[0], n.few_bits);
}
Status few_bits_conv(In in, const Node& n, ValueType* out) {
  return few_bits(in, n, conv(in, n, out, DType::i32), out);
}
Status few_bits_dense(In in, const Node& n, ValueType* out) {
  return few_bits(in, n, dense(in, n, out, DType::i32), out);
}

Status as_u8(In in, const Node& n, ValueType* out) {
  *out = {DType::u8, in[0].h, in[0].w, in[0].c};
  const int32_t bits = n.few_bits.activation_bits;
  if (bits >= 1 && bits <= 8) return {};
  return Status::error(Code::range, "[%s] activation bits: got %d, expected 1..8", n.row->name, bits);
}

Status same(In in, const Node&, ValueType* out) {
  *out = in[0];
  return {};
}

Status as_bits(In in, const Node&, ValueType* out) {
  *out = {DType::bits, in[0].h, in[0].w, in[0].c};
  return {};
}

Status as_f32(In in, const Node&, ValueType* out) {
  *out = {DType::f32, in[0].h, in[0].w, in[0].c};
  return {};
}

Status sum(In in, const Node&, ValueType* out) {
  if (in[0].h != in[1].h || in[0].w != in[1].w || in[0].c != in[1].c) {
    return Status::error(Code::shape, "[add] shapes: got (%d, %d, %d), expected (%d, %d, %d)", in[1].h, in[1].w,
                         in[1].c, in[0].h, in[0].w, in[0].c);
  }
  *out = in[0];
  return {};
}

Status pool(In in, const Node& n, ValueType* out) {
  Size size;
  if (Status s = pool_output(n.row->name, in[0], n.window, &size); !s.ok()) return s;
  *out = {in[0].dtype, size.h, size.w, in[0].c};
  return {};
}

Status kmap(In in, const Node& n, ValueType* out) {
  Size size;
  if (Status s = window_output(n.row->name, in[0], n.window, &size); !s.ok()) return s;
  *out = {DType::f32, size.h, size.w, 1};
  return {};
}

Status scaled(In in, const Node&, ValueType* out) { return scale_map_output(in[0], in[1], out); }

Status channels_scaled(In in, const Node&, ValueType* out) { return scale_channels_output(in[0], in[1], out); }

Status global_pool(In in, const Node&, ValueType* out) {
  *out = {DType::f32, 1, 1, in[0].c};
  return {};
}

Status joined(In in, const Node&, ValueType* out) { return concat_output(in[0], in[1], out); }

Status picked(In in, const Node& n, ValueType* out) {
  return pick_channels_output(in[0], {n.begin, n.outputs, n.groups}, out);
}

Status flat(In in, const Node&, ValueType* out) {
  *out = {in[0].dtype, 1, 1, static_cast<int32_t>(in[0].pixels() * static_cast<size_t>(in[0].c))};
  return {};
}

// Tensor sizes.

int64_t conv_elements(In in, const Node& n, Role role) {
  if (role != Role::weight) return n.outputs;
  return int64_t{n.outputs} * n.window.kernel_h * n.window.kernel_w * (in[0].c / n.groups);
}
int64_t dense_elements(In in, const Node& n, Role role) {
  return role == Role::weight ? int64_t{n.outputs} * in[0].c : n.outputs;
}
int64_t few_bits_conv_elements(In in, const Node& n, Role role) {
  return conv_elements(in, n, role) * n.few_bits.planes;
}
int64_t few_bits_dense_elements(In in, const Node& n, Role role) {
  return dense_elements(in, n, role) * n.few_bits.planes;
}
int64_t channels(In in, const Node&, Role) { return in[0].c; }
int64_t thresholds(In in, const Node& n, Role role) {
  return role == Role::threshold ? int64_t{in[0].c} * n.few_bits.largest_code() : in[0].c;
}

// Costs: measured orders of magnitude, ns per multiply-add or per element.

double elements_of(const ValueType& v) { return static_cast<double>(v.pixels()) * v.c; }
template <int kPicoseconds>
double per_mac(In in, const ValueType& out, const Node& n) {
  return static_cast<double>(multiply_adds(in, out, n)) * kPicoseconds * 1e-3;
}
double per_element(In in, const ValueType&, const Node&) { return elements_of(in[0]) * 0.3; }
double per_exp(In in, const ValueType&, const Node&) { return elements_of(in[0]) * 8; }

// Creation.

Status make_bconv2d_node(In in, const Node& n, const Epilogue& e, Isa isa, OpPtr* op) {
  const Tensor& w = n.tensor(Role::weight);
  return make_bconv2d(in[0], n.window, n.outputs, n.groups, n.pad_value, w.as<uint8_t>(),
                      static_cast<size_t>(w.elements), e, isa, op);
}
Status make_bdense_node(In in, const Node& n, const Epilogue& e, Isa isa, OpPtr* op) {
  const Tensor& w = n.tensor(Role::weight);
  return make_bdense(in[0], n.outputs, w.as<uint8_t>(), static_cast<size_t>(w.elements), e, isa, op);
}
Status make_qconv2d_node(In in, const Node& n, const Epilogue& e, Isa isa, OpPtr* op) {
  const Tensor& w = n.tensor(Role::weight);
  return make_qconv2d(in[0], n.window, n.outputs, n.groups, w.as<int8_t>(), w.elements, e, isa, op);
}
Status make_qdense_node(In in, const Node& n, const Epilogue& e, Isa isa, OpPtr* op) {
  const Tensor& w = n.tensor(Role::weight);
  return make_qdense(in[0], n.outputs, w.as<int8_t>(), w.elements, e, isa, op);
}
Status make_wconv2d_node(In in, const Node& n, const Epilogue& e, Isa isa, OpPtr* op) {
  const Tensor& w = n.tensor(Role::weight);
  return make_wconv2d(in[0], n.window, n.outputs, n.groups, n.few_bits, w.as<uint8_t>(), w.elements, e, isa, op);
}
Status make_wdense_node(In in, const Node& n, const Epilogue& e, Isa isa, OpPtr* op) {
  const Tensor& w = n.tensor(Role::weight);
  return make_wdense(in[0], n.outputs, n.few_bits, w.as<uint8_t>(), w.elements, e, isa, op);
}
Status make_multithreshold_node(In in, const Node& n, const Epilogue&, Isa, OpPtr* op) {
  return make_multithreshold(in[0], n.few_bits.activation_bits, n.tensor(Role::threshold).as<int32_t>(),
                             n.tensor(Role::flip).as<uint8_t>(), op);
}
Status make_quantize_node(In in, const Node& n, const Epilogue&, Isa, OpPtr* op) {
  return make_quantize(in[0], n.few_bits.activation_bits, n.tensor(Role::scale).as<float>(),
                       n.tensor(Role::bias).as<float>(), op);
}
// As segments or a form ask, else null.
Status make_segmented_node(In in, const Node& n, Isa isa, OpPtr* op) {
  const Tensor& w = n.tensor(Role::weight);
  const float* bias = n.tensor(Role::bias).as<float>();
  const char* name = n.row->name;
  if (w.type == TensorType::vectors) return make_lookup(name, in[0], n.outputs, *w.as<VectorWeight>(), bias, isa, op);
  if (w.type == TensorType::hashed) return make_hashed_dense(in[0], n.outputs, *w.as<HashedWeight>(), bias, isa, op);
  if (n.segment == 0) return {};
  return make_segmented(name, in[0], n.outputs, n.segment, w.as<float>(), w.elements, bias, isa, op);
}
Status make_conv2d_node(In in, const Node& n, const Epilogue&, Isa isa, OpPtr* op) {
  if (Status s = make_segmented_node(in, n, isa, op); !s.ok() || *op) return s;
  const Tensor& w = n.tensor(Role::weight);
  return make_conv2d(in[0], n.window, n.outputs, n.groups, w.as<float>(), w.elements, n.tensor(Role::bias).as<float>(),
                     isa, op);
}
Status make_dense_node(In in, const Node& n, const Epilogue&, Isa isa, OpPtr* op) {
  if (Status s = make_segmented_node(in, n, isa, op); !s.ok() || *op) return s;
  const Tensor& w = n.tensor(Role::weight);
  return make_dense(in[0], n.outputs, w.as<float>(), w.elements, n.tensor(Role::bias).as<float>(), isa, op);
}
Status make_dense_bf16_node(In in, const Node& n, const Epilogue&, Isa isa, OpPtr* op) {
  const Tensor& w = n.tensor(Role::weight);
  return make_dense_bf16(in[0], n.outputs, w.as<uint16_t>(), w.elements, n.tensor(Role::bias).as<float>(), isa, op);
}
Status make_dense_i8_node(In in, const Node& n, const Epilogue&, Isa isa, OpPtr* op) {
  const Tensor& w = n.tensor(Role::weight);
  return make_dense_i8(in[0], n.outputs, w.as<int8_t>(), w.elements, n.tensor(Role::scale).as<float>(),
                       n.tensor(Role::bias).as<float>(), isa, op);
}
Status make_threshold_node(In in, const Node& n, const Epilogue&, Isa isa, OpPtr* op) {
  return make_threshold(in[0], n.tensor(Role::threshold).as<int32_t>(), n.tensor(Role::flip).as<uint8_t>(), isa, op);
}
Status make_sign_node(In in, const Node&, const Epilogue&, Isa isa, OpPtr* op) { return make_sign(in[0], isa, op); }
Status make_affine_node(In in, const Node& n, const Epilogue&, Isa isa, OpPtr* op) {
  return make_affine(in[0], n.tensor(Role::scale).as<float>(), n.tensor(Role::bias).as<float>(), isa, op);
}
Status make_prelu_node(In in, const Node& n, const Epilogue&, Isa isa, OpPtr* op) {
  return make_prelu(in[0], n.tensor(Role::slope).as<float>(), isa, op);
}
template <Eltwise kOp>
Status make_pointwise_node(In in, const Node&, const Epilogue&, Isa isa, OpPtr* op) {
  return make_pointwise(kOp, in[0], isa, op);
}
Status make_max_pool2d_node(In in, const Node& n, const Epilogue&, Isa isa, OpPtr* op) {
  return make_max_pool2d(in[0], n.window, n.tensor(Role::flip).as<uint8_t>(), isa, op);
}
Status make_avg_pool2d_node(In in, const Node& n, const Epilogue&, Isa isa, OpPtr* op) {
  return make_avg_pool2d(in[0], n.window, n.count_include_pad, isa, op);
}
Status make_kmap_node(In in, const Node& n, const Epilogue&, Isa isa, OpPtr* op) {
  return make_kmap(in[0], n.window, isa, op);
}
Status make_scale_map_node(In in, const Node&, const Epilogue&, Isa isa, OpPtr* op) {
  return make_scale_map(in[0], in[1], isa, op);
}
Status make_scale_channels_node(In in, const Node&, const Epilogue&, Isa, OpPtr* op) {
  return make_scale_channels(in[0], in[1], op);
}
Status make_global_avg_pool2d_node(In in, const Node&, const Epilogue&, Isa isa, OpPtr* op) {
  return make_global_avg_pool2d(in[0], isa, op);
}
Status make_concat_node(In in, const Node&, const Epilogue&, Isa, OpPtr* op) { return make_concat(in[0], in[1], op); }
Status make_pick_channels_node(In in, const Node& n, const Epilogue&, Isa, OpPtr* op) {
  return make_pick_channels(in[0], {n.begin, n.outputs, n.groups}, op);
}
Status make_flatten_node(In in, const Node&, const Epilogue&, Isa, OpPtr* op) { return make_flatten(in[0], op); }

constexpr TensorRow kBinaryWeight[] = {{Role::weight, TensorType::bits}};
constexpr TensorRow kInt8Weight[] = {{Role::weight, TensorType::i8}};
constexpr TensorRow kFloatWeight[] = {{Role::weight, TensorType::f32}, {Role::bias, TensorType::f32, true}};
constexpr TensorRow kFormedWeight[] = {{Role::weight, TensorType::f32, false, true},
                                       {Role::bias, TensorType::f32, true}};
constexpr TensorRow kBf16Weight[] = {{Role::weight, TensorType::bf16}, {Role::bias, TensorType::f32, true}};
constexpr TensorRow kScaledWeight[] = {
    {Role::weight, TensorType::i8}, {Role::scale, TensorType::f32}, {Role::bias, TensorType::f32, true}};
constexpr TensorRow kThreshold[] = {{Role::threshold, TensorType::i32}, {Role::flip, TensorType::bits}};
constexpr TensorRow kAffine[] = {{Role::scale, TensorType::f32}, {Role::bias, TensorType::f32}};
constexpr TensorRow kSlope[] = {{Role::slope, TensorType::f32}};
constexpr TensorRow kFlip[] = {{Role::flip, TensorType::bits, true}};

// clang-format off
constexpr OpRow kRows[] = {
  {"bconv2d", 1, kBits, kConv | bits_of({Attribute::pad_value}), Trait::accumulator, conv_i32, conv_elements, per_mac<3>, make_bconv2d_node, kBinaryWeight},
  {"bdense", 1, kBits, kDense, Trait::accumulator, dense_i32, dense_elements, per_mac<4>, make_bdense_node, kBinaryWeight},
  {"qconv2d", 1, kU8, kConv, Trait::accumulator, conv_i32, conv_elements, per_mac<20>, make_qconv2d_node, kInt8Weight},
  {"qdense", 1, kU8 | kBits, kDense, Trait::accumulator, dense_i32, dense_elements, per_mac<20>, make_qdense_node, kInt8Weight},
  {"wconv2d", 1, kU8 | kF32, kConv | kFewBits, Trait::accumulator, few_bits_conv, few_bits_conv_elements, per_mac<6>, make_wconv2d_node, kBinaryWeight},
  {"wdense", 1, kU8 | kF32, kDense | kFewBits, Trait::accumulator, few_bits_dense, few_bits_dense_elements, per_mac<10>, make_wdense_node, kBinaryWeight},
  {"multithreshold", 1, kI32, kCodes, Trait::none, as_u8, thresholds, per_element, make_multithreshold_node, kThreshold},
  {"quantize", 1, kF32, kCodes, Trait::none, as_u8, channels, per_element, make_quantize_node, kAffine},
  {"conv2d", 1, kF32, kConv | kSegment, Trait::none, segmented_conv, conv_elements, per_mac<30>, make_conv2d_node, kFormedWeight},
  {"dense", 1, kF32, kDense | kSegment, Trait::none, segmented_dense, dense_elements, per_mac<50>, make_dense_node, kFormedWeight},
  {"dense_bf16", 1, kF32, kDense, Trait::none, dense_f32, dense_elements, per_mac<40>, make_dense_bf16_node, kBf16Weight},
  {"dense_i8", 1, kF32, kDense, Trait::none, dense_f32, dense_elements, per_mac<40>, make_dense_i8_node, kScaledWeight},
  {"threshold", 1, kI32, 0, Trait::epilogue, as_bits, channels, per_element, make_threshold_node, kThreshold},
  {"sign", 1, kF32, 0, Trait::none, as_bits, channels, per_element, make_sign_node, {}, ChainKind::sign},
  {"affine", 1, kU8 | kI32 | kF32 | kBits, 0, Trait::epilogue, as_f32, channels, per_element, make_affine_node, kAffine, ChainKind::affine},
  {"add", 2, kF32, 0, Trait::pointwise, sum, channels, per_element, make_pointwise_node<Eltwise::add>, {}, ChainKind::add},
  {"kmap", 1, kF32, kKmap, Trait::none, kmap, channels, per_element, make_kmap_node, {}},
  {"scale_map", 2, kI32 | kF32, 0, Trait::pointwise, scaled, channels, per_element, make_scale_map_node, {}, ChainKind::scale_map, kF32},
  {"scale_channels", 2, kF32, 0, Trait::pointwise, channels_scaled, channels, per_element, make_scale_channels_node, {}},
  {"relu", 1, kF32, 0, Trait::pointwise, same, channels, per_element, make_pointwise_node<Eltwise::relu>, {}, ChainKind::relu},
  {"prelu", 1, kF32, 0, Trait::pointwise, same, channels, per_element, make_prelu_node, kSlope, ChainKind::prelu},
  {"hardtanh", 1, kF32, 0, Trait::pointwise, same, channels, per_element, make_pointwise_node<Eltwise::hardtanh>, {}, ChainKind::hardtanh},
  {"tanh", 1, kF32, 0, Trait::pointwise, same, channels, per_exp, make_pointwise_node<Eltwise::tanh>, {}},
  {"sigmoid", 1, kF32, 0, Trait::pointwise, same, channels, per_exp, make_pointwise_node<Eltwise::sigmoid>, {}},
  {"max_pool2d", 1, kU8 | kI32 | kF32 | kBits, kPool, Trait::pool, pool, channels, per_element, make_max_pool2d_node, kFlip},
  {"avg_pool2d", 1, kF32, kPool | bits_of({Attribute::count_include_pad}), Trait::pool, pool, channels, per_element, make_avg_pool2d_node, {}},
  {"global_avg_pool2d", 1, kF32, 0, Trait::none, global_pool, channels, per_element, make_global_avg_pool2d_node, {}},
  {"concat", 2, kU8 | kI32 | kF32 | kBits, 0, Trait::none, joined, channels, per_element, make_concat_node, {}},
  {"pick_channels", 1, kU8 | kI32 | kF32 | kBits, kPick, Trait::none, picked, channels, per_element, make_pick_channels_node, {}},
  {"flatten", 1, kU8 | kI32 | kF32 | kBits, 0, Trait::flatten, flat, channels, per_element, make_flatten_node, {}},
};
// clang-format on

}  // namespace

std::span<const OpRow> op_table() { return kRows; }

const OpRow* find_op(const char* name) {
  for (const OpRow& row : kRows)
    if (strcmp(row.name, name) == 0) return &row;
  return nullptr;
}

int64_t multiply_adds(const ValueType* inputs, const ValueType& output, const Node& node) {
  if (node.tensor(Role::weight).data == nullptr) return 0;
  return static_cast<int64_t>(output.pixels()) * node.row->elements(inputs, node, Role::weight);
}

}  // namespace xnorkit
