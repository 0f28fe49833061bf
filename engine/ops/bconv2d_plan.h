// Geometry of an indirect binary convolution: which prepared rows exist, where an entry finds them, which border class
// a pixel has. Built once per op; run() only indexes.
//
// The plane holds prepared rows for positions (iy, ix) of the padded input, one plane row per iy that a block of output
// rows needs. Kernels with two pixels to an entry pair the pixels (y, x) and (y, x + 1) of one output row, so their
// rows pair ix with ix + stride_w ("across"). In maps of odd width the last column pairs rows y and y + 1 instead, iy
// with iy + stride_h ("down"). Columns ascend, so undilated taps of one kernel row lie behind each other.
#pragma once
#include <vector>

#include "ops/binary_panels.h"

namespace xnorkit {

struct ConvGeometry {
  int32_t in_h, in_w, in_c;
  int32_t out_h, out_w;
  Window window;
};

// Where a plane column's rows come from: byte offsets of pixels in their input rows, -1 outside the picture or absent;
// the second pixel's row is `down` rows below the first's.
struct PlaneColumn {
  int64_t a, b;
  int32_t down;
};

// Entries of a block of `rows` output rows. Arrays of pixels are (entries, entry_pixels); absent pixels are -1.
struct BlockTable {
  int32_t rows, entries;
  std::vector<uint32_t> offsets;  // (taps / run_taps, entries): byte offsets in the plane
  std::vector<int32_t> pixels;    // counted from the block's first
  std::vector<int32_t> row_of, column_class;
};

struct ConvPlan {
  ConvGeometry geometry;
  int32_t entry_pixels;
  size_t position_bytes;  // prepared row of one position, all groups
  int32_t run_taps;       // taps of one kernel row that kernels take as one: kernel_w, or 1
  int32_t block_rows;     // output rows of one unit, save perhaps the last
  int32_t plane_rows;     // that block_rows need
  std::vector<PlaneColumn> columns;
  BlockTable full, last;  // last: of the last block when it has fewer rows
  std::vector<TapRect> classes;
  std::vector<int32_t> class_of_row, class_of_column;  // class = class_of_row[y] * column_classes + class_of_column[x]
  int32_t column_classes;

  int32_t row_blocks() const { return (geometry.out_h + block_rows - 1) / block_rows; }
  const BlockTable& table(int32_t rows) const { return rows == full.rows ? full : last; }
  size_t plane_row_bytes() const { return columns.size() * position_bytes; }
};

// Checks everything about shapes and fills the geometry. XK_DTYPE, XK_RANGE, XK_SHAPE, XK_LIMIT as make_bconv2d says.
Status check_bconv2d(const ValueType& input, const Window& window, int32_t out_channels, int32_t groups,
                     int32_t pad_value, ConvGeometry* geometry);

// Border classes do not depend on the kernel; the plane and the entries do.
void plan_classes(const ConvGeometry& geometry, int32_t pad_value, ConvPlan* plan);
// After plan_classes. XK_LIMIT when the plane or the tables would pass 1 GiB.
Status plan_entries(const ConvGeometry& geometry, int32_t entry_pixels, size_t position_bytes, int32_t run_taps,
                    ConvPlan* plan);

}  // namespace xnorkit
