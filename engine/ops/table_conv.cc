#include "ops/table_conv.h"

#include <cstring>

namespace xnorkit {
namespace {

constexpr int32_t kBlockPixels = 56;  // keep a panel's unpacked weights busy
constexpr int32_t kDenseRows = 16;
constexpr size_t kMaxRing = size_t{1} << 30;

}  // namespace

TableConv::TableConv(const char* name, const ConvShape& geometry, bool dense, int32_t panel)
    : name_(name), g_(geometry), dense_(dense), panel_(panel) {}

Status TableConv::plan(size_t row_bytes, size_t slice_scratch, bool slices_apart) {
  row_bytes_ = row_bytes;
  slice_scratch_ = align_up(slice_scratch);
  const Window& w = g_.window;
  block_rows_ = dense_ ? kDenseRows : std::clamp(kBlockPixels / g_.out.w, 1, g_.out.h);
  const int64_t span = int64_t{block_rows_ - 1} * w.stride_h + int64_t{w.kernel_h - 1} * w.dilation_h + 1;
  ring_rows_ = dense_ ? kDenseRows : static_cast<int32_t>(std::min<int64_t>(span, g_.input.h));
  const size_t positions = static_cast<size_t>(ring_rows_) * static_cast<size_t>(g_.input.w) + 1;
  const size_t taps_bytes = static_cast<size_t>(block_pixels()) * sizeof(uint32_t);
  if (positions > kMaxRing / position_bytes() || static_cast<size_t>(taps()) > kMaxRing / taps_bytes) {
    return Status::error(Code::limit,
                         "[%s] window: got %d taps and %zu prepared rows of %zu bytes, expected at most 1 GiB", name_,
                         taps(), positions, position_bytes());
  }
  offsets_at_ = align_up(positions * position_bytes());
  own_scratch_ = offsets_at_ + align_up(static_cast<size_t>(taps()) * taps_bytes);
  const bool few = dense_ || ceil_div(g_.out.h, block_rows_) < kManyChunks;
  unit_slices_ = slices_apart && few ? slices() : 1;
  return {};
}

UnitBlock TableConv::unit_block(int32_t batch, int64_t unit) const {
  const int64_t block = unit / unit_slices_, blocks = row_blocks(batch);
  const int32_t y0 = static_cast<int32_t>(block % blocks) * block_rows_;
  const int32_t rows = std::min(block_rows_, out_height(batch) - y0);
  const int64_t first_pixel = block / blocks * g_.out_pixels() + int64_t{y0} * g_.out.w;
  if (unit_slices_ == 1) return {first_pixel, rows * g_.out.w, 0, g_.out_channels};
  const int32_t index = static_cast<int32_t>(unit % unit_slices_), first = slice_first(index);
  return {first_pixel, rows * g_.out.w, first, first + slice_outputs(index)};
}

void TableConv::run(const RunArgs& args, int64_t begin, int64_t end, void* scratch) const noexcept {
  const int64_t blocks = row_blocks(args.batch);
  Frame frame{};
  frame.ring = static_cast<uint8_t*>(scratch);
  frame.offsets = reinterpret_cast<uint32_t*>(frame.ring + offsets_at_);
  frame.scratch = frame.ring + own_scratch_;
  frame.in_h = dense_ ? args.batch : g_.input.h;
  frame.out_h = out_height(args.batch);
  memset(frame.ring, 0, position_bytes());
  int64_t picture = -1;
  while (begin < end) {
    const int64_t block = begin / unit_slices_, stop = std::min(end, (block + 1) * unit_slices_);
    if (block / blocks != picture) {
      picture = block / blocks;
      frame.input = static_cast<const uint8_t*>(args.inputs[0]) + static_cast<size_t>(picture) * g_.input.bytes();
      frame.output = static_cast<uint8_t*>(args.output) + static_cast<size_t>(picture) * output().bytes();
      frame.begin = frame.end = 0;
    }
    frame.y0 = static_cast<int32_t>(block % blocks) * block_rows_;
    frame.rows = std::min(block_rows_, frame.out_h - frame.y0);
    fill_ring(frame);
    fill_offsets(frame);
    const int32_t first = static_cast<int32_t>(begin - block * unit_slices_);
    const int32_t last = static_cast<int32_t>(stop - block * unit_slices_);
    unit_slices_ == 1 ? run_block(frame, 0, slices()) : run_block(frame, first, last);
    begin = stop;
  }
}

// Rows the block before has prepared stay; input row iy lies at iy modulo ring_rows_.
void TableConv::fill_ring(Frame& frame) const {
  const Window& w = g_.window;
  const int64_t top = int64_t{frame.y0} * w.stride_h - w.pad_top;
  const int64_t bottom = top + int64_t{frame.rows - 1} * w.stride_h + int64_t{w.kernel_h - 1} * w.dilation_h + 1;
  const int32_t begin = static_cast<int32_t>(std::clamp<int64_t>(top, 0, frame.in_h));
  const int32_t end = static_cast<int32_t>(std::clamp<int64_t>(bottom, begin, frame.in_h));
  const size_t line = static_cast<size_t>(g_.input.w) * g_.input.row_bytes();
  const int32_t from = frame.begin <= begin && begin <= frame.end ? std::max(begin, frame.end) : begin;
  for (int32_t iy = from; iy < end; ++iy) {
    const size_t position = 1 + static_cast<size_t>(iy % ring_rows_) * static_cast<size_t>(g_.input.w);
    prepare(frame.input + static_cast<size_t>(iy) * line, g_.input.w, frame.ring + position * position_bytes());
  }
  frame.begin = begin;
  frame.end = std::max(from, end);
}

void TableConv::fill_offsets(const Frame& frame) const {
  const Window& w = g_.window;
  uint32_t* to = frame.offsets;
  const uint32_t step = static_cast<uint32_t>(static_cast<size_t>(w.stride_w) * position_bytes());
  for (int32_t ky = 0; ky < w.kernel_h; ++ky) {
    for (int32_t kx = 0; kx < w.kernel_w; ++kx, to += block_pixels()) {
      const int64_t first = int64_t{kx} * w.dilation_w - w.pad_left;  // column of output column 0
      const int64_t end = std::clamp<int64_t>(ceil_div(g_.input.w - first, w.stride_w), 0, g_.out.w);
      const int64_t begin = std::clamp<int64_t>(ceil_div(-first, w.stride_w), 0, end);
      uint32_t* at = to;
      for (int32_t row = 0; row < frame.rows; ++row, at += g_.out.w) {
        const int64_t iy = int64_t{frame.y0 + row} * w.stride_h - w.pad_top + int64_t{ky} * w.dilation_h;
        const bool inside = iy >= 0 && iy < frame.in_h;
        std::fill_n(at, g_.out.w, kOutside);
        if (!inside || begin == end) continue;
        const int64_t position = 1 + iy % ring_rows_ * g_.input.w + first + begin * w.stride_w;
        uint32_t offset = static_cast<uint32_t>(static_cast<size_t>(position) * position_bytes());
        for (int64_t x = begin; x < end; ++x, offset += step) at[x] = offset;
      }
    }
  }
}

void TableConv::run_block(Frame& frame, int32_t slice_begin, int32_t slice_end) const {
  const int32_t pixels = frame.rows * g_.out.w;
  const int32_t parts = static_cast<int32_t>(ceil_div(pixels, kMaxPixels));
  const int32_t part = static_cast<int32_t>(ceil_div(ceil_div(pixels, parts), 2)) * 2;
  for (int32_t first = 0; first < pixels; first += part) {
    const int32_t count = std::min(part, pixels - first);
    for (int32_t index = slice_begin; index < slice_end; ++index) slice(frame, index, first, count);
    finish(frame, first, count);
  }
}

}  // namespace xnorkit
