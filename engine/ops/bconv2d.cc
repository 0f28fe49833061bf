#include "ops/bconv2d.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "base/bits.h"
#include "ops/bconv2d_plan.h"
#include "ops/bdepthwise.h"

namespace xnorkit {
namespace {

using bgemm::kBlockEntries;

constexpr int64_t kMaxEdges = int64_t{1} << 29;  // border classes x output channels

// Where each part of a thread's scratch begins.
struct Scratch {
  size_t plane, sources, slices, classes, bits, work, total;
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
  int64_t most_unit_pixels() const override;
  UnitBlock unit_block(int32_t batch, int64_t unit) const override;
  bool calls_sink() const override { return true; }
  size_t scratch_bytes() const override { return scratch_.total; }
  void run(const RunArgs& args, int64_t unit_begin, int64_t unit_end, void* scratch) const noexcept override;

 private:
  struct Frame;  // one run(): the picture and block at hand
  void size_scratch();
  void prepare_plane(Frame& frame) const;
  void prepare_row(Frame& frame, int32_t iy, uint8_t* dst) const;
  void prepare_slices(Frame& frame, uint8_t* dst) const;
  void run_block(Frame& frame, int32_t slice_begin, int32_t slice_end) const;
  void run_slice(Frame& frame, int32_t slice, int32_t first, int32_t count) const;
  void merge_bits(const Frame& frame, int32_t slice, int32_t first, int32_t count) const;

  ConvPlan plan_;
  BinaryPanels panels_;
  Scratch scratch_{};
  size_t row_bytes_ = 0;     // prepared row of one position, one group
  int32_t unit_slices_ = 1;  // units of one row block
};

struct BConv2d::Frame {
  const uint8_t* input;  // of the picture
  uint8_t* output;
  uint8_t* scratch;
  const BlockTable* table;
  int32_t y0;                              // first output row of the block
  int32_t plane_begin = 0, plane_end = 0;  // rows of the padded input that the plane holds

  template <class T>
  T* at(size_t offset) const {
    return reinterpret_cast<T*>(scratch + offset);
  }
};

Status BConv2d::create(const ConvGeometry& geometry, const PanelShape& shape, int32_t pad_value, const uint8_t* weight,
                       size_t weight_bytes, const Epilogue& epilogue, Isa isa) {
  plan_classes(geometry, pad_value, &plan_);
  const int64_t edges = static_cast<int64_t>(plan_.classes.size()) * shape.out_channels;
  if (edges >= kMaxEdges) {
    return Status::error(Code::limit, "[bconv2d] border classes x outputs: got %lld, expected less than %lld",
                         static_cast<long long>(edges), static_cast<long long>(kMaxEdges));
  }
  Status status = panels_.create("bconv2d", shape, weight, weight_bytes, epilogue, isa, plan_.classes.data(),
                                 plan_.classes.size(), pad_value);
  if (!status.ok()) return status;
  row_bytes_ = panels_.kernel().row_bytes(shape.channels);
  status = plan_entries(geometry, panels_.kernel().entry_pixels, row_bytes_ * static_cast<size_t>(shape.groups),
                        panels_.run_taps(), &plan_);
  if (!status.ok()) return status;
  unit_slices_ = panels_.slices_disjoint() ? shape.slices() : 1;
  size_scratch();
  return {};
}

void BConv2d::size_scratch() {
  const size_t block_pixels = static_cast<size_t>(plan_.block_rows) * static_cast<size_t>(plan_.geometry.out_w);
  size_t end = 0;
  const auto take = [&end](size_t bytes) { return std::exchange(end, end + align_up(bytes)); };
  scratch_.plane = take(static_cast<size_t>(plan_.plane_rows) * plan_.plane_row_bytes());
  scratch_.sources = take(plan_.columns.size() * sizeof(bgemm::Source));
  scratch_.slices = take(2 * align_up(bytes_of_bits(static_cast<size_t>(panels_.shape().channels))));
  scratch_.classes = take(plan_.full.pixels.size() * sizeof(int32_t));
  scratch_.bits = take(panels_.slices_disjoint() ? 0 : block_pixels * 8);
  scratch_.work = take(panels_.kernel().work_bytes());
  scratch_.total = end;
}

int64_t BConv2d::most_unit_pixels() const {
  const bool whole_bytes = panels_.shape().groups == 1 || unit_slices_ == 1;
  return whole_bytes ? int64_t{plan_.block_rows} * plan_.geometry.out_w : 0;
}

UnitBlock BConv2d::unit_block(int32_t, int64_t unit) const {
  const int64_t block = unit / unit_slices_, height = plan_.geometry.out_h, width = plan_.geometry.out_w;
  const int64_t y0 = block % plan_.row_blocks() * plan_.block_rows;
  const int64_t rows = std::min<int64_t>(plan_.block_rows, height - y0);
  UnitBlock at{(block / plan_.row_blocks() * height + y0) * width, static_cast<int32_t>(rows * width), 0,
               panels_.shape().out_channels};
  if (unit_slices_ > 1) {
    const int32_t slice = static_cast<int32_t>(unit % unit_slices_);
    at.first_channel = panels_.slice_first(slice);
    at.last_channel = at.first_channel + panels_.slice_outputs(slice);
  }
  return at;
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
      frame.plane_begin = frame.plane_end = 0;
    }
    frame.y0 = static_cast<int32_t>(block % blocks) * plan_.block_rows;
    if (args.sink != nullptr && args.sink->tile != nullptr) {  // the block's first pixel lies at the tile's start
      const size_t before = static_cast<size_t>(frame.y0) * static_cast<size_t>(g.out_w) * output().row_bytes();
      frame.output = reinterpret_cast<uint8_t*>(reinterpret_cast<uintptr_t>(args.sink->tile) - before);
    }
    frame.table = &plan_.table(std::min(plan_.block_rows, g.out_h - frame.y0));
    prepare_plane(frame);
    if (unit_slices_ == 1) {
      run_block(frame, 0, panels_.shape().slices());
    } else {
      const int64_t first = block * unit_slices_;
      run_block(frame, static_cast<int32_t>(unit_begin - first), static_cast<int32_t>(stop - first));
    }
    if (args.sink != nullptr) args.sink->done(args.sink->context, unit_begin, stop);
    unit_begin = stop;
  }
}

