#include "ops/bconv2d_plan.h"

#include <algorithm>
#include <map>
#include <utility>

namespace xnorkit {
namespace {

// Pixels of a block that keep a panel's unpacked weights busy; blocks grow until they have as many.
constexpr int32_t kBlockPixels = 56;
constexpr size_t kMaxBytes = size_t{1} << 30;  // of the plane, and of the tables

size_t padded_width(const ConvGeometry& geometry) {
  const Window& w = geometry.window;
  return static_cast<size_t>(geometry.in_w) + static_cast<size_t>(w.pad_left) + static_cast<size_t>(w.pad_right);
}

struct Range {
  int32_t begin, end;
};

// Taps of output position `out` that lie inside [0, size) on one axis; contiguous, perhaps empty.
Range taps_inside(int64_t out, int32_t size, int32_t kernel, int32_t stride, int32_t dilation, int32_t pad) {
  const int64_t start = out * stride - pad;
  const int64_t begin = start >= 0 ? 0 : (-start + dilation - 1) / dilation;
  const int64_t end = start >= size ? 0 : (size - 1 - start) / dilation + 1;
  const int32_t low = static_cast<int32_t>(std::min<int64_t>(begin, kernel));
  const int32_t high = static_cast<int32_t>(std::clamp<int64_t>(end, low, kernel));
  return low < high ? Range{low, high} : Range{0, 0};
}

// Class of every position on one axis: equal ranges share one.
std::vector<int32_t> classify(int32_t count, int32_t size, int32_t kernel, int32_t stride, int32_t dilation,
                              int32_t pad, std::vector<Range>* classes) {
  std::vector<int32_t> class_of(static_cast<size_t>(count));
  std::map<std::pair<int32_t, int32_t>, int32_t> known;
  for (int32_t i = 0; i < count; ++i) {
    const Range range = taps_inside(i, size, kernel, stride, dilation, pad);
    const auto [at, added] = known.try_emplace({range.begin, range.end}, static_cast<int32_t>(classes->size()));
    if (added) classes->push_back(range);
    class_of[static_cast<size_t>(i)] = at->second;
  }
  return class_of;
}

struct Entry {
  int32_t y, x;  // first pixel
  bool down;
};

// Entries of a block: all across (or single) ones row by row, then the last column of an odd width, two rows at a time.
std::vector<Entry> list_entries(const ConvGeometry& geometry, int32_t entry_pixels, int32_t rows) {
  std::vector<Entry> entries;
  for (int32_t y = 0; y < rows; ++y) {
    for (int32_t x = 0; x + entry_pixels <= geometry.out_w; x += entry_pixels) entries.push_back({y, x, false});
  }
  if (entry_pixels == 1 || geometry.out_w % 2 == 0) return entries;
  for (int32_t y = 0; y < rows; y += 2) entries.push_back({y, geometry.out_w - 1, true});
  return entries;
}

// The columns of the plane, found by what they pair: the padded x of the first pixel, and across or down.
class Columns {
 public:
  Columns(const ConvGeometry& geometry, int32_t entry_pixels, std::vector<PlaneColumn>* columns) {
    const Window& w = geometry.window;
    const auto bytes = [&](int32_t ix) {
      return ix < 0 || ix >= geometry.in_w ? int64_t{-1} : int64_t{ix} * ((geometry.in_c + 7) / 8);
    };
    for (auto& index : index_) index.assign(padded_width(geometry), -1);
    for (const Entry& e : list_entries(geometry, entry_pixels, 1)) {
      for (int32_t kx = 0; kx < w.kernel_w; ++kx) index_[e.down][first_x(w, e, kx)] = 0;
    }
    for (const bool down : {false, true}) {
      for (size_t x = 0; x < index_[down].size(); ++x) {
        if (index_[down][x] < 0) continue;
        index_[down][x] = static_cast<int32_t>(columns->size());
        const int32_t ix = static_cast<int32_t>(x) - w.pad_left;
        const int64_t second = entry_pixels == 1 ? -1 : bytes(down ? ix : ix + w.stride_w);
        columns->push_back({bytes(ix), second, down ? w.stride_h : 0});
      }
    }
  }

  int32_t index(const Window& w, const Entry& e, int32_t kx) const { return index_[e.down][first_x(w, e, kx)]; }

 private:
  static size_t first_x(const Window& w, const Entry& e, int32_t kx) {
    return static_cast<size_t>(e.x * w.stride_w + kx * w.dilation_w);
  }

