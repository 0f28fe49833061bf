#include "ops/bdense.h"

#include <algorithm>
#include <new>

#include "base/bits.h"
#include "ops/binary_panels.h"

namespace xnorkit {
namespace {

using bgemm::kBlockEntries;

constexpr int32_t kMaxDim = 65535;
constexpr int64_t kMaxElements = int64_t{1} << 31;
constexpr size_t kMaxRows = size_t{4} << 20;  // bytes of prepared rows a thread should hold at most

// A batch is cut into blocks of images; an entry is one image, or two. Units: (blocks, slices).
class BDense final : public Op {
 public:
  Status create(const PanelShape& shape, const uint8_t* weight, size_t weight_bytes, const Epilogue& epilogue, Isa isa);

  const char* name() const override { return "bdense"; }
  const char* kernel_name() const override { return panels_.kernel().name; }
  ValueType output() const override { return {panels_.epilogue().output_dtype(), 1, 1, panels_.shape().out_channels}; }
  size_t packed_bytes() const override { return panels_.packed_bytes(); }
  int64_t units(int32_t batch) const override {
    return (int64_t{batch} + images_ - 1) / images_ * panels_.shape().slices();
  }
  int64_t most_unit_pixels() const override { return images_; }
  UnitBlock unit_block(int32_t batch, int64_t unit) const override {
    const int64_t slices = panels_.shape().slices(), first = unit / slices * images_;
    const int32_t slice = static_cast<int32_t>(unit % slices), channel = panels_.slice_first(slice);
    return {first, static_cast<int32_t>(std::min<int64_t>(images_, batch - first)), channel,
            channel + panels_.slice_outputs(slice)};
  }
  size_t scratch_bytes() const override { return work_ + align_up(panels_.kernel().work_bytes()); }
  void run(const RunArgs& args, int64_t unit_begin, int64_t unit_end, void* scratch) const noexcept override;

 private:
  void prepare(const RunArgs& args, int64_t first, int32_t count, uint8_t* rows) const;
  void run_slices(const RunArgs& args, int64_t first, int32_t count, int32_t slice_begin, int32_t slice_end,
                  uint8_t* scratch) const;