// The plane's first row is always the block's first; rows that the block before has prepared move up.
void BConv2d::prepare_plane(Frame& frame) const {
  const Window& w = plan_.geometry.window;
  const int32_t begin = frame.y0 * w.stride_h;
  const int32_t end = begin + (frame.table->rows - 1) * w.stride_h + (w.kernel_h - 1) * w.dilation_h + 1;
  const size_t row_bytes = plan_.plane_row_bytes();
  uint8_t* plane = frame.at<uint8_t>(scratch_.plane);
  const int32_t kept = std::max(0, frame.plane_end - begin);
  if (kept > 0) {
    const uint8_t* from = plane + static_cast<size_t>(begin - frame.plane_begin) * row_bytes;
    std::memmove(plane, from, static_cast<size_t>(kept) * row_bytes);
  }
  for (int32_t row = begin + kept; row < end; ++row) {
    prepare_row(frame, row - w.pad_top, plane + static_cast<size_t>(row - begin) * row_bytes);
  }
  frame.plane_begin = begin;
  frame.plane_end = end;
}

void BConv2d::prepare_row(Frame& frame, int32_t iy, uint8_t* dst) const {
  const ConvGeometry& g = plan_.geometry;
  const size_t line_bytes = static_cast<size_t>(g.in_w) * bytes_of_bits(static_cast<size_t>(g.in_c));
  const auto line = [&](int32_t y) {
    return y < 0 || y >= g.in_h ? nullptr : frame.input + static_cast<size_t>(y) * line_bytes;
  };
  const uint8_t* here = line(iy);
  const uint8_t* below = line(iy + g.window.stride_h);
  bgemm::Source* sources = frame.at<bgemm::Source>(scratch_.sources);
  for (size_t i = 0; i < plan_.columns.size(); ++i) {
    const PlaneColumn& column = plan_.columns[i];
    const uint8_t* second = column.down == 0 ? here : below;
    sources[i].a = here != nullptr && column.a >= 0 ? here + column.a : nullptr;
    sources[i].b = second != nullptr && column.b >= 0 ? second + column.b : nullptr;
  }
  if (panels_.shape().groups > 1) return prepare_slices(frame, dst);
  const int32_t count = static_cast<int32_t>(plan_.columns.size());
  panels_.kernel().prepare(sources, count, g.in_c, dst, plan_.position_bytes);
}

// Each group's channels become a row of their own; they need not begin on a byte, so they are copied first.
void BConv2d::prepare_slices(Frame& frame, uint8_t* dst) const {
  const size_t bits = static_cast<size_t>(panels_.shape().channels);
  const bgemm::Source* sources = frame.at<bgemm::Source>(scratch_.sources);
  uint8_t* left = frame.at<uint8_t>(scratch_.slices);
  uint8_t* right = left + align_up(bytes_of_bits(bits));
  for (size_t i = 0; i < plan_.columns.size(); ++i) {
    for (size_t group = 0; group < static_cast<size_t>(panels_.shape().groups); ++group, dst += row_bytes_) {
      if (sources[i].a != nullptr) copy_bits(sources[i].a, group * bits, bits, left);
      if (sources[i].b != nullptr) copy_bits(sources[i].b, group * bits, bits, right);
      const bgemm::Source source{sources[i].a ? left : nullptr, sources[i].b ? right : nullptr};
      panels_.kernel().prepare(&source, 1, panels_.shape().channels, dst, row_bytes_);
    }
  }
}

