#include "ops/kmap.h"

#include <algorithm>
#include <cstring>

#include "base/aligned.h"
#include "kernels/kmap/kmap.h"
#include "ops/window_geometry.h"

namespace xnorkit {
namespace {

// Units are output rows. The means of the rows that a range of units reads are made once, in scratch.
class Kmap final : public Op {
 public:
  Kmap(const ValueType& input, const Window& window, Size size, Isa isa) : input_(input), window_(window), out_(size) {
    for (const AbsMeanKernel& row : kAbsMeanKernels) {
      kernel_ = &row;
      if (row.isa <= isa) break;
    }
  }

  const char* name() const override { return "kmap"; }
  const char* kernel_name() const override { return kernel_->name; }
  ValueType output() const override { return {DType::f32, out_.h, out_.w, 1}; }
  size_t packed_bytes() const override { return 0; }
  int64_t units(int32_t batch) const override { return int64_t{out_.h} * batch; }
  size_t scratch_bytes() const override { return align_up(input_.pixels() * 4) + align_up(height()); }

  void run(const RunArgs& args, int64_t begin, int64_t end, void* scratch) const noexcept override {
    float* means = static_cast<float*>(scratch);
    uint8_t* made = static_cast<uint8_t*>(scratch) + align_up(input_.pixels() * 4);
    int64_t image = -1;
    for (int64_t unit = begin; unit < end; ++unit) {
      if (unit / out_.h != image) memset(made, 0, height());
      image = unit / out_.h;
      const float* x = static_cast<const float*>(args.inputs[0]) +
                       static_cast<size_t>(image) * input_.pixels() * static_cast<size_t>(input_.c);
      make_row(x, unit % out_.h, means, made, static_cast<float*>(args.output) + unit * out_.w);
    }
  }

 private:
  size_t height() const { return static_cast<size_t>(input_.h); }

  void make_row(const float* x, int64_t oy, float* means, uint8_t* made, float* to) const {
    const size_t width = static_cast<size_t>(input_.w);
    std::fill_n(to, out_.w, 0.0f);
    for (int32_t kh = 0; kh < window_.kernel_h; ++kh) {
      const int64_t iy = oy * window_.stride_h - window_.pad_top + int64_t{kh} * window_.dilation_h;
      if (iy < 0 || iy >= input_.h) continue;
      const size_t row = static_cast<size_t>(iy);
      if (!made[row]) {
        kernel_->run({x + row * width * static_cast<size_t>(input_.c), width, input_.c, means + row * width});
        made[row] = 1;
      }
      for (int32_t kw = 0; kw < window_.kernel_w; ++kw) add_tap(means + row * width, kw, to);
    }
    const float taps = static_cast<float>(int64_t{window_.kernel_h} * window_.kernel_w);
    for (int32_t ox = 0; ox < out_.w; ++ox) to[ox] /= taps;
  }

  // Adds the means under tap kw to every output pixel of a row for which it lies in the picture.
  void add_tap(const float* row, int32_t kw, float* to) const {
    const int64_t stride = window_.stride_w;
    const int64_t shift = int64_t{kw} * window_.dilation_w - window_.pad_left;
    const int64_t first = shift < 0 ? (-shift + stride - 1) / stride : 0;
    const int64_t inside = shift < input_.w ? (input_.w - 1 - shift) / stride + 1 : 0;
    const int64_t last = std::min<int64_t>(inside, out_.w);
    if (stride == 1) {
      for (int64_t ox = first; ox < last; ++ox) to[ox] += row[ox + shift];
    } else {
      for (int64_t ox = first; ox < last; ++ox) to[ox] += row[ox * stride + shift];
    }
  }

  ValueType input_;
  Window window_;
  Size out_;
  const AbsMeanKernel* kernel_ = nullptr;
};

}  // namespace

Status make_kmap(const ValueType& input, const Window& window, Isa isa, OpPtr* out) {
  if (input.dtype != DType::f32) return Status::error(Code::dtype, "[kmap] input: expected f32");
  if (Status s = check_value("kmap", input); !s.ok()) return s;
  Size size;
  if (Status s = window_output("kmap", input, window, &size); !s.ok()) return s;
  *out = std::make_unique<Kmap>(input, window, size, isa);
  return {};
}

}  // namespace xnorkit
