#include "ops/bconv2d.h"

#include <algorithm>
#include <new>

#include "base/bits.h"
#include "ops/bconv2d_plan.h"

namespace xnorkit {
namespace {

using bgemm::kBlockEntries;

constexpr int32_t kMaxDim = 65535;
constexpr int64_t kMaxElements = int64_t{1} << 31;  // of one value or tensor: stay below
constexpr size_t kMaxScratch = size_t{1} << 30;

// Where each part of a thread's scratch begins.
struct Scratch {
  size_t plane, rows, sinks, bits, slice_bytes, work, total;
};

class BConv2d final : public Op {
 public:
  Status create(const ConvGeometry& geometry, const PanelShape& shape, int32_t pad_value, const uint8_t* weight,
                size_t weight_bytes, const Epilogue& epilogue, Isa isa);

  const char* name() const override { return "bconv2d"; }
  const char* kernel_name() const override { return panels_.kernel().name; }
  ValueType output() const override {
    return {panels_.epilogue().output_dtype(), plan_.geometry.out_h, plan_.geometry.out_w,
            panels_.shape().out_channels};
  }
  size_t packed_bytes() const override { return panels_.packed_bytes(); }
  int64_t units(int32_t batch) const override { return int64_t{batch} * plan_.row_blocks() * unit_slices_; }
  size_t scratch_bytes() const override { return scratch_.total; }
  void run(const RunArgs& args, int64_t unit_begin, int64_t unit_end, void* scratch) const noexcept override;

 private:
  struct Frame;  // one run(): pointers into scratch, the block's place
  Status size_scratch();
  void prepare_rows(Frame& frame) const;
  void prepare_position(Frame& frame, int32_t iy, const PlaneColumn& column, uint8_t* dst) const;
  const uint8_t* pixel(const Frame& frame, int32_t iy, int32_t ix) const;
  void run_block(Frame& frame, int32_t slice_begin, int32_t slice_end) const;
  void point_rows(Frame& frame, int32_t first, int32_t count) const;
  void run_slice(Frame& frame, int32_t slice, int32_t first, int32_t count) const;
  void point_sinks(Frame& frame, int32_t slice, int32_t first, int32_t count) const;
  void merge_bits(Frame& frame, int32_t slice, int32_t first, int32_t count) const;

  ConvPlan plan_;
  BinaryPanels panels_;
  Scratch scratch_{};
  size_t row_bytes_ = 0;       // one prepared row of one group
  size_t position_bytes_ = 0;  // all groups
  int32_t unit_slices_ = 1;    // units of one row block
};

struct BConv2d::Frame {
  const uint8_t* input;  // of the picture at hand
  uint8_t* output;
  uint8_t* scratch;
  int32_t y0, rows;      // output rows of the block
  int32_t prepared = 0;  // plane rows below this are done (or passed by)

