// Geometry of an indirect binary convolution: which prepared rows exist, which entries use them, which border class a
// pixel has. Built once per op; run() only indexes.
//
// A prepared row belongs to a position (iy, ix) of the padded input plane. Kernels with two pixels to an entry pair the
// pixels (y, x) and (y, x + 1) of one output row, so their rows pair ix with ix + stride_w ("across"). In maps of odd
// width the last column pairs rows y and y + 1 instead: iy with iy + stride_h ("down").
#pragma once
#include <vector>

#include "ops/binary_panels.h"

namespace xnorkit {

struct ConvGeometry {
  int32_t in_h, in_w, in_c;
  int32_t out_h, out_w;
  Window window;
};

// Where a plane column's rows come from: pixel (iy, ix) and its partner (iy + down, ix + across); no partner: both 0.
struct PlaneColumn {
  int32_t ix, across, down;
};

struct ConvPlan {
  ConvGeometry geometry;
  int32_t entry_pixels;
  int32_t row_entries;  // entries of one output row, all across (or single pixels)
  bool paired_column;   // entry_pixels 2 and odd width: the last column is paired down
  int32_t block_rows;   // output rows of one unit
  int32_t ring_rows;    // plane rows alive at once
  std::vector<PlaneColumn> columns;
  std::vector<int32_t> entry_columns;  // (row_entries + paired_column, kernel_w): index into columns
  std::vector<TapRect> classes;
  std::vector<int32_t> class_of_row, class_of_column;  // class = class_of_row[y] * column classes + class_of_column[x]
  int32_t column_classes;

  int32_t row_blocks() const { return (geometry.out_h + block_rows - 1) / block_rows; }
  // Entries of a block of `rows` output rows.
  int32_t entries(int32_t rows) const { return rows * row_entries + (paired_column ? (rows + 1) / 2 : 0); }
  int32_t border_class(int32_t y, int32_t x) const {
    return class_of_row[static_cast<size_t>(y)] * column_classes + class_of_column[static_cast<size_t>(x)];
  }
  // Plane row of the first tap of output row y, counted from the padded top.
  int32_t plane_row(int32_t y) const { return y * geometry.window.stride_h; }
};

// Output pixel(s) of one entry, relative to its block; y[1] = -1 where there is no second pixel.
struct EntryPixels {
  int32_t y[2], x[2], columns;  // columns: first of its kernel_w indices in entry_columns
};

// Rows and columns of border classes do not depend on the kernel; entries do.
void plan_classes(const ConvGeometry& geometry, int32_t pad_value, ConvPlan* plan);
void plan_entries(const ConvGeometry& geometry, int32_t entry_pixels, ConvPlan* plan);
EntryPixels entry_pixels_of(const ConvPlan& plan, int32_t rows, int32_t entry);

}  // namespace xnorkit
