#include "ops/bconv2d_plan.h"

#include <algorithm>
#include <map>
#include <utility>

namespace xnorkit {
namespace {

// Pixels of a block that keep a panel's unpacked weights busy; blocks grow until they have as many.
constexpr int32_t kBlockPixels = 56;

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

void plan_entries(const ConvGeometry& geometry, int32_t entry_pixels, ConvPlan* plan) {
  const Window& w = geometry.window;
  plan->geometry = geometry;
  plan->entry_pixels = entry_pixels;
  plan->row_entries = geometry.out_w / entry_pixels;
  plan->paired_column = entry_pixels == 2 && geometry.out_w % 2 == 1;
  int32_t rows = std::min(geometry.out_h, (kBlockPixels + geometry.out_w - 1) / geometry.out_w);
  if (plan->paired_column && rows % 2 == 1 && rows < geometry.out_h) ++rows;
  plan->block_rows = rows;
  plan->ring_rows = (rows - 1) * w.stride_h + (w.kernel_h - 1) * w.dilation_h + 1;
  plan->columns.clear();
  plan->entry_columns.clear();
  // Position of column ix (+ pad_left) in columns, or -1: across pairs or single pixels first, down pairs second.
  const size_t padded =
      static_cast<size_t>(geometry.in_w) + static_cast<size_t>(w.pad_left) + static_cast<size_t>(w.pad_right);
  std::vector<int32_t> known[2] = {std::vector<int32_t>(padded, -1), std::vector<int32_t>(padded, -1)};
  for (int32_t entry = 0; entry < plan->row_entries + plan->paired_column; ++entry) {
    const bool down = entry == plan->row_entries;
    const int32_t x = down ? geometry.out_w - 1 : entry * entry_pixels;
    for (int32_t kx = 0; kx < w.kernel_w; ++kx) {
      const int32_t from_pad = x * w.stride_w + kx * w.dilation_w;
      int32_t& index = known[down][static_cast<size_t>(from_pad)];
      if (index < 0) {
        index = static_cast<int32_t>(plan->columns.size());
        const bool across = entry_pixels == 2 && !down;
        plan->columns.push_back({from_pad - w.pad_left, across ? w.stride_w : 0, down ? w.stride_h : 0});
      }
      plan->entry_columns.push_back(index);
    }
  }
}

EntryPixels entry_pixels_of(const ConvPlan& plan, int32_t rows, int32_t entry) {
  const int32_t across = rows * plan.row_entries, kernel_w = plan.geometry.window.kernel_w;
  if (entry >= across) {
    const int32_t y = 2 * (entry - across), x = plan.geometry.out_w - 1;
    return {{y, y + 1 < rows ? y + 1 : -1}, {x, x}, plan.row_entries * kernel_w};
  }
  const int32_t y = entry / plan.row_entries, i = entry % plan.row_entries, x = i * plan.entry_pixels;
  return {{y, plan.entry_pixels == 2 ? y : -1}, {x, x + 1}, i * kernel_w};
}

}  // namespace xnorkit
