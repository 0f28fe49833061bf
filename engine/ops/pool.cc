#include "ops/pool.h"

#include <cstring>

#include "base/aligned.h"
#include "kernels/pool/pool.h"
#include "ops/window_geometry.h"

namespace xnorkit {
namespace {

Pooling max_of(DType dtype) {
  switch (dtype) {
    case DType::u8: return Pooling::max_u8;
    case DType::i32: return Pooling::max_i32;
    case DType::f32: return Pooling::max_f32;
    case DType::bits: break;
  }
  return Pooling::max_bits;
}

const PoolKernel& select(Pooling pooling, Isa isa) {
  const PoolKernel* found = nullptr;
  for (const PoolKernel& row : kPoolKernels)
    if (!found && row.pooling == pooling && row.isa <= isa) found = &row;
  return *found;
}

// Units are output rows.
class Pool final : public Op {
 public:
  Pool(const char* name, const PoolKernel& kernel, const ValueType& input, const Window& window, Size size,
       bool count_include_pad)

      : name_(name),
        kernel_(kernel),
        input_(input),
        window_(window),
        out_(size),
        count_include_pad_(count_include_pad) {}

  Status keep_flip(const uint8_t* flip) {
    if (flip == nullptr) return {};
    if (!flip_.allocate(input_.row_bytes())) return Status::error(Code::limit, "[max_pool2d] memory refused");
    memcpy(flip_.as(), flip, input_.row_bytes());
    return {};
  }

  const char* name() const override { return name_; }
  const char* kernel_name() const override { return kernel_.name; }
  ValueType output() const override { return {input_.dtype, out_.h, out_.w, input_.c}; }
  size_t packed_bytes() const override { return flip_.bytes(); }
  int64_t units(int32_t batch) const override { return int64_t{out_.h} * batch; }
  int64_t most_unit_pixels() const override { return out_.w; }
  UnitBlock unit_block(int32_t, int64_t unit) const override { return {unit * out_.w, out_.w, 0, input_.c}; }
  size_t scratch_bytes() const override {  // pointers to the taps inside the picture
    const size_t h = static_cast<size_t>(std::min(window_.kernel_h, input_.h));
    return align_up(h * static_cast<size_t>(std::min(window_.kernel_w, input_.w)) * sizeof(void*));
  }

  void run(const RunArgs& args, int64_t begin, int64_t end, void* scratch) const noexcept override {
    const size_t row_bytes = input_.row_bytes();
    const void** rows = static_cast<const void**>(scratch);
    const size_t elements = input_.dtype == DType::bits ? row_bytes : static_cast<size_t>(input_.c);
    for (int64_t unit = begin; unit < end; ++unit) {
      const uint8_t* image =
          static_cast<const uint8_t*>(args.inputs[0]) + static_cast<size_t>(unit / out_.h) * input_.bytes();
      uint8_t* to = static_cast<uint8_t*>(args.output) + static_cast<size_t>(unit * out_.w) * row_bytes;
      const Span y = span(unit % out_.h, window_.stride_h, window_.pad_top, window_.kernel_h, input_.h);
      for (int32_t ox = 0; ox < out_.w; ++ox, to += row_bytes) {
        const Span x = span(ox, window_.stride_w, window_.pad_left, window_.kernel_w, input_.w);
        int32_t taps = 0;
        for (int64_t iy = y.first; iy < y.last; ++iy)
          for (int64_t ix = x.first; ix < x.last; ++ix)
            rows[taps++] = image + static_cast<size_t>(iy * input_.w + ix) * row_bytes;
        const int64_t divisor = count_include_pad_ ? int64_t{window_.kernel_h} * window_.kernel_w : taps;
        kernel_.run({rows, taps, elements, to, flip_.as(), static_cast<float>(divisor)});
      }
    }
  }

 private:
  struct Span {
    int64_t first, last;
  };
  // Input positions of one output position, inside the picture: never empty, because padding is less than the kernel.
  static Span span(int64_t at, int32_t stride, int32_t pad, int32_t kernel, int32_t size) {
    const int64_t first = at * stride - pad;
    return {std::max<int64_t>(first, 0), std::min<int64_t>(first + kernel, size)};
  }

  const char* name_;
  const PoolKernel& kernel_;
  ValueType input_;
  Window window_;
  Size out_;
  bool count_include_pad_;
  AlignedBuffer flip_;
};

Status make(const char* name, const PoolKernel& kernel, const ValueType& input, const Window& w, bool count_include_pad,
            const uint8_t* flip, OpPtr* out) {
  Size size;
  if (Status s = pool_output(name, input, w, &size); !s.ok()) return s;
  auto op = std::make_unique<Pool>(name, kernel, input, w, size, count_include_pad);
  if (Status s = op->keep_flip(flip); !s.ok()) return s;
  *out = std::move(op);
  return {};
}

}  // namespace

Status make_max_pool2d(const ValueType& input, const Window& window, const uint8_t* flip, Isa isa, OpPtr* out) {
  if (flip != nullptr) {
    if (input.dtype != DType::bits) return Status::error(Code::dtype, "[max_pool2d] flip: expected only with bits");
    if (input.c > 0 && input.c % 8 != 0 && flip[input.c / 8] >> (input.c % 8) != 0) {
      return Status::error(Code::range, "[max_pool2d] flip: got non-zero bits after the last channel, expected 0");
    }
  }
  return make("max_pool2d", select(max_of(input.dtype), isa), input, window, true, flip, out);
}

Status make_avg_pool2d(const ValueType& input, const Window& window, bool count_include_pad, Isa isa, OpPtr* out) {
  if (input.dtype != DType::f32) return Status::error(Code::dtype, "[avg_pool2d] input: expected f32");
  return make("avg_pool2d", select(Pooling::avg_f32, isa), input, window, count_include_pad, nullptr, out);
}

Status make_global_avg_pool2d(const ValueType& input, Isa isa, OpPtr* out) {
  if (input.dtype != DType::f32) return Status::error(Code::dtype, "[global_avg_pool2d] input: expected f32");
  return make("global_avg_pool2d", select(Pooling::avg_f32, isa), input, Window{input.h, input.w}, true, nullptr, out);
}

}  // namespace xnorkit