  BinaryPanels panels_;
  size_t row_bytes_ = 0;
  int32_t images_ = 1;   // of one block
  int32_t entries_ = 1;  // of one block
  size_t work_ = 0;      // scratch: rows, then the kernel's work
};

Status BDense::create(const PanelShape& shape, const uint8_t* weight, size_t weight_bytes, const Epilogue& epilogue,
                      Isa isa) {
  const TapRect whole{0, 1, 0, 1};
  Status status = panels_.create("bdense", shape, weight, weight_bytes, epilogue, isa, &whole, 1, 1);
  if (!status.ok()) return status;
  row_bytes_ = align_up(panels_.kernel().row_bytes(shape.channels));
  entries_ = static_cast<int32_t>(std::clamp<size_t>(kMaxRows / row_bytes_ / 2 * 2, 1, kBlockEntries));
  images_ = entries_ * panels_.kernel().entry_pixels;
  work_ = row_bytes_ * static_cast<size_t>(entries_);
  return {};
}

void BDense::run(const RunArgs& args, int64_t unit_begin, int64_t unit_end, void* scratch) const noexcept {
  const int64_t slices = panels_.shape().slices();
  uint8_t* bytes = static_cast<uint8_t*>(scratch);
  while (unit_begin < unit_end) {
    const int64_t block = unit_begin / slices, stop = std::min(unit_end, (block + 1) * slices);
    const int64_t first = block * images_;
    const int32_t count = static_cast<int32_t>(std::min<int64_t>(images_, args.batch - first));
    prepare(args, first, count, bytes);
    run_slices(args, first, count, static_cast<int32_t>(unit_begin - block * slices),
               static_cast<int32_t>(stop - block * slices), bytes);
    unit_begin = stop;
  }
}

void BDense::prepare(const RunArgs& args, int64_t first, int32_t count, uint8_t* rows) const {
  const size_t bytes = bytes_of_bits(static_cast<size_t>(panels_.shape().channels));
  const uint8_t* input = static_cast<const uint8_t*>(args.inputs[0]) + static_cast<size_t>(first) * bytes;
  if (count == 1) return panels_.kernel().prepare_alone(input, panels_.shape().channels, rows);
  const int32_t step = panels_.kernel().entry_pixels;
  for (int32_t image = 0; image < count; image += step, rows += row_bytes_) {
    const uint8_t* a = input + static_cast<size_t>(image) * bytes;
    const bgemm::Source source{a, step == 2 && image + 1 < count ? a + bytes : nullptr};
    panels_.kernel().prepare(&source, 1, panels_.shape().channels, rows, row_bytes_);
  }
}

void BDense::run_slices(const RunArgs& args, int64_t first, int32_t count, int32_t slice_begin, int32_t slice_end,
                        uint8_t* scratch) const {
  const int32_t step = panels_.kernel().entry_pixels;
  const ValueType type = output();
  uint32_t offsets[kBlockEntries];
  int32_t pixels[kBlockEntries * 2], classes[kBlockEntries * 2];
  bgemm::Block block{};
  block.entries = (count + step - 1) / step;
  block.alone = count == 1;
  for (int32_t entry = 0; entry < block.entries; ++entry) {
    offsets[entry] = static_cast<uint32_t>(static_cast<size_t>(entry) * row_bytes_);
  }
  for (int32_t image = 0; image < block.entries * step; ++image) {
    pixels[image] = image < count ? image : -1;
    classes[image] = 0;
  }
  block.rows = scratch;
  block.offsets = offsets;
  block.offset_stride = static_cast<size_t>(block.entries);
  block.pixels = pixels;
  block.classes = classes;
  block.out_stride = type.row_bytes();
  block.work = scratch + work_;
  uint8_t* out = static_cast<uint8_t*>(args.output) + static_cast<size_t>(first) * block.out_stride;
  for (int32_t slice = slice_begin; slice < slice_end; ++slice) {
    const size_t channel = static_cast<size_t>(panels_.slice_first(slice));
    panels_.fill(slice, &block);
    block.out = out + (type.dtype == DType::bits ? channel / 8 : channel * 4);
    panels_.kernel().run(block);
  }
}

}  // namespace

Status make_bdense(const ValueType& input, int32_t out_features, const uint8_t* weight, size_t weight_bytes,
                   const Epilogue& epilogue, Isa isa, OpPtr* out) {
  if (input.dtype != DType::bits)
    return Status::error(Code::dtype, "[bdense] input: got a type other than bits, expected bits");
  if (input.h != 1 || input.w != 1) {
    return Status::error(Code::shape, "[bdense] input: got (%d, %d, %d), expected (1, 1, C)", input.h, input.w,
                         input.c);
  }
  if (input.c < 1 || input.c == INT32_MAX || out_features < 1 || out_features > kMaxDim) {
    return Status::error(Code::range, "[bdense] sizes: got C=%d, O=%d, expected C at least 1, O in 1..%d", input.c,
                         out_features, kMaxDim);
  }
  if (int64_t{input.c} * out_features >= kMaxElements) {
    return Status::error(Code::limit, "[bdense] weight: got %d x %d elements, expected less than 2^31", out_features,
                         input.c);
  }
  const PanelShape shape{1, out_features, 1, 1, input.c, false};
  auto op = std::unique_ptr<BDense>(new (std::nothrow) BDense);
  if (!op) return Status::error(Code::limit, "[bdense] memory: got the op refused, expected it");
  if (Status status = op->create(shape, weight, weight_bytes, epilogue, isa); !status.ok()) return status;
  *out = std::move(op);
  return {};
}

}  // namespace xnorkit
