#include "ops/eltwise.h"

#include <algorithm>
#include <cstring>

#include "base/aligned.h"
#include "ops/window_geometry.h"

namespace xnorkit {
namespace {

constexpr int64_t kUnitElements = 8192;

const char* op_name(Eltwise op) {
  switch (op) {
    case Eltwise::sign: return "sign";
    case Eltwise::threshold: return "threshold";
    case Eltwise::affine_u8:
    case Eltwise::affine_i32:
    case Eltwise::affine_f32:
    case Eltwise::affine_bits: return "affine";
    case Eltwise::add: return "add";
    case Eltwise::relu: return "relu";
    case Eltwise::prelu: return "prelu";
    case Eltwise::hardtanh: return "hardtanh";
    case Eltwise::tanh: return "tanh";
    case Eltwise::sigmoid: return "sigmoid";
    case Eltwise::scale_map_i32:
    case Eltwise::scale_map_f32: return "scale_map";
  }
  return "unknown";
}

// A per-channel array to copy: null is allowed only where `bytes` is 0.
struct Vector {
  const void* data = nullptr;
  size_t bytes = 0;
};

class EltwiseOp final : public Op {
 public:
  EltwiseOp(Eltwise op, const ValueType& input, DType output, Isa isa)
      : op_(op), input_(input), output_(output), kernel_(select_eltwise(op, isa)) {}

  Status create(Vector first, Vector second) {
    for (const auto& [vector, buffer] : {std::pair{first, &first_}, std::pair{second, &second_}}) {
      if (vector.bytes == 0) continue;
      if (vector.data == nullptr) {
        return Status::error(Code::graph, "[%s] tensor: got null, expected an array", name());
      }
      if (!buffer->allocate(vector.bytes)) {
        return Status::error(Code::limit, "[%s] memory: got %zu bytes refused", name(), vector.bytes);
      }
      memcpy(buffer->as(), vector.data, vector.bytes);
    }
    return {};
  }

  const char* name() const override { return op_name(op_); }
  const char* kernel_name() const override { return kernel_->name; }
  ValueType output() const override { return {output_, input_.h, input_.w, input_.c}; }
  size_t packed_bytes() const override { return first_.bytes() + second_.bytes(); }
  int64_t units(int32_t batch) const override { return (pixels(batch) + unit_pixels() - 1) / unit_pixels(); }
  int64_t most_unit_pixels() const override { return unit_pixels(); }
  UnitBlock unit_block(int32_t batch, int64_t unit) const override {
    const int64_t first = unit * unit_pixels();
    return {first, static_cast<int32_t>(std::min(unit_pixels(), pixels(batch) - first)), 0, input_.c};
  }

  void run(const RunArgs& args, int64_t begin, int64_t end, void*) const noexcept override {
    const int64_t first = begin * unit_pixels(), last = std::min(end * unit_pixels(), pixels(args.batch));
    const size_t in = static_cast<size_t>(first) * input_.row_bytes();
    EltwiseArgs work{};
    work.x = static_cast<const uint8_t*>(args.inputs[0]) + in;
    if (op_ == Eltwise::add) work.y = static_cast<const uint8_t*>(args.inputs[1]) + in;
    if (op_ == Eltwise::scale_map_i32 || op_ == Eltwise::scale_map_f32)
      work.y = static_cast<const float*>(args.inputs[1]) + first;
    work.out = static_cast<uint8_t*>(args.output) + static_cast<size_t>(first) * output().row_bytes();
    work.pixels = static_cast<size_t>(last - first);
    work.channels = input_.c;
    if (op_ == Eltwise::threshold) {
      work.threshold = first_.as<int32_t>();
      work.flip = second_.as<uint8_t>();
    } else {
      work.scale = first_.as<float>();
      work.bias = second_.as<float>();
    }
    kernel_->run(work);
  }

 private:
  int64_t pixels(int32_t batch) const { return static_cast<int64_t>(input_.pixels()) * batch; }
  int64_t unit_pixels() const { return std::max<int64_t>(1, kUnitElements / input_.c); }

