#include "ops/concat.h"

#include <algorithm>
#include <cstring>

#include "ops/window_geometry.h"

namespace xnorkit {
namespace {

constexpr int64_t kUnitBytes = 32 * 1024;

// Units are pixels, as many as give about kUnitBytes of output.
class Concat final : public Op {
 public:
  Concat(const ValueType& first, const ValueType& second, const ValueType& output)
      : first_(first), second_(second), output_(output) {}

  const char* name() const override { return "concat"; }
  const char* kernel_name() const override { return shift() == 0 ? "concat_copy_scalar" : "concat_b1_scalar"; }
  ValueType output() const override { return output_; }
  size_t packed_bytes() const override { return 0; }
  int64_t units(int32_t batch) const override { return (pixels(batch) + unit_pixels() - 1) / unit_pixels(); }

  void run(const RunArgs& args, int64_t begin, int64_t end, void*) const noexcept override {
    const size_t a_row = first_.row_bytes(), b_row = second_.row_bytes(), out_row = output_.row_bytes();
    const int64_t last = std::min(end * unit_pixels(), pixels(args.batch));
    const size_t start = static_cast<size_t>(begin * unit_pixels());
    const uint8_t* a = static_cast<const uint8_t*>(args.inputs[0]) + start * a_row;
    const uint8_t* b = static_cast<const uint8_t*>(args.inputs[1]) + start * b_row;
    uint8_t* out = static_cast<uint8_t*>(args.output) + start * out_row;
    for (int64_t p = static_cast<int64_t>(start); p < last; ++p, a += a_row, b += b_row, out += out_row) {
      memcpy(out, a, a_row);
      if (shift() == 0)
        memcpy(out + a_row, b, b_row);
      else
        join(b, out + a_row - 1, out + out_row);
    }
  }

 private:
  int shift() const { return first_.dtype == DType::bits ? first_.c % 8 : 0; }
  int64_t pixels(int32_t batch) const { return static_cast<int64_t>(output_.pixels()) * batch; }
  int64_t unit_pixels() const {
    return std::max<int64_t>(1, kUnitBytes / static_cast<int64_t>(std::min<size_t>(output_.row_bytes(), kUnitBytes)));
  }

  // Bits of a row from bit shift() of the byte at `to` on, whose lower bits are there and upper ones 0; tails stay 0.
  void join(const uint8_t* row, uint8_t* to, const uint8_t* end) const {
    unsigned held = *to;
    for (size_t i = 0; i < second_.row_bytes(); ++i) {
      held |= static_cast<unsigned>(row[i]) << shift();
      *to++ = static_cast<uint8_t>(held);
      held >>= 8;
    }
    if (to != end) *to = static_cast<uint8_t>(held);
  }

  ValueType first_, second_, output_;
};

}  // namespace

Status concat_output(const ValueType& first, const ValueType& second, ValueType* out) {
  if (Status s = check_value("concat", first); !s.ok()) return s;
  if (Status s = check_value("concat", second); !s.ok()) return s;
  if (first.dtype != second.dtype || first.h != second.h || first.w != second.w) {
    return Status::error(Code::shape, "[concat] second input: got %d x %d, expected %d x %d of the same element type",
                         second.h, second.w, first.h, first.w);
  }
  if (int64_t{first.c} + second.c >= kMaxElements) {
    return Status::error(Code::limit, "[concat] channels: got %d + %d, expected fewer than %lld", first.c, second.c,
                         static_cast<long long>(kMaxElements));
  }
  *out = {first.dtype, first.h, first.w, first.c + second.c};
  return check_value("concat", *out);
}

Status make_concat(const ValueType& first, const ValueType& second, OpPtr* out) {
  ValueType output;
  if (Status s = concat_output(first, second, &output); !s.ok()) return s;
  *out = std::make_unique<Concat>(first, second, output);
  return {};
}

}  // namespace xnorkit
