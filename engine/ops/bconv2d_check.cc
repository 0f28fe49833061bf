// Shapes and sizes of a binary convolution, checked before anything is allocated.
#include "ops/bconv2d_plan.h"

namespace xnorkit {
namespace {

constexpr int32_t kMaxDim = 65535;
constexpr int64_t kMaxElements = (int64_t{1} << 31) - 1;  // of one value or tensor: stay below

Status in_range(const char* what, int64_t value, int64_t low, int64_t high) {
  if (value >= low && value <= high) return {};
  return Status::error(Code::range, "[bconv2d] %s: got %lld, expected %lld..%lld", what, static_cast<long long>(value),
                       static_cast<long long>(low), static_cast<long long>(high));
}

Status check_sizes(const ValueType& input, const Window& w, int32_t out_channels, int32_t groups, int32_t pad_value) {
  struct Row {
    const char* what;
    int32_t value, low, high;
  };
  const Row rows[] = {
      {"H", input.h, 1, kMaxDim},
      {"W", input.w, 1, kMaxDim},
      {"C", input.c, 1, kMaxDim},
      {"out_channels", out_channels, 1, kMaxDim},
      {"groups", groups, 1, kMaxDim},
      {"pad_value", pad_value, -1, 1},
      {"kernel height", w.kernel_h, 1, kMaxDim},
      {"kernel width", w.kernel_w, 1, kMaxDim},
      {"stride height", w.stride_h, 1, kMaxDim},
      {"stride width", w.stride_w, 1, kMaxDim},
      {"dilation height", w.dilation_h, 1, kMaxDim},
      {"dilation width", w.dilation_w, 1, kMaxDim},
      {"padding top", w.pad_top, 0, kMaxDim},
      {"padding left", w.pad_left, 0, kMaxDim},
      {"padding bottom", w.pad_bottom, 0, kMaxDim},
      {"padding right", w.pad_right, 0, kMaxDim},
  };
  for (const Row& row : rows) {
    if (Status status = in_range(row.what, row.value, row.low, row.high); !status.ok()) return status;
  }
  if (input.c % groups != 0 || out_channels % groups != 0) {
    return Status::error(Code::shape, "[bconv2d] channels: got C=%d, O=%d, expected multiples of groups=%d", input.c,
                         out_channels, groups);
  }
  return {};
}

// Output size of one axis: floor((size + pads - dilation (kernel - 1) - 1) / stride) + 1.
Status output_size(const char* what, int32_t size, int64_t pads, int64_t kernel, int32_t stride, int32_t dilation,
                   int32_t* out) {
  const int64_t span = dilation * (kernel - 1) + 1;
  if (size + pads < span) {
    return Status::error(Code::shape,
                         "[bconv2d] kernel %s: got %lld wide on %lld, expected no wider than the padded input", what,
                         static_cast<long long>(span), static_cast<long long>(size + pads));
  }
  *out = static_cast<int32_t>((size + pads - span) / stride) + 1;
  return {};
}

// Product below kMaxElements, so that every count and accumulator is an int32; the factors are at most 3 * 65535.
Status check_elements(const char* what, int64_t a, int64_t b, int64_t c, int64_t d) {
  const int64_t front = a * b;
  if (front < kMaxElements && front * c < kMaxElements && front * c * d < kMaxElements) return {};
  return Status::error(Code::limit, "[bconv2d] %s: got %lld x %lld x %lld x %lld elements, expected less than 2^31 - 1",
                       what, static_cast<long long>(a), static_cast<long long>(b), static_cast<long long>(c),
                       static_cast<long long>(d));
}

}  // namespace

Status check_bconv2d(const ValueType& input, const Window& window, int32_t out_channels, int32_t groups,
                     int32_t pad_value, ConvGeometry* geometry) {
  if (input.dtype != DType::bits) {
    return Status::error(Code::dtype, "[bconv2d] input: got a type other than bits, expected bits");
  }
  const Window& w = window;
  Status status = check_sizes(input, w, out_channels, groups, pad_value);
  if (!status.ok()) return status;
  *geometry = {input.h, input.w, input.c, 0, 0, window};
  const int64_t pads_h = int64_t{w.pad_top} + w.pad_bottom, pads_w = int64_t{w.pad_left} + w.pad_right;
  status = output_size("height", input.h, pads_h, w.kernel_h, w.stride_h, w.dilation_h, &geometry->out_h);
  if (!status.ok()) return status;
  status = output_size("width", input.w, pads_w, w.kernel_w, w.stride_w, w.dilation_w, &geometry->out_w);
  if (!status.ok()) return status;
  if (status = check_elements("input", input.h, input.w, input.c, 1); !status.ok()) return status;
  if (status = check_elements("output", geometry->out_h, geometry->out_w, out_channels, 1); !status.ok()) return status;
  return check_elements("weight", out_channels, w.kernel_h, w.kernel_w, input.c / groups);
}

}  // namespace xnorkit
