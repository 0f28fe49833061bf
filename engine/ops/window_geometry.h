// Where windows fall on a picture: checks, output sizes, and the taps of one output pixel. For convolutions with wide
// inputs and for pools.
#pragma once
#include <algorithm>

#include "ops/op.h"

namespace xnorkit {

inline constexpr int32_t kMaxDim = 65535;
inline constexpr int64_t kMaxElements = int64_t{1} << 31;

// Every size of the value at least 1 and its elements below kMaxElements. XK_SHAPE, XK_LIMIT.
Status check_value(const char* where, const ValueType& value);

struct Size {
  int32_t h, w;
};

// floor((n + pads - dilation * (kernel - 1) - 1) / stride) + 1 per axis. XK_RANGE a size outside its bounds, XK_SHAPE a
// window wider than the padded input.
Status window_output(const char* where, const ValueType& input, const Window& window, Size* out);

// The same for a pool: undilated (XK_RANGE), padding less than the kernel (XK_SHAPE), so that every window meets the
// picture.
Status pool_output(const char* where, const ValueType& input, const Window& window, Size* out);

// A convolution's geometry, checked. `depth` inputs feed one output channel: taps * run of them, in (kh, kw, c) order;
// a run lies contiguous in the picture wherever its window is inside.
struct ConvShape {
  ValueType input;
  Window window;
  int32_t groups, out_channels;
  Size out;
  int32_t group_channels, group_outputs;
  bool merged;  // a whole kernel row is one run: ungrouped and undilated along w
  int32_t taps, run;
  int64_t depth;
  bool padded;  // some window reaches outside the picture

  int64_t out_pixels() const { return int64_t{out.h} * out.w; }
  int64_t weights() const { return depth * out_channels; }
};

// XK_RANGE, XK_SHAPE (channels no multiples of groups, window), XK_LIMIT.
Status conv_shape(const char* where, const ValueType& input, const Window& window, int32_t out_channels,
                     int32_t groups, ConvShape* out);

// A matrix product is a 1x1 convolution of a (1, 1, C) picture. XK_SHAPE for any other input, XK_RANGE, XK_LIMIT.
Status dense_shape(const char* where, const ValueType& input, int32_t out_features, ConvShape* out);

// Top left corner of an output pixel's window, maybe outside the picture.
struct Corner {
  int64_t y, x;
};

inline Corner corner_of(const ConvShape& g, int64_t pixel) {
  return {pixel / g.out.w * g.window.stride_h - g.window.pad_top,
          pixel % g.out.w * g.window.stride_w - g.window.pad_left};
}

// Copies the `depth` inputs of one output pixel and one group to `to`, zeros where a tap is outside, each element
// converted as U(T).
template <class T, class U>
void gather_patch(const ConvShape& g, const T* image, int64_t pixel, int32_t group, U* to) {
  const Corner corner = corner_of(g, pixel);
  const int64_t channels = g.input.c, width = g.input.w;
  for (int32_t kh = 0; kh < g.window.kernel_h; ++kh) {
    const int64_t y = corner.y + int64_t{kh} * g.window.dilation_h;
    const bool row_inside = y >= 0 && y < g.input.h;
    const T* row = row_inside ? image + y * width * channels : image;
    if (g.merged) {
      const int64_t first = row_inside ? std::clamp<int64_t>(-corner.x, 0, g.window.kernel_w) : g.window.kernel_w;
      const int64_t last = std::clamp<int64_t>(width - corner.x, first, g.window.kernel_w);
      to = std::fill_n(to, first * channels, U{});
      if (last > first) to = std::copy(row + (corner.x + first) * channels, row + (corner.x + last) * channels, to);
      to = std::fill_n(to, (g.window.kernel_w - last) * channels, U{});
      continue;
    }
    for (int32_t kw = 0; kw < g.window.kernel_w; ++kw) {
      const int64_t x = corner.x + int64_t{kw} * g.window.dilation_w;
      if (row_inside && x >= 0 && x < width) {
        const T* from = row + x * channels + int64_t{group} * g.group_channels;
        to = std::copy(from, from + g.group_channels, to);
      } else {
        to = std::fill_n(to, g.group_channels, U{});
      }
    }
  }
}

}  // namespace xnorkit
