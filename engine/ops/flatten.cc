#include "ops/flatten.h"

#include <cstring>

#include "ops/window_geometry.h"

namespace xnorkit {
namespace {

// Units are images.
class Flatten final : public Op {
 public:
  explicit Flatten(const ValueType& input) : input_(input) {}

  const char* name() const override { return "flatten"; }
  const char* kernel_name() const override {
    return flatten_keeps_bytes(input_) ? "flatten_copy_scalar" : "flatten_b1_scalar";
  }
  ValueType output() const override {
    return {input_.dtype, 1, 1, static_cast<int32_t>(input_.pixels() * static_cast<size_t>(input_.c))};
  }
  size_t packed_bytes() const override { return 0; }
  int64_t units(int32_t batch) const override { return batch; }

  void run(const RunArgs& args, int64_t begin, int64_t end, void*) const noexcept override {
    const size_t in = input_.bytes(), out = output().bytes();
    for (int64_t n = begin; n < end; ++n) {
      const uint8_t* from = static_cast<const uint8_t*>(args.inputs[0]) + static_cast<size_t>(n) * in;
      uint8_t* to = static_cast<uint8_t*>(args.output) + static_cast<size_t>(n) * out;
      if (flatten_keeps_bytes(input_))
        memcpy(to, from, in);
      else
        join_rows(from, to);
    }
  }

 private:
  // Shifts the rows' bits together: `held` keeps fewer than 8 bits that do not fill a byte yet.
  void join_rows(const uint8_t* from, uint8_t* to) const {
    unsigned held = 0;
    int32_t count = 0;
    for (size_t p = 0; p < input_.pixels(); ++p)
      for (int32_t left = input_.c; left > 0; left -= 8) {
        held |= static_cast<unsigned>(*from++) << count;  // tail bits are 0
        count += std::min(left, 8);
        if (count >= 8) {
          *to++ = static_cast<uint8_t>(held);
          held >>= 8;
          count -= 8;
        }
      }
    if (count > 0) *to = static_cast<uint8_t>(held);
  }

  ValueType input_;
};

}  // namespace

bool flatten_keeps_bytes(const ValueType& input) {
  return input.dtype != DType::bits || input.c % 8 == 0 || input.pixels() == 1;
}

Status make_flatten(const ValueType& input, OpPtr* out) {
  if (Status s = check_value("flatten", input); !s.ok()) return s;
  *out = std::make_unique<Flatten>(input);
  return {};
}

}  // namespace xnorkit