  template <class T>
  T* at(size_t offset) const {
    return reinterpret_cast<T*>(scratch + offset);
  }
};

Status BConv2d::create(const ConvGeometry& geometry, const PanelShape& shape, int32_t pad_value, const uint8_t* weight,
                       size_t weight_bytes, const Epilogue& epilogue, Isa isa) {
  plan_classes(geometry, pad_value, &plan_);
  const int64_t edges = static_cast<int64_t>(plan_.classes.size()) * shape.out_channels;
  if (edges >= kMaxElements / 4) {
    return Status::error(Code::limit, "[bconv2d] border classes x outputs: got %lld, expected less than %lld",
                         static_cast<long long>(edges), static_cast<long long>(kMaxElements / 4));
  }
  Status status = panels_.create("bconv2d", shape, weight, weight_bytes, epilogue, isa, plan_.classes.data(),
                                 plan_.classes.size(), pad_value);
  if (!status.ok()) return status;
  plan_entries(geometry, panels_.kernel().entry_pixels, &plan_);
  unit_slices_ = panels_.slices_disjoint() ? shape.slices() : 1;
  return size_scratch();
}

Status BConv2d::size_scratch() {
  const PanelShape& shape = panels_.shape();
  row_bytes_ = panels_.kernel().row_bytes(shape.channels);
  position_bytes_ = row_bytes_ * static_cast<size_t>(shape.groups);
  const size_t positions = static_cast<size_t>(plan_.ring_rows) * plan_.columns.size();
  const size_t row_pointers = static_cast<size_t>(shape.taps()) * kBlockEntries;
  if (positions > kMaxScratch / position_bytes_ || row_pointers > kMaxScratch / sizeof(void*)) {
    return Status::error(Code::limit, "[bconv2d] scratch: got %zu rows of %zu bytes, expected at most %zu bytes",
                         positions, position_bytes_, kMaxScratch);
  }
  const size_t pixels = static_cast<size_t>(kBlockEntries) * 2;
  size_t end = 0;
  const auto take = [&end](size_t bytes) { return std::exchange(end, end + align_up(bytes)); };
  scratch_.plane = take(positions * position_bytes_);
  scratch_.rows = take(row_pointers * sizeof(void*));
  scratch_.sinks = take(pixels * sizeof(bgemm::Sink));
  scratch_.bits = take(pixels * 8);
  scratch_.slice_bytes = take(2 * align_up(bytes_of_bits(static_cast<size_t>(shape.channels))));
  scratch_.work = take(panels_.kernel().work_bytes());
  scratch_.total = end;
  return {};
}

void BConv2d::run(const RunArgs& args, int64_t unit_begin, int64_t unit_end, void* scratch) const noexcept {
  const ConvGeometry& g = plan_.geometry;
  const size_t input_bytes = ValueType{DType::bits, g.in_h, g.in_w, g.in_c}.bytes();
  const int64_t blocks = plan_.row_blocks();
  Frame frame{};
  frame.scratch = static_cast<uint8_t*>(scratch);
  int64_t picture = -1;
  while (unit_begin < unit_end) {
    const int64_t block = unit_begin / unit_slices_;
    const int64_t stop = std::min(unit_end, (block + 1) * unit_slices_);
    if (block / blocks != picture) {
      picture = block / blocks;
      frame.input = static_cast<const uint8_t*>(args.inputs[0]) + static_cast<size_t>(picture) * input_bytes;
      frame.output = static_cast<uint8_t*>(args.output) + static_cast<size_t>(picture) * output().bytes();
      frame.prepared = 0;
    }
    frame.y0 = static_cast<int32_t>(block % blocks) * plan_.block_rows;
    frame.rows = std::min(plan_.block_rows, g.out_h - frame.y0);
    prepare_rows(frame);
    if (unit_slices_ == 1) {
      run_block(frame, 0, panels_.shape().slices());
    } else {
      run_block(frame, static_cast<int32_t>(unit_begin % unit_slices_),
                static_cast<int32_t>(stop - block * unit_slices_));
    }
    unit_begin = stop;
  }
}

const uint8_t* BConv2d::pixel(const Frame& frame, int32_t iy, int32_t ix) const {
  const ConvGeometry& g = plan_.geometry;
  if (iy < 0 || iy >= g.in_h || ix < 0 || ix >= g.in_w) return nullptr;
  const size_t row_bytes = bytes_of_bits(static_cast<size_t>(g.in_c));
  return frame.input + (static_cast<size_t>(iy) * static_cast<size_t>(g.in_w) + static_cast<size_t>(ix)) * row_bytes;
}

// Plane rows live in a ring, so consecutive blocks of one picture prepare each row once.
void BConv2d::prepare_rows(Frame& frame) const {
  const Window& w = plan_.geometry.window;
  const int32_t begin = std::max(frame.prepared, plan_.plane_row(frame.y0));
  const int32_t end = plan_.plane_row(frame.y0 + frame.rows - 1) + (w.kernel_h - 1) * w.dilation_h + 1;
  for (int32_t row = begin; row < end; ++row) {
    uint8_t* dst = frame.at<uint8_t>(scratch_.plane) +
                   static_cast<size_t>(row % plan_.ring_rows) * plan_.columns.size() * position_bytes_;
    for (const PlaneColumn& column : plan_.columns) {
      prepare_position(frame, row - w.pad_top, column, dst);
      dst += position_bytes_;
    }
  }
  frame.prepared = std::max(begin, end);
}

void BConv2d::prepare_position(Frame& frame, int32_t iy, const PlaneColumn& column, uint8_t* dst) const {
  const bgemm::Kernel& kernel = panels_.kernel();
  const size_t bits = static_cast<size_t>(panels_.shape().channels);
  const uint8_t* a = pixel(frame, iy, column.ix);
  const uint8_t* b =
      column.across + column.down == 0 ? nullptr : pixel(frame, iy + column.down, column.ix + column.across);
  const int32_t channels = panels_.shape().channels;
  uint8_t* slices[2] = {frame.at<uint8_t>(scratch_.slice_bytes),
                        frame.at<uint8_t>(scratch_.slice_bytes) + align_up(bytes_of_bits(bits))};
  for (int32_t group = 0; group < panels_.shape().groups; ++group, dst += row_bytes_) {
    const size_t first = static_cast<size_t>(group) * bits;
    if (bits % 8 == 0 || panels_.shape().groups == 1) {
      kernel.prepare(a ? a + first / 8 : nullptr, b ? b + first / 8 : nullptr, channels, dst);
      continue;
    }
    if (a) copy_bits(a, first, bits, slices[0]);
    if (b) copy_bits(b, first, bits, slices[1]);
    kernel.prepare(a ? slices[0] : nullptr, b ? slices[1] : nullptr, channels, dst);
  }
}

void BConv2d::run_block(Frame& frame, int32_t slice_begin, int32_t slice_end) const {
  const int32_t entries = plan_.entries(frame.rows);
  const int32_t parts = (entries + kBlockEntries - 1) / kBlockEntries;
  const int32_t part = ((entries + parts - 1) / parts + 1) / 2 * 2;  // even: kernels take entries by two
  if (!panels_.slices_disjoint()) {
    const size_t row_bytes = output().row_bytes() * static_cast<size_t>(plan_.geometry.out_w);
    std::fill_n(frame.output + static_cast<size_t>(frame.y0) * row_bytes, static_cast<size_t>(frame.rows) * row_bytes,
                uint8_t{0});
  }
  for (int32_t first = 0; first < entries; first += part) {
    const int32_t count = std::min(part, entries - first);
    point_rows(frame, first, count);
    for (int32_t slice = slice_begin; slice < slice_end; ++slice) run_slice(frame, slice, first, count);
  }
}

void BConv2d::point_rows(Frame& frame, int32_t first, int32_t count) const {
  const Window& w = plan_.geometry.window;
  const uint8_t* plane = frame.at<uint8_t>(scratch_.plane);
  const uint8_t** rows = frame.at<const uint8_t*>(scratch_.rows);
  for (int32_t i = 0; i < count; ++i) {
    const EntryPixels pixels = entry_pixels_of(plan_, frame.rows, first + i);
    const int32_t* columns = plan_.entry_columns.data() + pixels.columns;
    size_t tap = 0;
    for (int32_t ky = 0; ky < w.kernel_h; ++ky) {
      const int32_t row = plan_.plane_row(frame.y0 + pixels.y[0]) + ky * w.dilation_h;
      const size_t line = static_cast<size_t>(row % plan_.ring_rows) * plan_.columns.size();
      for (int32_t kx = 0; kx < w.kernel_w; ++kx, ++tap) {
        rows[tap * static_cast<size_t>(count) + static_cast<size_t>(i)] =
            plane + (line + static_cast<size_t>(columns[kx])) * position_bytes_;
      }
    }
  }
}

void BConv2d::run_slice(Frame& frame, int32_t slice, int32_t first, int32_t count) const {
  bgemm::Block block{};
  panels_.fill(slice, &block);
  block.entries = count;
  block.rows = frame.at<const uint8_t*>(scratch_.rows);
  block.row_offset = static_cast<size_t>(panels_.slice_group(slice)) * row_bytes_;
  block.sinks = frame.at<bgemm::Sink>(scratch_.sinks);
  block.work = frame.at<uint8_t>(scratch_.work);
  point_sinks(frame, slice, first, count);
  panels_.kernel().run(block);
  if (!panels_.slices_disjoint()) merge_bits(frame, slice, first, count);
}

void BConv2d::point_sinks(Frame& frame, int32_t slice, int32_t first, int32_t count) const {
  const ValueType type = output();
  const size_t channel = static_cast<size_t>(panels_.slice_first(slice));
  const size_t offset = type.dtype == DType::bits ? channel / 8 : channel * 4;
  bgemm::Sink* sink = frame.at<bgemm::Sink>(scratch_.sinks);
  uint8_t* bits = frame.at<uint8_t>(scratch_.bits);
  for (int32_t i = 0; i < count; ++i) {
    const EntryPixels pixels = entry_pixels_of(plan_, frame.rows, first + i);
    for (int32_t p = 0; p < plan_.entry_pixels; ++p, ++sink, bits += 8) {
      *sink = {nullptr, nullptr};
      if (pixels.y[p] < 0) continue;
      const int32_t y = frame.y0 + pixels.y[p], x = pixels.x[p];
      const size_t at = static_cast<size_t>(y) * static_cast<size_t>(type.w) + static_cast<size_t>(x);
      sink->out = panels_.slices_disjoint() ? frame.output + at * type.row_bytes() + offset : bits;
      sink->edge = panels_.edge(slice, static_cast<size_t>(plan_.border_class(y, x)));
    }
  }
}

// Output channels of a group that do not begin on a byte: the kernel wrote to `bits`, shift them into place.
void BConv2d::merge_bits(Frame& frame, int32_t slice, int32_t first, int32_t count) const {
  const ValueType type = output();
  const size_t outputs = static_cast<size_t>(panels_.slice_outputs(slice));
  const uint8_t* bytes = frame.at<uint8_t>(scratch_.bits);
  for (int32_t i = 0; i < count; ++i) {
    const EntryPixels pixels = entry_pixels_of(plan_, frame.rows, first + i);
    for (int32_t p = 0; p < plan_.entry_pixels; ++p, bytes += 8) {
      if (pixels.y[p] < 0) continue;
      uint64_t bits = 0;
      for (size_t byte = 0; byte < bytes_of_bits(outputs); ++byte) bits |= uint64_t{bytes[byte]} << (8 * byte);
      const size_t at =
          static_cast<size_t>(frame.y0 + pixels.y[p]) * static_cast<size_t>(type.w) + static_cast<size_t>(pixels.x[p]);
      or_bits(frame.output + at * type.row_bytes(), static_cast<size_t>(panels_.slice_first(slice)), outputs, bits);
    }
  }
}

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

// Product below 2^31 - 1, so that every count and accumulator is an int32; the factors are at most 3 * 65535.
Status check_elements(const char* what, int64_t a, int64_t b, int64_t c, int64_t d) {
  const int64_t front = a * b;
  if (front < kMaxElements - 1 && front * c < kMaxElements - 1 && front * c * d < kMaxElements - 1) return {};
  return Status::error(Code::limit, "[bconv2d] %s: got %lld x %lld x %lld x %lld elements, expected less than 2^31 - 1",
                       what, static_cast<long long>(a), static_cast<long long>(b), static_cast<long long>(c),
                       static_cast<long long>(d));
}

}  // namespace

Status make_bconv2d(const ValueType& input, const Window& window, int32_t out_channels, int32_t groups,
                    int32_t pad_value, const uint8_t* weight, size_t weight_bytes, const Epilogue& epilogue, Isa isa,
                    OpPtr* out) {
  if (input.dtype != DType::bits)
    return Status::error(Code::dtype, "[bconv2d] input: got a type other than bits, expected bits");
  const Window& w = window;
  Status status = check_sizes(input, w, out_channels, groups, pad_value);
  if (!status.ok()) return status;
  ConvGeometry geometry{input.h, input.w, input.c, 0, 0, window};
  status = output_size("height", input.h, int64_t{w.pad_top} + w.pad_bottom, w.kernel_h, w.stride_h, w.dilation_h,
                       &geometry.out_h);
  if (!status.ok()) return status;
  status = output_size("width", input.w, int64_t{w.pad_left} + w.pad_right, w.kernel_w, w.stride_w, w.dilation_w,
                       &geometry.out_w);
  if (!status.ok()) return status;
  const PanelShape shape{groups, out_channels, w.kernel_h, w.kernel_w, input.c / groups};
  if (status = check_elements("input", input.h, input.w, input.c, 1); !status.ok()) return status;
  if (status = check_elements("output", geometry.out_h, geometry.out_w, out_channels, 1); !status.ok()) return status;
  if (status = check_elements("weight", out_channels, w.kernel_h, w.kernel_w, shape.channels); !status.ok())
    return status;
  auto op = std::unique_ptr<BConv2d>(new (std::nothrow) BConv2d);
  if (!op) return Status::error(Code::limit, "[bconv2d] memory: got the op refused, expected it");
  if (status = op->create(geometry, shape, pad_value, weight, weight_bytes, epilogue, isa); !status.ok()) return status;
  *out = std::move(op);
  return {};
}

}  // namespace xnorkit