void BConv2d::run_block(Frame& frame, int32_t slice_begin, int32_t slice_end) const {
  const BlockTable& table = *frame.table;
  int32_t* classes = frame.at<int32_t>(scratch_.classes);
  for (size_t i = 0; i < table.pixels.size(); ++i) {
    const int32_t row_class = plan_.class_of_row[static_cast<size_t>(frame.y0 + table.row_of[i])];
    classes[i] = row_class * plan_.column_classes + table.column_class[i];
  }
  if (!panels_.slices_disjoint()) {
    const size_t line_bytes = output().row_bytes() * static_cast<size_t>(plan_.geometry.out_w);
    std::memset(frame.output + static_cast<size_t>(frame.y0) * line_bytes, 0,
                static_cast<size_t>(table.rows) * line_bytes);
  }
  const int32_t parts = (table.entries + kBlockEntries - 1) / kBlockEntries;
  const int32_t part = ((table.entries + parts - 1) / parts + 1) / 2 * 2;  // even: kernels take entries by two
  for (int32_t first = 0; first < table.entries; first += part) {
    const int32_t count = std::min(part, table.entries - first);
    for (int32_t slice = slice_begin; slice < slice_end; ++slice) run_slice(frame, slice, first, count);
  }
}

void BConv2d::run_slice(Frame& frame, int32_t slice, int32_t first, int32_t count) const {
  const ValueType type = output();
  const size_t channel = static_cast<size_t>(panels_.slice_first(slice));
  const size_t pixel = static_cast<size_t>(frame.y0) * static_cast<size_t>(type.w);
  bgemm::Block block{};
  panels_.fill(slice, &block);
  block.entries = count;
  block.rows = frame.at<uint8_t>(scratch_.plane) + static_cast<size_t>(panels_.slice_group(slice)) * row_bytes_;
  block.offsets = frame.table->offsets.data() + first;
  block.offset_stride = static_cast<size_t>(frame.table->entries);
  block.pixels = frame.table->pixels.data() + first * plan_.entry_pixels;
  block.classes = frame.at<int32_t>(scratch_.classes) + first * plan_.entry_pixels;
  block.work = frame.at<uint8_t>(scratch_.work);
  if (panels_.slices_disjoint()) {
    block.out_stride = type.row_bytes();
    block.out = frame.output + pixel * block.out_stride + (type.dtype == DType::bits ? channel / 8 : channel * 4);
  } else {
    block.out_stride = 8;
    block.out = frame.at<uint8_t>(scratch_.bits);
  }
  panels_.kernel().run(block);
  if (!panels_.slices_disjoint()) merge_bits(frame, slice, first, count);
}

// Output channels of a group that do not begin on a byte: the kernel wrote to scratch, shift them into place.
void BConv2d::merge_bits(const Frame& frame, int32_t slice, int32_t first, int32_t count) const {
  const size_t row_bytes = output().row_bytes(), outputs = static_cast<size_t>(panels_.slice_outputs(slice));
  uint8_t* out = frame.output + static_cast<size_t>(frame.y0) * static_cast<size_t>(plan_.geometry.out_w) * row_bytes;
  for (int32_t i = first * plan_.entry_pixels; i < (first + count) * plan_.entry_pixels; ++i) {
    const int32_t pixel = frame.table->pixels[static_cast<size_t>(i)];
    if (pixel < 0) continue;
    const uint8_t* bytes = frame.at<uint8_t>(scratch_.bits) + static_cast<size_t>(pixel) * 8;
    uint64_t bits = 0;
    for (size_t byte = 0; byte < bytes_of_bits(outputs); ++byte) bits |= uint64_t{bytes[byte]} << (8 * byte);
    or_bits(out + static_cast<size_t>(pixel) * row_bytes, static_cast<size_t>(panels_.slice_first(slice)), outputs,
            bits);
  }
}

}  // namespace

Status make_bconv2d(const ValueType& input, const Window& window, int32_t out_channels, int32_t groups,
                    int32_t pad_value, const uint8_t* weight, size_t weight_bytes, const Epilogue& epilogue, Isa isa,
                    OpPtr* out) {
  ConvGeometry geometry{};
  Status status = check_bconv2d(input, window, out_channels, groups, pad_value, &geometry);
  if (!status.ok()) return status;
  if (is_bdepthwise(geometry, groups, out_channels)) {
    return make_bdepthwise(geometry, groups, pad_value, weight, weight_bytes, epilogue, isa, out);
  }
  const PanelShape shape{groups,          out_channels,     window.kernel_h,
                         window.kernel_w, input.c / groups, groups == 1 && window.dilation_w == 1};
  auto op = std::unique_ptr<BConv2d>(new (std::nothrow) BConv2d);
  if (!op) return Status::error(Code::limit, "[bconv2d] memory: got the op refused, expected it");
  status = op->create(geometry, shape, pad_value, weight, weight_bytes, epilogue, isa);
  if (!status.ok()) return status;
  *out = std::move(op);
  return {};
}

}  // namespace xnorkit