  Eltwise op_;
  ValueType input_;
  DType output_;
  const EltwiseKernel* kernel_;
  AlignedBuffer first_, second_;
};

Status make(Eltwise op, const ValueType& input, DType output, Isa isa, Vector first, Vector second, OpPtr* out) {
  if (Status s = check_value(op_name(op), input); !s.ok()) return s;
  auto made = std::make_unique<EltwiseOp>(op, input, output, isa);
  if (Status s = made->create(first, second); !s.ok()) return s;
  *out = std::move(made);
  return {};
}

Status refuse(Eltwise op, const char* expected) {
  return Status::error(Code::dtype, "[%s] input: expected %s", op_name(op), expected);
}

size_t vector_bytes(const ValueType& input) { return static_cast<size_t>(std::max(input.c, 0)) * 4; }

}  // namespace

const EltwiseKernel* select_eltwise(Eltwise op, Isa isa) {
  const EltwiseKernel* found = nullptr;
  for (const EltwiseKernel& row : kEltwiseKernels)
    if (!found && row.op == op && row.isa <= isa) found = &row;
  return found;
}

Status scale_map_output(const ValueType& input, const ValueType& factor, ValueType* out) {
  if ((input.dtype != DType::i32 && input.dtype != DType::f32) || factor.dtype != DType::f32) {
    return Status::error(Code::dtype, "[scale_map] input: expected i32 or f32, then f32");
  }
  if (factor.h != input.h || factor.w != input.w || factor.c != 1) {
    return Status::error(Code::shape, "[scale_map] factor: got (%d, %d, %d), expected (%d, %d, 1)", factor.h, factor.w,
                         factor.c, input.h, input.w);
  }
  *out = {DType::f32, input.h, input.w, input.c};
  return {};
}

Status make_sign(const ValueType& input, Isa isa, OpPtr* out) {
  if (input.dtype != DType::f32) return refuse(Eltwise::sign, "f32");
  return make(Eltwise::sign, input, DType::bits, isa, {}, {}, out);
}

Status make_threshold(const ValueType& input, const int32_t* threshold, const uint8_t* flip, Isa isa, OpPtr* out) {
  if (input.dtype != DType::i32) return refuse(Eltwise::threshold, "i32");
  if (flip != nullptr && input.c > 0 && input.c % 8 != 0 && flip[input.c / 8] >> (input.c % 8) != 0) {
    return Status::error(Code::range, "[threshold] flip: got non-zero bits after the last channel, expected 0");
  }
  const size_t flip_bytes = (static_cast<size_t>(std::max(input.c, 0)) + 7) / 8;
  return make(Eltwise::threshold, input, DType::bits, isa, {threshold, vector_bytes(input)}, {flip, flip_bytes}, out);
}

Status make_affine(const ValueType& input, const float* scale, const float* bias, Isa isa, OpPtr* out) {
  Eltwise op = Eltwise::affine_f32;
  switch (input.dtype) {
    case DType::u8: op = Eltwise::affine_u8; break;
    case DType::i32: op = Eltwise::affine_i32; break;
    case DType::f32: op = Eltwise::affine_f32; break;
    case DType::bits: op = Eltwise::affine_bits; break;
  }
  return make(op, input, DType::f32, isa, {scale, vector_bytes(input)}, {bias, vector_bytes(input)}, out);
}

Status make_scale_map(const ValueType& input, const ValueType& factor, Isa isa, OpPtr* out) {
  ValueType type;
  if (Status s = scale_map_output(input, factor, &type); !s.ok()) return s;
  const Eltwise op = input.dtype == DType::i32 ? Eltwise::scale_map_i32 : Eltwise::scale_map_f32;
  return make(op, input, DType::f32, isa, {}, {}, out);
}

Status make_prelu(const ValueType& input, const float* slope, Isa isa, OpPtr* out) {
  if (input.dtype != DType::f32) return refuse(Eltwise::prelu, "f32");
  return make(Eltwise::prelu, input, DType::f32, isa, {slope, vector_bytes(input)}, {}, out);
}

Status make_pointwise(Eltwise op, const ValueType& input, Isa isa, OpPtr* out) {
  if (input.dtype != DType::f32) return refuse(op, "f32");
  return make(op, input, DType::f32, isa, {}, {}, out);
}

}  // namespace xnorkit
