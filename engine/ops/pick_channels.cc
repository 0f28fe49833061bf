#include "ops/pick_channels.h"

#include <algorithm>
#include <cstring>

#include "ops/window_geometry.h"

namespace xnorkit {
namespace {

constexpr int64_t kUnitBytes = 32 * 1024;

// Units are pixels, as many as give about kUnitBytes of output.
class PickChannels final : public Op {
 public:
  PickChannels(const ValueType& input, const ValueType& output, const Pick& pick)
      : input_(input), output_(output), pick_(pick) {}

  const char* name() const override { return "pick_channels"; }
  const char* kernel_name() const override {
    if (copies()) return "pick_channels_copy_scalar";
    return output_.dtype == DType::bits ? "pick_channels_b1_scalar" : "pick_channels_scalar";
  }
  ValueType output() const override { return output_; }
  size_t packed_bytes() const override { return 0; }
  int64_t units(int32_t batch) const override { return (pixels(batch) + unit_pixels() - 1) / unit_pixels(); }

  void run(const RunArgs& args, int64_t begin, int64_t end, void*) const noexcept override {
    const size_t row = input_.row_bytes(), out_row = output_.row_bytes();
    const int64_t first = begin * unit_pixels(), last = std::min(end * unit_pixels(), pixels(args.batch));
    const uint8_t* x = static_cast<const uint8_t*>(args.inputs[0]) + static_cast<size_t>(first) * row;
    uint8_t* out = static_cast<uint8_t*>(args.output) + static_cast<size_t>(first) * out_row;
    for (int64_t p = first; p < last; ++p, x += row, out += out_row) {
      if (copies())
        memcpy(out, x + begin_bytes(), out_row);
      else if (output_.dtype == DType::bits)
        pick_bits(x, out);
      else if (output_.dtype == DType::u8)
        pick(x, out);
      else
        pick(reinterpret_cast<const uint32_t*>(x), reinterpret_cast<uint32_t*>(out));
    }
  }

 private:
  // A slice of whole bytes. Bits: also its end, so that the tail of the last byte stays 0.
  bool copies() const {
    const bool whole = output_.dtype != DType::bits || (pick_.begin % 8 == 0 && pick_.count % 8 == 0);
    return pick_.groups == 1 && whole;
  }
  size_t begin_bytes() const { return ValueType{input_.dtype, 1, 1, pick_.begin}.row_bytes(); }
  int64_t pixels(int32_t batch) const { return static_cast<int64_t>(output_.pixels()) * batch; }
  int64_t unit_pixels() const {
    return std::max<int64_t>(1, kUnitBytes / static_cast<int64_t>(std::min<size_t>(output_.row_bytes(), kUnitBytes)));
  }

  template <class T>
  void pick(const T* x, T* out) const {
    const int32_t run = pick_.count / pick_.groups;
    for (int32_t i = 0; i < run; ++i)
      for (int32_t g = 0; g < pick_.groups; ++g) *out++ = x[pick_.begin + g * run + i];
  }

  void pick_bits(const uint8_t* x, uint8_t* out) const {
    const int32_t run = pick_.count / pick_.groups;
    memset(out, 0, output_.row_bytes());
    int32_t to = 0;
    for (int32_t i = 0; i < run; ++i)
      for (int32_t g = 0; g < pick_.groups; ++g, ++to) {
        const int32_t from = pick_.begin + g * run + i;
        out[to >> 3] = static_cast<uint8_t>(out[to >> 3] | ((x[from >> 3] >> (from & 7)) & 1) << (to & 7));
      }
  }

  ValueType input_, output_;
  Pick pick_;
};

}  // namespace

Status pick_channels_output(const ValueType& input, const Pick& pick, ValueType* out) {
  if (Status s = check_value("pick_channels", input); !s.ok()) return s;
  if (pick.begin < 0 || pick.count < 1 || pick.groups < 1) {
    return Status::error(Code::range, "[pick_channels] begin, count, groups: got %d, %d, %d, expected 0, 1, 1 or more",
                         pick.begin, pick.count, pick.groups);
  }
  if (int64_t{pick.begin} + pick.count > input.c || pick.count % pick.groups != 0) {
    return Status::error(Code::shape, "[pick_channels] got %d channels in %d groups from %d on, expected them in %d",
                         pick.count, pick.groups, pick.begin, input.c);
  }
  *out = {input.dtype, input.h, input.w, pick.count};
  return {};
}

Status make_pick_channels(const ValueType& input, const Pick& pick, OpPtr* out) {
  ValueType output;
  if (Status s = pick_channels_output(input, pick, &output); !s.ok()) return s;
  *out = std::make_unique<PickChannels>(input, output, pick);
  return {};
}

}  // namespace xnorkit