  std::vector<int32_t> index_[2];
};

void add_pixel(const ConvPlan& plan, int32_t rows, int32_t y, int32_t x, BlockTable* table) {
  const bool exists = y < rows;
  table->pixels.push_back(exists ? y * plan.geometry.out_w + x : -1);
  table->row_of.push_back(exists ? y : 0);
  table->column_class.push_back(plan.class_of_column[static_cast<size_t>(x)]);
}

BlockTable make_table(const ConvPlan& plan, int32_t rows, const Columns& columns) {
  const Window& w = plan.geometry.window;
  const std::vector<Entry> entries = list_entries(plan.geometry, plan.entry_pixels, rows);
  BlockTable table{rows, static_cast<int32_t>(entries.size()), {}, {}, {}, {}};
  for (int32_t ky = 0; ky < w.kernel_h; ++ky) {
    for (int32_t kx = 0; kx < w.kernel_w; kx += plan.run_taps) {
      for (const Entry& e : entries) {
        const size_t row = static_cast<size_t>(e.y * w.stride_h + ky * w.dilation_h);
        const size_t position = row * plan.columns.size() + static_cast<size_t>(columns.index(w, e, kx));
        table.offsets.push_back(static_cast<uint32_t>(position * plan.position_bytes));
      }
    }
  }
  for (const Entry& e : entries) {
    add_pixel(plan, rows, e.y, e.x, &table);
    if (plan.entry_pixels == 2) add_pixel(plan, rows, e.y + e.down, e.x + !e.down, &table);
  }
  return table;
}

}  // namespace

void plan_classes(const ConvGeometry& geometry, int32_t pad_value, ConvPlan* plan) {
  const Window& w = geometry.window;
  if (pad_value == 1) {  // bit 0 is +1: the prepared zeros are already right
    plan->class_of_row.assign(static_cast<size_t>(geometry.out_h), 0);
    plan->class_of_column.assign(static_cast<size_t>(geometry.out_w), 0);
    plan->column_classes = 1;
    plan->classes = {{0, w.kernel_h, 0, w.kernel_w}};
    return;
  }
  std::vector<Range> rows, columns;
  plan->class_of_row = classify(geometry.out_h, geometry.in_h, w.kernel_h, w.stride_h, w.dilation_h, w.pad_top, &rows);
  plan->class_of_column =
      classify(geometry.out_w, geometry.in_w, w.kernel_w, w.stride_w, w.dilation_w, w.pad_left, &columns);
  plan->column_classes = static_cast<int32_t>(columns.size());
  plan->classes.clear();
  for (const Range& y : rows) {
    for (const Range& x : columns) plan->classes.push_back({y.begin, y.end, x.begin, x.end});
  }
}

Status plan_entries(const ConvGeometry& geometry, int32_t entry_pixels, size_t position_bytes, int32_t run_taps,
                    ConvPlan* plan) {
  const Window& w = geometry.window;
  plan->geometry = geometry;
  plan->entry_pixels = entry_pixels;
  plan->position_bytes = position_bytes;
  plan->run_taps = run_taps;
  int32_t rows = std::min(geometry.out_h, (kBlockPixels + geometry.out_w - 1) / geometry.out_w);
  if (entry_pixels == 2 && geometry.out_w % 2 == 1 && rows % 2 == 1 && rows < geometry.out_h) ++rows;
  plan->block_rows = rows;
  plan->plane_rows = (rows - 1) * w.stride_h + (w.kernel_h - 1) * w.dilation_h + 1;
  // Bounds before any memory is taken: at most one column for each tap of each entry of a row, and at most two
  // (across and down) for each padded position.
  const size_t taps = static_cast<size_t>(w.kernel_h) * static_cast<size_t>(w.kernel_w);
  const size_t row_entries = static_cast<size_t>(geometry.out_w) / static_cast<size_t>(entry_pixels) + 1;
  const size_t columns_at_most = std::min(row_entries * static_cast<size_t>(w.kernel_w), 2 * padded_width(geometry));
  const size_t positions = static_cast<size_t>(plan->plane_rows) * columns_at_most;
  if (taps > kMaxBytes / 16 / (row_entries * static_cast<size_t>(rows)) || positions > kMaxBytes / position_bytes) {
    return Status::error(Code::limit,
                         "[bconv2d] window: got %zu taps and %zu prepared rows of %zu bytes, expected at most 1 GiB",
                         taps, positions, position_bytes);
  }
  plan->columns.clear();
  const Columns columns(geometry, entry_pixels, &plan->columns);
  plan->full = make_table(*plan, rows, columns);
  const int32_t left = geometry.out_h % rows;
  if (left != 0) plan->last = make_table(*plan, left, columns);
  return {};
}

}  // namespace xnorkit
