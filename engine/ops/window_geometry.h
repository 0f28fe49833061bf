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
Status conv_shape(const char* where, const ValueType& input, const Window& window, int32_t out_channels, int32_t groups,
                  ConvShape* out);

// A matrix product is a 1x1 convolution of a (1, 1, C) picture. XK_SHAPE for any other input, XK_RANGE, XK_LIMIT.
Status dense_shape(const char* where, const ValueType& input, int32_t out_features, ConvShape* out);

// An output pixel of a batch; next() walks in order without divisions.
struct Position {
  int64_t image;
  int32_t y, x;

  Position(const ConvShape& g, int64_t pixel)
      : image(pixel / g.out_pixels()),
        y(static_cast<int32_t>(pixel % g.out_pixels() / g.out.w)),
        x(static_cast<int32_t>(pixel % g.out.w)) {}

  void next(const ConvShape& g) {
    if (++x < g.out.w) return;
    x = 0;
    if (++y < g.out.h) return;
    y = 0;
    ++image;
  }
};

// Top left corner of an output pixel's window, maybe outside the picture.
struct Corner {
  int64_t y, x;
};

inline Corner corner_of(const ConvShape& g, const Position& at) {
  return {int64_t{at.y} * g.window.stride_h - g.window.pad_top, int64_t{at.x} * g.window.stride_w - g.window.pad_left};
}

// All taps inside the picture, as for most pixels.
inline bool inside(const ConvShape& g, const Corner& corner) {
  return corner.y >= 0 && corner.y + int64_t{g.window.kernel_h - 1} * g.window.dilation_h < g.input.h &&
         corner.x >= 0 && corner.x + int64_t{g.window.kernel_w - 1} * g.window.dilation_w < g.input.w;
}

// Brings the `depth` inputs of one output pixel and one group to `to`, zeros where a tap is outside;
// copy(from, count, to) converts the contiguous ones.
template <class T, class U, class Copy>
void gather_patch(const ConvShape& g, const T* image, const Position& at, int32_t group, U* to, Copy copy) {
  const Corner corner = corner_of(g, at);
  const int64_t channels = g.input.c, width = g.input.w;
  for (int32_t kh = 0; kh < g.window.kernel_h; ++kh) {
    const int64_t y = corner.y + int64_t{kh} * g.window.dilation_h;
    const bool row_inside = y >= 0 && y < g.input.h;
    const T* row = row_inside ? image + y * width * channels : image;
    if (g.merged) {
      const int64_t first = row_inside ? std::clamp<int64_t>(-corner.x, 0, g.window.kernel_w) : g.window.kernel_w;
      const int64_t last = std::clamp<int64_t>(width - corner.x, first, g.window.kernel_w);
      to = std::fill_n(to, first * channels, U{});
      if (last > first) copy(row + (corner.x + first) * channels, (last - first) * channels, to);
      to += (last - first) * channels;
      to = std::fill_n(to, (g.window.kernel_w - last) * channels, U{});
      continue;
    }
    for (int32_t kw = 0; kw < g.window.kernel_w; ++kw) {
      const int64_t x = corner.x + int64_t{kw} * g.window.dilation_w;
      if (row_inside && x >= 0 && x < width) {
        copy(row + x * channels + int64_t{group} * g.group_channels, int64_t{g.group_channels}, to);
        to += g.group_channels;
      } else {
        to = std::fill_n(to, g.group_channels, U{});
      }
    }
  }
}

}  // namespace xnorkit
