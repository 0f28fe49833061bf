#include "ops/window_geometry.h"

namespace xnorkit {

Status check_value(const char* where, const ValueType& value) {
  if (value.h < 1 || value.w < 1 || value.c < 1) {
    return Status::error(Code::shape, "[%s] value: got (%d, %d, %d), expected sizes of at least 1", where, value.h,
                         value.w, value.c);
  }
  const int64_t plane = int64_t{value.h} * value.w;
  if (plane >= kMaxElements || plane * value.c >= kMaxElements) {
    return Status::error(Code::limit, "[%s] elements: got (%d, %d, %d), expected fewer than %lld", where, value.h,
                         value.w, value.c, static_cast<long long>(kMaxElements));
  }
  return {};
}

namespace {

Status check_dim(const char* where, const char* what, int32_t value, int32_t low, int32_t high = kMaxDim) {
  if (value >= low && value <= high) return {};
  return Status::error(Code::range, "[%s] %s: got %d, expected %d..%d", where, what, value, low, high);
}

Status output_size(const char* where, int64_t n, int64_t pads, int64_t kernel, int64_t dilation, int64_t stride,
                   int32_t* out) {
  const int64_t span = dilation * (kernel - 1) + 1;
  if (n + pads < span) {
    return Status::error(Code::shape, "[%s] kernel: got %lld wide on %lld, expected no wider than the padded input",
                         where, static_cast<long long>(span), static_cast<long long>(n + pads));
  }
  *out = static_cast<int32_t>((n + pads - span) / stride + 1);
  return {};
}

}  // namespace

Status window_output(const char* where, const ValueType& input, const Window& w, Size* out) {
  const struct {
    const char* what;
    int32_t value, low;
  } dims[] = {{"kernel", w.kernel_h, 1},  {"kernel", w.kernel_w, 1},     {"stride", w.stride_h, 1},
              {"stride", w.stride_w, 1},  {"dilation", w.dilation_h, 1}, {"dilation", w.dilation_w, 1},
              {"padding", w.pad_top, 0},  {"padding", w.pad_left, 0},    {"padding", w.pad_bottom, 0},
              {"padding", w.pad_right, 0}};
  if (Status s = check_value(where, input); !s.ok()) return s;
  for (const auto& dim : dims)
    if (Status s = check_dim(where, dim.what, dim.value, dim.low); !s.ok()) return s;
  if (Status s =
          output_size(where, input.h, int64_t{w.pad_top} + w.pad_bottom, w.kernel_h, w.dilation_h, w.stride_h, &out->h);
      !s.ok())
    return s;
  return output_size(where, input.w, int64_t{w.pad_left} + w.pad_right, w.kernel_w, w.dilation_w, w.stride_w, &out->w);
}

Status pool_output(const char* where, const ValueType& input, const Window& w, Size* out) {
  if (Status s = window_output(where, input, w, out); !s.ok()) return s;
  if (w.dilation_h != 1 || w.dilation_w != 1) {
    return Status::error(Code::range, "[%s] dilation: got (%d, %d), expected 1", where, w.dilation_h, w.dilation_w);
  }
  if (std::max(w.pad_top, w.pad_bottom) >= w.kernel_h || std::max(w.pad_left, w.pad_right) >= w.kernel_w) {
    return Status::error(Code::shape, "[%s] padding: got (%d, %d, %d, %d), expected less than the kernel (%d, %d)",
                         where, w.pad_top, w.pad_left, w.pad_bottom, w.pad_right, w.kernel_h, w.kernel_w);
  }
  return check_value(where, {input.dtype, out->h, out->w, input.c});
}

Status conv_shape(const char* where, const ValueType& input, const Window& window, int32_t out_channels, int32_t groups,
                  ConvShape* out) {
  Size size;
  if (Status s = window_output(where, input, window, &size); !s.ok()) return s;
  if (Status s = check_dim(where, "groups", groups, 1); !s.ok()) return s;
  if (Status s = check_dim(where, "output channels", out_channels, 1); !s.ok()) return s;
  if (input.c % groups != 0 || out_channels % groups != 0) {
    return Status::error(Code::shape, "[%s] channels: got C=%d, O=%d, expected multiples of groups=%d", where, input.c,
                         out_channels, groups);
  }
  ConvShape g{};
  g.input = input;
  g.window = window;
  g.groups = groups;
  g.out_channels = out_channels;
  g.out = size;
  g.group_channels = input.c / groups;
  g.group_outputs = out_channels / groups;
  const int64_t taps = int64_t{window.kernel_h} * window.kernel_w;
  if (taps >= kMaxElements || taps * g.group_channels >= kMaxElements ||
      taps * g.group_channels * out_channels >= kMaxElements) {
    return Status::error(Code::limit, "[%s] weight elements: got %d x %d x %d x %d, expected fewer than %lld", where,
                         out_channels, window.kernel_h, window.kernel_w, g.group_channels,
                         static_cast<long long>(kMaxElements));
  }
  g.depth = taps * g.group_channels;
  g.merged = groups == 1 && window.dilation_w == 1;
  g.taps = g.merged ? window.kernel_h : static_cast<int32_t>(taps);
  g.run = g.merged ? window.kernel_w * g.group_channels : g.group_channels;
  g.padded = window.pad_top > 0 || window.pad_left > 0 || window.pad_bottom > 0 || window.pad_right > 0;
  *out = g;
  return check_value(where, ValueType{DType::f32, size.h, size.w, out_channels});
}

Status dense_shape(const char* where, const ValueType& input, int32_t out_features, ConvShape* out) {
  if (input.h != 1 || input.w != 1) {
    return Status::error(Code::shape, "[%s] input: got (%d, %d, %d), expected (1, 1, C)", where, input.h, input.w,
                         input.c);
  }
  return conv_shape(where, input, Window{1, 1}, out_features, 1, out);
}

}  // namespace xnorkit
