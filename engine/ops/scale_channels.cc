#include "ops/scale_channels.h"

#include <algorithm>

#include "ops/window_geometry.h"

namespace xnorkit {
namespace {

constexpr int64_t kUnitElements = 8192;

// Units are pixels of the whole batch, as many as give about kUnitElements numbers.
class ScaleChannels final : public Op {
 public:
  explicit ScaleChannels(const ValueType& input) : type_(input) {}

  const char* name() const override { return "scale_channels"; }
  const char* kernel_name() const override { return "scale_channels_f32f32_scalar"; }
  ValueType output() const override { return type_; }
  size_t packed_bytes() const override { return 0; }
  int64_t units(int32_t batch) const override { return (pixels(batch) + unit_pixels() - 1) / unit_pixels(); }

  // One product a number, rounded once: the compiler may take as many lanes as it likes. x may be the output.
  void run(const RunArgs& args, int64_t begin, int64_t end, void*) const noexcept override {
    const int64_t last = std::min(end * unit_pixels(), pixels(args.batch)), image = type_.pixels();
    const float* x = static_cast<const float*>(args.inputs[0]);
    const float* factors = static_cast<const float*>(args.inputs[1]);
    float* out = static_cast<float*>(args.output);
    for (int64_t p = begin * unit_pixels(); p < last; ++p) {
      const float* factor = factors + p / image * type_.c;
      const int64_t row = p * type_.c;
      for (int32_t c = 0; c < type_.c; ++c) out[row + c] = x[row + c] * factor[c];
    }
  }

 private:
  int64_t pixels(int32_t batch) const { return static_cast<int64_t>(type_.pixels()) * batch; }
  int64_t unit_pixels() const { return std::max<int64_t>(1, kUnitElements / type_.c); }

  ValueType type_;
};

}  // namespace

Status scale_channels_output(const ValueType& input, const ValueType& factor, ValueType* out) {
  if (input.dtype != DType::f32 || factor.dtype != DType::f32) {
    return Status::error(Code::dtype, "[scale_channels] input: expected f32 twice");
  }
  if (factor.h != 1 || factor.w != 1 || factor.c != input.c) {
    return Status::error(Code::shape, "[scale_channels] factor: got (%d, %d, %d), expected (1, 1, %d)", factor.h,
                         factor.w, factor.c, input.c);
  }
  *out = input;
  return {};
}

Status make_scale_channels(const ValueType& input, const ValueType& factor, OpPtr* out) {
  ValueType type;
  if (Status s = check_value("scale_channels", input); !s.ok()) return s;
  if (Status s = scale_channels_output(input, factor, &type); !s.ok()) return s;
  *out = std::make_unique<ScaleChannels>(type);
  return {};
}

}  // namespace xnorkit
