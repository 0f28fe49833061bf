#include "ops/codes.h"

#include <algorithm>
#include <cstring>

#include "base/aligned.h"
#include "kernels/codes/codes.h"
#include "ops/window_geometry.h"

namespace xnorkit {
namespace {

constexpr int64_t kUnitElements = 8192;

// threshold and flips, or scale and bias: `first` and `second` of the op.
class CodesOp final : public Op {
 public:
  CodesOp(const ValueType& input, int32_t levels) : input_(input), levels_(levels) {}

  Status create(size_t first_bytes, size_t second_bytes) {
    if (first_.allocate(first_bytes) && second_.allocate(second_bytes)) return {};
    return Status::error(Code::limit, "[%s] memory: got %zu bytes refused", name(), first_bytes + second_bytes);
  }
  AlignedBuffer& first() { return first_; }
  AlignedBuffer& second() { return second_; }

  const char* name() const override { return integer() ? "multithreshold" : "quantize"; }
  const char* kernel_name() const override { return integer() ? "multithreshold_i32u8" : "quantize_f32u8"; }
  ValueType output() const override { return {DType::u8, input_.h, input_.w, input_.c}; }
  size_t packed_bytes() const override { return first_.bytes() + second_.bytes(); }
  int64_t units(int32_t batch) const override { return (pixels(batch) + unit_pixels() - 1) / unit_pixels(); }

  void run(const RunArgs& args, int64_t begin, int64_t end, void*) const noexcept override {
    const int64_t first = begin * unit_pixels(), last = std::min(end * unit_pixels(), pixels(args.batch));
    const size_t at = static_cast<size_t>(first) * static_cast<size_t>(input_.c),
                 count = static_cast<size_t>(last - first);
    uint8_t* out = static_cast<uint8_t*>(args.output) + at;
    if (integer()) {
      codes::multithreshold({static_cast<const int32_t*>(args.inputs[0]) + at, out, count, input_.c, levels_,
                             first_.as<int32_t>(), second_.as<uint8_t>()});
    } else {
      codes::quantize({static_cast<const float*>(args.inputs[0]) + at, out, count, input_.c, levels_,
                       first_.as<float>(), second_.as<float>()});
    }
  }

 private:
  bool integer() const { return input_.dtype == DType::i32; }
  int64_t pixels(int32_t batch) const { return static_cast<int64_t>(input_.pixels()) * batch; }
  int64_t unit_pixels() const { return std::max<int64_t>(1, kUnitElements / input_.c); }

  ValueType input_;
  int32_t levels_;
  AlignedBuffer first_, second_;
};

Status check(const char* where, const ValueType& input, int32_t bits, const void* first, const void* second) {
  if (Status s = check_value(where, input); !s.ok()) return s;
  if (bits < 1 || bits > 8) {
    return Status::error(Code::range, "[%s] activation bits: got %d, expected 1..8", where, bits);
  }
  if (first != nullptr && second != nullptr) return {};
  return Status::error(Code::graph, "[%s] tensor: got null, expected an array", where);
}

}  // namespace

Status make_multithreshold(const ValueType& input, int32_t bits, const int32_t* threshold, const uint8_t* flip,
                           OpPtr* out) {
  if (input.dtype != DType::i32) return Status::error(Code::dtype, "[multithreshold] input: expected i32");
  if (Status s = check("multithreshold", input, bits, threshold, flip); !s.ok()) return s;
  if (input.c % 8 != 0 && flip[input.c / 8] >> (input.c % 8) != 0) {
    return Status::error(Code::range, "[multithreshold] flip: got non-zero bits after the last channel, expected 0");
  }
  const size_t channels = static_cast<size_t>(input.c), levels = (size_t{1} << bits) - 1;
  auto op = std::make_unique<CodesOp>(input, static_cast<int32_t>(levels));
  if (Status s = op->create(channels * levels * sizeof(int32_t), channels); !s.ok()) return s;
  for (size_t c = 0; c < channels; ++c) {
    for (size_t level = 0; level < levels; ++level)
      op->first().as<int32_t>()[level * channels + c] = threshold[c * levels + level];
    op->second().as<uint8_t>()[c] = flip[c / 8] >> (c % 8) & 1 ? 255 : 0;
  }
  *out = std::move(op);
  return {};
}

Status make_quantize(const ValueType& input, int32_t bits, const float* scale, const float* bias, OpPtr* out) {
  if (input.dtype != DType::f32) return Status::error(Code::dtype, "[quantize] input: expected f32");
  if (Status s = check("quantize", input, bits, scale, bias); !s.ok()) return s;
  const size_t bytes = static_cast<size_t>(input.c) * sizeof(float);
  auto op = std::make_unique<CodesOp>(input, (1 << bits) - 1);
  if (Status s = op->create(bytes, bytes); !s.ok()) return s;
  memcpy(op->first().as(), scale, bytes);
  memcpy(op->second().as(), bias, bytes);
  *out = std::move(op);
  return {};
}

}  // namespace xnorkit
