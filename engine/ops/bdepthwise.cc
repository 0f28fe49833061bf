#include "ops/bdepthwise.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <utility>

#include "base/bits.h"
#include "kernels/bdepth/bdepth.h"
#include "ops/channel_epilogue.h"

namespace xnorkit {
namespace {

constexpr int32_t kBlockRows = 4;              // output rows of a unit
constexpr size_t kMaxBytes = size_t{1} << 30;  // of the band, and of the limits

Status refused(size_t bytes) {
  return Status::error(Code::limit, "[bconv2d] memory: got %zu bytes refused, expected them for a depthwise layer",
                       bytes);
}

// A unit is a few output rows. Their input rows are copied to a band with padding, so that no window leaves it. Groups
// of d channels have d copies of the band: in copy s, lane j of each group holds input (j + s) % d, so that tap (tap,
// s) brings every output another input of its group.
class BDepthwise final : public Op {
 public:
  Status create(const ConvGeometry& geometry, int32_t depth, int32_t pad_value, const uint8_t* weight,
                const Epilogue& epilogue, Isa isa);

  const char* name() const override { return "bconv2d"; }
  const char* kernel_name() const override { return kernel_->name; }
  ValueType output() const override {
    const ConvGeometry& g = plan_.geometry;
    return {epilogue_.output_dtype(), g.out_h, g.out_w, g.in_c};
  }
  size_t packed_bytes() const override { return weights_.bytes(); }
  int64_t units(int32_t batch) const override { return int64_t{batch} * row_blocks(); }
  size_t scratch_bytes() const override { return scratch_.total; }
  void run(const RunArgs& args, int64_t unit_begin, int64_t unit_end, void* scratch) const noexcept override;

 private:
  struct Scratch {
    size_t classes, counts, acc, total;  // the band comes first
  };
  Status allocate(bool thresholds);
  void pack(const uint8_t* weight);
  void make_edges(int32_t pad_value, const Epilogue& epilogue);
  void repeat(uint8_t* row) const;
  void set_limit(size_t border, size_t channel, int32_t limit);
  void fill_band(const uint8_t* picture, int32_t y, int32_t rows, uint8_t* band) const;
  void rotate(const uint8_t* band, int32_t by, uint8_t* to, size_t bytes) const;
  void run_block(const uint8_t* picture, int32_t y0, uint8_t* out, uint8_t* scratch) const;
  void store_counts(const int32_t* classes, const uint8_t* counts, int32_t* acc, uint8_t* out) const;

  int32_t window_taps() const { return plan_.geometry.window.kernel_h * plan_.geometry.window.kernel_w; }
  int32_t taps() const { return window_taps() * depth_; }
  int32_t row_blocks() const { return (plan_.geometry.out_h + kBlockRows - 1) / kBlockRows; }
  int32_t band_rows(int32_t rows) const {
    const Window& w = plan_.geometry.window;
    return (rows - 1) * w.stride_h + (w.kernel_h - 1) * w.dilation_h + 1;
  }

