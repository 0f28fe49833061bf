// A band: the picture rows under a few rows of output pixels, padding written out as zeros, so that the windows of
// neighbouring pixels lie at equal distances and kernels need no pointers.
//
//   band[y][x][c] = picture[first + y][x - pad_left][c], or 0 outside
#pragma once
#include "ops/tiling.h"
#include "ops/window_geometry.h"

namespace xnorkit {

struct Band {
  int64_t columns;  // padded picture columns that some window reaches
  int64_t row;      // elements of one band row: columns, then `slack` zeros

  explicit Band(const ConvShape& g, int64_t slack = 0)
      : columns(int64_t{g.out.w - 1} * g.window.stride_w + g.window.kernel_w), row(columns * g.input.c + slack) {}

  // Band rows under `rows` rows of output.
  static int64_t height(const ConvShape& g, int32_t rows) {
    return int64_t{rows - 1} * g.window.stride_h + int64_t{g.window.kernel_h - 1} * g.window.dilation_h + 1;
  }
  static int64_t pixel_step(const ConvShape& g) { return int64_t{g.window.stride_w} * g.input.c; }

  // Fills the band under output rows oy .. oy + rows - 1; copy(from, count, to) converts contiguous elements.
  template <class T, class U, class Copy>
  void fill(const ConvShape& g, const T* image, int32_t oy, int32_t rows, U* to, Copy copy) const {
    const int64_t c = g.input.c, count = height(g, rows);
    const int64_t left = std::min<int64_t>(g.window.pad_left, columns);
    const int64_t right = std::clamp<int64_t>(int64_t{g.window.pad_left} + g.input.w, left, columns);
    int64_t y = int64_t{oy} * g.window.stride_h - g.window.pad_top;
    for (const int64_t end = y + count; y < end; ++y, to += row) {
      if (y < 0 || y >= g.input.h) {
        std::fill_n(to, row, U{});
        continue;
      }
      std::fill_n(to, left * c, U{});
      if (right > left) copy(image + y * g.input.w * c, (right - left) * c, to + left * c);
      std::fill_n(to + right * c, row - right * c, U{});
    }
  }
};

// A unit of a convolution by bands: some rows of one image's output, times all blocks of 16 channels or kStepBlocks.
struct BandTiling {
  static constexpr size_t kMaxBytes = 256 * 1024;  // a band stays in the second-level cache

  int32_t rows, groups, parts, blocks, out_h;

  BandTiling(const ConvShape& g, int32_t all_blocks, int64_t batch)
      : rows(static_cast<int32_t>(std::min<int64_t>(g.out.h, ceil_div(kChunkPixels, g.out.w)))),
        groups(static_cast<int32_t>(ceil_div(g.out.h, rows))),
        parts(groups * batch < kManyChunks ? static_cast<int32_t>(ceil_div(all_blocks, kStepBlocks)) : 1),
        blocks(all_blocks),
        out_h(g.out.h) {}

  int64_t units(int64_t batch) const { return batch * groups * parts; }

  struct Unit {
    int64_t image;
    int32_t y, rows, first_block, last_block;
  };
  Unit unit(int64_t index) const {
    const int32_t part = static_cast<int32_t>(index % parts), step = parts == 1 ? blocks : kStepBlocks;
    const int64_t group = index / parts;
    const int32_t y = static_cast<int32_t>(group % groups) * rows;
    return {group / groups, y, std::min(rows, out_h - y), part * step, std::min(blocks, (part + 1) * step)};
  }

  // What the unit writes.
  UnitBlock block(int64_t index, const ConvShape& g) const {
    const Unit u = unit(index);
    return {(u.image * out_h + u.y) * g.out.w, u.rows * g.out.w, u.first_block * kLanes,
            std::min(u.last_block * kLanes, g.out_channels)};
  }
};

// Whether a convolution can run by bands of `bytes` an element: its kernel rows are runs, and a band stays small.
inline bool band_fits(const ConvShape& g, size_t bytes, int64_t slack) {
  const BandTiling cut(g, 1, 1);
  const double size = static_cast<double>(Band(g, slack).row) * static_cast<double>(Band::height(g, cut.rows));
  return g.merged && size * static_cast<double>(bytes) <= static_cast<double>(BandTiling::kMaxBytes);
}

}  // namespace xnorkit
