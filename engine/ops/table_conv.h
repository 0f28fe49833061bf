// What convolutions by table share: input rows become rows of tables once, kept in a ring while output rows need them;
// every tap of a block of output pixels is an offset into it. A slice is a panel of output channels of one group.
#pragma once
#include "base/aligned.h"
#include "ops/tiling.h"
#include "ops/window_geometry.h"

namespace xnorkit {

class TableConv : public Op {
 public:
  const char* name() const override { return name_; }
  int64_t units(int32_t batch) const override { return pictures(batch) * row_blocks(batch) * unit_slices_; }
  int64_t most_unit_pixels() const override { return block_pixels(); }
  UnitBlock unit_block(int32_t batch, int64_t unit) const override;
  size_t scratch_bytes() const override { return own_scratch_ + slice_scratch_; }
  void run(const RunArgs& args, int64_t begin, int64_t end, void* scratch) const noexcept override;

 protected:
  static constexpr int32_t kMaxPixels = 64;  // of one slice() call

  // dense: the batch is the height of one picture. panel: most output channels of a slice.
  TableConv(const char* name, const ConvShape& geometry, bool dense, int32_t panel);

  struct Frame {
    const uint8_t* input;  // of the picture
    uint8_t* output;
    uint8_t* ring;      // prepared rows; the first position is the one of padded taps
    uint32_t* offsets;  // (taps, block pixels)
    uint8_t* scratch;   // slice_scratch_
    int32_t in_h, out_h;
    int32_t y0, rows;            // of the block
    int32_t begin = 0, end = 0;  // input rows in the ring
  };

  // After the kernel is chosen. row_bytes: a prepared row of one position and group. XK_LIMIT.
  Status plan(size_t row_bytes, size_t slice_scratch, bool slices_apart);

  // `count` consecutive positions from `from`; every position's groups in order, row_bytes_ each.
  virtual void prepare(const uint8_t* from, int32_t count, uint8_t* dst) const = 0;
  // Pixels first .. first + count - 1 of the block, one slice.
  virtual void slice(const Frame& frame, int32_t index, int32_t first, int32_t count) const = 0;
  // After all slices of these pixels, when slices cannot be stored apart.
  virtual void finish(const Frame&, int32_t, int32_t) const {}

  int32_t taps() const { return g_.window.kernel_h * g_.window.kernel_w; }
  int32_t panels() const { return static_cast<int32_t>(ceil_div(g_.group_outputs, panel_)); }
  int32_t slices() const { return panels() * g_.groups; }
  int32_t slice_group(int32_t index) const { return index / panels(); }
  int32_t slice_first(int32_t index) const { return slice_group(index) * g_.group_outputs + index % panels() * panel_; }
  int32_t slice_outputs(int32_t index) const { return std::min(panel_, g_.group_outputs - index % panels() * panel_); }
  int32_t block_pixels() const { return block_rows_ * g_.out.w; }
  size_t position_bytes() const { return row_bytes_ * static_cast<size_t>(g_.groups); }
  // The tap's offset of a pixel that has it outside the picture.
  static constexpr uint32_t kOutside = 0;

  const char* name_;
  ConvShape g_;
  size_t row_bytes_ = 0;

 private:
  int64_t pictures(int32_t batch) const { return dense_ ? 1 : batch; }
  int32_t out_height(int32_t batch) const { return dense_ ? batch : g_.out.h; }
  int64_t row_blocks(int32_t batch) const { return ceil_div(out_height(batch), block_rows_); }
  void fill_ring(Frame& frame) const;
  void fill_offsets(const Frame& frame) const;
  void run_block(Frame& frame, int32_t slice_begin, int32_t slice_end) const;

  bool dense_;
  int32_t panel_;
  int32_t block_rows_ = 1, ring_rows_ = 1, unit_slices_ = 1;
  size_t own_scratch_ = 0, slice_scratch_ = 0, offsets_at_ = 0;
};

}  // namespace xnorkit