  ConvPlan plan_{};
  ChannelEpilogue epilogue_;
  const bdepth::Kernel* kernel_ = nullptr;
  bool thresholds_ = false;
  int32_t depth_ = 1;  // channels of a group
  int32_t planes_ = 0;
  size_t bytes_ = 0;       // of one pixel
  size_t period_ = 0;      // bdepth::Row::period
  size_t copy_bytes_ = 0;  // of one copy of the band
  size_t band_width_ = 0;  // pixels of a band row
  Scratch scratch_{};
  AlignedBuffer weights_, offsets_, edges_, limits_, flip_, alike_;
};

Status BDepthwise::create(const ConvGeometry& geometry, int32_t depth, int32_t pad_value, const uint8_t* weight,
                          const Epilogue& epilogue, Isa isa) {
  const Window& w = geometry.window;
  plan_classes(geometry, pad_value, &plan_);
  plan_.geometry = geometry;
  depth_ = depth;
  kernel_ = bdepth::select(isa);
  thresholds_ = epilogue.kind == Epilogue::Kind::threshold;
  planes_ = static_cast<int32_t>(std::bit_width(static_cast<uint32_t>(taps()) + 1));
  bytes_ = bytes_of_bits(static_cast<size_t>(geometry.in_c));
  const bool narrow = w.stride_w == 1 && bytes_ < bdepth::kRepeat && bdepth::kRepeat % bytes_ == 0;
  period_ = narrow ? bdepth::kRepeat : bytes_;
  band_width_ = static_cast<size_t>(geometry.in_w) + static_cast<size_t>(w.pad_left) + static_cast<size_t>(w.pad_right);
  copy_bytes_ = static_cast<size_t>(band_rows(std::min(kBlockRows, geometry.out_h))) * band_width_ * bytes_;
  const size_t band = copy_bytes_ * static_cast<size_t>(depth_);
  const size_t lanes = static_cast<size_t>(geometry.out_w) * bytes_ * 8;
  const size_t edges = plan_.classes.size() * period_ * 8;
  if (band > kMaxBytes || lanes > kMaxBytes || edges > kMaxBytes / 8) {
    return Status::error(Code::limit, "[bconv2d] depthwise rows: got %zu bytes, expected at most 1 GiB",
                         std::max({band, lanes, edges * 8}));
  }
  if (Status status = epilogue_.create("bconv2d", epilogue, geometry.in_c, isa); !status.ok()) return status;
  if (Status status = allocate(thresholds_); !status.ok()) return status;
  pack(weight);
  make_edges(pad_value, epilogue);
  size_t end = align_up(band);
  const auto take = [&end](size_t size) { return std::exchange(end, end + align_up(size)); };
  scratch_.classes = take(static_cast<size_t>(geometry.out_w) * sizeof(int32_t));
  scratch_.counts = take(thresholds_ ? 0 : lanes);
  scratch_.acc = take(thresholds_ ? 0 : lanes * sizeof(int32_t));
  scratch_.total = end;
  return {};
}

Status BDepthwise::allocate(bool thresholds) {
  const size_t classes = plan_.classes.size(), planes = static_cast<size_t>(planes_);
  const size_t weights = static_cast<size_t>(taps()) * period_,
               offsets = static_cast<size_t>(taps()) * sizeof(uint32_t);
  if (!weights_.allocate(weights) || !offsets_.allocate(offsets)) return refused(weights + offsets);
  const size_t edges = classes * (thresholds ? period_ * planes : bytes_ * 8 * sizeof(int32_t));
  if (!(thresholds ? limits_ : edges_).allocate(edges) || !flip_.allocate(period_)) return refused(edges);
  if (!alike_.allocate(plan_.class_of_column.size() * sizeof(int32_t))) return refused(edges);
  return {};
}

// (C, window taps, d) bits -> (window taps, d, C) bits, and where a tap lies in the band.
void BDepthwise::pack(const uint8_t* weight) {
  const Window& w = plan_.geometry.window;
  const size_t depth = static_cast<size_t>(depth_), count = static_cast<size_t>(window_taps());
  for (size_t tap = 0; tap < count * depth; ++tap) {
    const size_t shift = tap % depth, place = tap / depth;
    const size_t ky = place / static_cast<size_t>(w.kernel_w), kx = place % static_cast<size_t>(w.kernel_w);
    const size_t pixel = ky * static_cast<size_t>(w.dilation_h) * band_width_ + kx * static_cast<size_t>(w.dilation_w);
    offsets_.as<uint32_t>()[tap] = static_cast<uint32_t>(shift * copy_bytes_ + pixel * bytes_);
    uint8_t* row = weights_.as() + tap * period_;
    for (size_t c = 0; c < static_cast<size_t>(plan_.geometry.in_c); ++c) {
      const size_t bit = (c * count + place) * depth + (c % depth + shift) % depth;
      row[c / 8] = static_cast<uint8_t>(row[c / 8] | (weight[bit / 8] >> (bit % 8) & 1u) << (c % 8));
    }
    repeat(row);
  }
  int32_t* alike = alike_.as<int32_t>();
  const std::vector<int32_t>& classes = plan_.class_of_column;
  for (size_t x = classes.size(); x-- > 0;) {
    alike[x] = x + 1 < classes.size() && classes[x] == classes[x + 1] ? alike[x + 1] + 1 : 1;
  }
}

void BDepthwise::repeat(uint8_t* row) const {
  for (size_t i = bytes_; i < period_; ++i) row[i] = row[i - bytes_];
}

// acc = edge - 2 pc. The kernels read a padded tap as +1, which adds the weight's sign: edge is the number of taps less
// those signs for pad_value 0, less twice those signs for -1.
void BDepthwise::make_edges(int32_t pad_value, const Epilogue& epilogue) {
  const int32_t outside_weight = pad_value == 0 ? 1 : pad_value == -1 ? 2 : 0, width = plan_.geometry.window.kernel_w;
  if (thresholds_) std::memcpy(flip_.as(), epilogue.flip, bytes_);
  repeat(flip_.as());
  for (size_t border = 0; border < plan_.classes.size(); ++border) {
    const TapRect& r = plan_.classes[border];
    for (size_t c = 0; c < bytes_ * 8; ++c) {
      const bool exists = c < static_cast<size_t>(plan_.geometry.in_c);
      int32_t edge = taps();
      for (int32_t tap = 0; tap < taps() && exists; ++tap) {
        const int32_t y = tap / depth_ / width, x = tap / depth_ % width;
        if (y >= r.y0 && y < r.y1 && x >= r.x0 && x < r.x1) continue;
        const unsigned bit = weights_.as()[static_cast<size_t>(tap) * period_ + c / 8] >> (c % 8) & 1u;
        edge -= outside_weight * (1 - 2 * static_cast<int32_t>(bit));
      }
      if (thresholds_) {
        set_limit(border, c,
                  exists ? static_cast<int32_t>(limit_of(edge, epilogue.threshold[c], taps() + 1)) : taps() + 1);
      } else {
        edges_.as<int32_t>()[border * bytes_ * 8 + c] = edge;
      }
    }
    for (size_t p = 0; p < static_cast<size_t>(planes_) && thresholds_; ++p) {
      repeat(limits_.as() + (border * static_cast<size_t>(planes_) + p) * period_);
    }
  }
}

void BDepthwise::set_limit(size_t border, size_t channel, int32_t limit) {
  for (size_t p = 0; p < static_cast<size_t>(planes_); ++p) {
    uint8_t& byte = limits_.as()[(border * static_cast<size_t>(planes_) + p) * period_ + channel / 8];
    byte = static_cast<uint8_t>(byte | (~static_cast<unsigned>(limit) >> p & 1u) << (channel % 8));
  }
}

void BDepthwise::fill_band(const uint8_t* picture, int32_t y, int32_t rows, uint8_t* band) const {
  const ConvGeometry& g = plan_.geometry;
  const size_t row = static_cast<size_t>(g.in_w) * bytes_, band_row = band_width_ * bytes_;
  const size_t left = static_cast<size_t>(g.window.pad_left) * bytes_;
  const int32_t count = band_rows(rows);
  for (int32_t i = 0; i < count; ++i) {
    uint8_t* to = band + static_cast<size_t>(i) * band_row;
    const int64_t iy = int64_t{y} * g.window.stride_h + i - g.window.pad_top;
    if (iy < 0 || iy >= g.in_h) {
      std::memset(to, 0, band_row);
      continue;
    }
    std::memset(to, 0, left);
    std::memcpy(to + left, picture + static_cast<size_t>(iy) * row, row);
    std::memset(to + left + row, 0, band_row - left - row);
  }
  const size_t bytes = static_cast<size_t>(count) * band_row;
  for (int32_t by = 1; by < depth_; ++by) rotate(band, by, band + static_cast<size_t>(by) * copy_bytes_, bytes);
}

// Fields of depth_ bits, each turned right; 64 bits at a time, little-endian as the fields are.
void BDepthwise::rotate(const uint8_t* band, int32_t by, uint8_t* to, size_t bytes) const {
  const uint64_t field = (1u << depth_) - 1, low = (field >> by) * (~uint64_t{0} / field);
  const auto turn = [&](const uint8_t* from, uint8_t* at, size_t size) {
    uint64_t x = 0;
    std::memcpy(&x, from, size);
    x = (x >> by & low) | (x << (depth_ - by) & ~low);
    std::memcpy(at, &x, size);
  };
  size_t i = 0;
  for (; i + 8 <= bytes; i += 8) turn(band + i, to + i, 8);
  if (i < bytes) turn(band + i, to + i, bytes - i);
}

void BDepthwise::store_counts(const int32_t* classes, const uint8_t* counts, int32_t* acc, uint8_t* out) const {
  const ConvGeometry& g = plan_.geometry;
  const size_t lanes = bytes_ * 8, channels = static_cast<size_t>(g.in_c);
  for (size_t x = 0; x < static_cast<size_t>(g.out_w); ++x) {
    const int32_t* edges = edges_.as<int32_t>() + static_cast<size_t>(classes[x]) * lanes;
    for (size_t c = 0; c < channels; ++c) acc[x * channels + c] = edges[c] - 2 * counts[x * lanes + c];
  }
  epilogue_.store(acc, g.out_w, 0, g.in_c, out, output().row_bytes());
}

void BDepthwise::run_block(const uint8_t* picture, int32_t y0, uint8_t* out, uint8_t* scratch) const {
  const ConvGeometry& g = plan_.geometry;
  int32_t* classes = reinterpret_cast<int32_t*>(scratch + scratch_.classes);
  const int32_t rows = std::min(kBlockRows, g.out_h - y0);
  fill_band(picture, y0, rows, scratch);
  bdepth::Row row{};
  row.pixels = g.out_w;
  row.taps = taps();
  row.planes = planes_;
  row.bytes = bytes_;
  row.step = static_cast<size_t>(g.window.stride_w) * bytes_;
  row.offsets = offsets_.as<uint32_t>();
  row.period = period_;
  row.weights = weights_.as();
  row.limits = thresholds_ ? limits_.as() : nullptr;
  row.classes = classes;
  row.alike = alike_.as<int32_t>();
  row.flip = flip_.as();
  const size_t out_row = static_cast<size_t>(g.out_w) * output().row_bytes();
  for (int32_t y = 0; y < rows; ++y, out += out_row) {
    const int32_t row_class = plan_.class_of_row[static_cast<size_t>(y0 + y)] * plan_.column_classes;
    for (size_t x = 0; x < plan_.class_of_column.size(); ++x) classes[x] = row_class + plan_.class_of_column[x];
    row.band = scratch + static_cast<size_t>(y * g.window.stride_h) * band_width_ * bytes_;
    row.out = thresholds_ ? out : scratch + scratch_.counts;
    kernel_->run(row);
    if (!thresholds_) store_counts(classes, row.out, reinterpret_cast<int32_t*>(scratch + scratch_.acc), out);
  }
}

void BDepthwise::run(const RunArgs& args, int64_t unit_begin, int64_t unit_end, void* scratch) const noexcept {
  const ConvGeometry& g = plan_.geometry;
  const size_t in_bytes = static_cast<size_t>(g.in_h) * static_cast<size_t>(g.in_w) * bytes_;
  const size_t out_row = static_cast<size_t>(g.out_w) * output().row_bytes();
  for (int64_t unit = unit_begin; unit < unit_end; ++unit) {
    const size_t image = static_cast<size_t>(unit / row_blocks());
    const int32_t y0 = static_cast<int32_t>(unit % row_blocks()) * kBlockRows;
    const size_t first_row = image * static_cast<size_t>(g.out_h) + static_cast<size_t>(y0);
    run_block(static_cast<const uint8_t*>(args.inputs[0]) + image * in_bytes, y0,
              static_cast<uint8_t*>(args.output) + first_row * out_row, static_cast<uint8_t*>(scratch));
  }
}

}  // namespace

bool is_bdepthwise(const ConvGeometry& geometry, int32_t groups, int32_t out_channels) {
  const Window& w = geometry.window;
  const int64_t depth = geometry.in_c / groups;
  return groups > 1 && out_channels == geometry.in_c && 8 % depth == 0 &&
         depth * w.kernel_h * w.kernel_w <= bdepth::kMaxTaps;
}

Status make_bdepthwise(const ConvGeometry& geometry, int32_t groups, int32_t pad_value, const uint8_t* weight,
                       size_t weight_bytes, const Epilogue& epilogue, Isa isa, OpPtr* out) {
  const Window& w = geometry.window;
  const int32_t depth = geometry.in_c / groups;
  const size_t window_taps = static_cast<size_t>(w.kernel_h) * static_cast<size_t>(w.kernel_w);
  const size_t bits = window_taps * static_cast<size_t>(depth) * static_cast<size_t>(geometry.in_c);
  if (Status status = check_weight_bits("bconv2d", weight, weight_bytes, bits); !status.ok()) return status;
  auto op = std::unique_ptr<BDepthwise>(new (std::nothrow) BDepthwise);
  if (!op) return Status::error(Code::limit, "[bconv2d] memory: got the op refused, expected it");
  if (Status status = op->create(geometry, depth, pad_value, weight, epilogue, isa); !status.ok()) return status;
  *out = std::move(op);
  return {};
}

}  // namespace xnorkit
