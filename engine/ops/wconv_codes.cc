// uint8 codes. With T_i the codes under weight bit 1 of plane i, and X the sum of a window's codes,
//
//   sum:      sum of w q = sum of 2^i (X - 2 T_i) = (2^P - 1) X - sum of 2^(i + 1) T_i
//   ternary:  ((X - 2 T_0) + (X - 2 T_1)) / 2 = X - T_0 - T_1
//
// Signed codes, v = 2q - M: twice that, less M times the weights of the taps inside the picture.
#include "ops/wconv_codes.h"

#include <cstring>

#include "kernels/wgemm/wgemm.h"
#include "ops/channel_epilogue.h"
#include "ops/table_conv.h"

namespace xnorkit {
namespace {

class CodeConv final : public TableConv {
 public:
  CodeConv(const char* name, const ConvShape& geometry, bool dense, const FewBits& bits)
      : TableConv(name, geometry, dense, kPanel), bits_(bits) {}

  Status create(const uint8_t* weight, const Epilogue& epilogue, Isa isa);

  const char* kernel_name() const override { return kernel_->name; }
  ValueType output() const override { return {epilogue_.output_dtype(), g_.out.h, g_.out.w, g_.out_channels}; }
  size_t packed_bytes() const override { return weight_.bytes() + tap_sums_.bytes() + epilogue_.bytes(); }

 protected:
  void prepare(const uint8_t* from, int32_t count, uint8_t* dst) const override;
  void slice(const Frame& frame, int32_t index, int32_t first, int32_t count) const override;
  void finish(const Frame& frame, int32_t first, int32_t count) const override;

 private:
  static constexpr int32_t kPanel = wgemm::kPanelChannels;
  static constexpr size_t kTileBytes = size_t{kMaxPixels} * kPanel * sizeof(int32_t);

  size_t panel_bytes() const { return static_cast<size_t>(taps()) * static_cast<size_t>(quads_) * wgemm::kGroupBytes; }
  size_t panel_at(int32_t plane, int32_t index) const {
    return (static_cast<size_t>(plane) * static_cast<size_t>(slices()) + static_cast<size_t>(index)) * panel_bytes();
  }
  void pack(const uint8_t* weight);
  void sum_codes(const Frame& frame, int32_t index, int32_t first, int32_t count, int32_t* sums) const;
  void start(const Frame& frame, int32_t index, int32_t first, int32_t count, const int32_t* sums, int32_t* acc) const;
  bool apart() const { return g_.groups == 1; }

  FewBits bits_;
  const wgemm::Kernel* kernel_ = nullptr;
  int32_t quads_ = 0;
  AlignedBuffer weight_, tap_sums_;  // tap_sums_: signed codes only, (slices, taps + 1, kPanel), all taps first
  ChannelEpilogue epilogue_;
};

Status CodeConv::create(const uint8_t* weight, const Epilogue& epilogue, Isa isa) {
  if (Status s = epilogue_.create(name_, epilogue, g_.out_channels, isa); !s.ok()) return s;
  for (const wgemm::Kernel* row : wgemm::kKernels) {
    kernel_ = row;
    if (row->isa <= isa) break;
  }
  quads_ = static_cast<int32_t>(ceil_div(g_.group_channels, wgemm::kGroupInputs));
  const size_t bytes = panel_at(bits_.planes, 0);
  const size_t sums =
      bits_.signed_codes ? static_cast<size_t>(slices()) * (static_cast<size_t>(taps()) + 1) * kPanel * 4 : 0;
  if (!weight_.allocate(bytes) || !tap_sums_.allocate(sums)) {
    return Status::error(Code::limit, "[%s] memory: got %zu bytes refused, expected them for the weights", name_,
                         bytes + sums);
  }
  pack(weight);
  // Scratch of a slice: the kernel's work, a tile of accumulators, and rows of all channels where groups share bytes.
  const size_t rows = apart() ? 0 : static_cast<size_t>(kMaxPixels) * static_cast<size_t>(g_.out_channels) * 4;
  return plan(kernel_->row_bytes(quads_, bits_.activation_bits), align_up(kernel_->work_bytes) + kTileBytes + rows,
              apart());
}

void CodeConv::pack(const uint8_t* weight) {
  int64_t bit = 0;
  for (int32_t plane = 0; plane < bits_.planes; ++plane)
    for (int32_t o = 0; o < g_.out_channels; ++o) {
      const int32_t in_group = o % g_.group_outputs, lane = in_group % kPanel;
      const int32_t index = o / g_.group_outputs * panels() + in_group / kPanel;
      uint8_t* panel = weight_.as() + panel_at(plane, index) + lane % 32;
      int32_t* sums =
          bits_.signed_codes ? tap_sums_.as<int32_t>() + int64_t{index} * (taps() + 1) * kPanel + lane : nullptr;
      for (int32_t tap = 0; tap < taps(); ++tap)
        for (int32_t c = 0; c < g_.group_channels; ++c, ++bit) {
          const int32_t negative = weight[bit / 8] >> (bit % 8) & 1;
          const int64_t group = int64_t{tap} * quads_ + c / wgemm::kGroupInputs;
          panel[group * static_cast<int64_t>(wgemm::kGroupBytes)] |=
              static_cast<uint8_t>(negative << (c % wgemm::kGroupInputs + (lane < 32 ? 0 : 4)));
          if (sums == nullptr) continue;
          const int32_t part = (1 - 2 * negative) * (bits_.ternary ? 1 : 1 << plane);
          sums[0] += part;
          sums[(tap + 1) * kPanel] += part;
        }
    }
  for (size_t i = 0; bits_.ternary && i < tap_sums_.bytes() / 4; ++i) tap_sums_.as<int32_t>()[i] /= 2;
}

void CodeConv::prepare(const uint8_t* from, int32_t count, uint8_t* dst) const {
  for (int32_t group = 0; group < g_.groups; ++group, from += g_.group_channels, dst += row_bytes_)
    kernel_->prepare(from, static_cast<size_t>(g_.input.c), count, g_.group_channels, bits_.activation_bits, dst,
                     position_bytes());
}

// The multiples of X: what unsigned codes start from.
void CodeConv::sum_codes(const Frame& frame, int32_t index, int32_t first, int32_t count, int32_t* sums) const {
  const uint8_t* rows = frame.ring + static_cast<size_t>(slice_group(index)) * row_bytes_;
  std::fill_n(sums, count, 0);
  for (int32_t tap = 0; tap < taps(); ++tap) {
    const uint32_t* offsets = frame.offsets + tap * block_pixels() + first;
    for (int32_t p = 0; p < count; ++p) {
      int32_t sum;
      memcpy(&sum, rows + offsets[p], sizeof sum);
      sums[p] += sum;
    }
  }
  const int32_t times = bits_.largest_weight() << bits_.signed_codes;
  for (int32_t p = 0; p < count; ++p) sums[p] *= times;
}

// What signed codes start from: the sums, less the largest code times the weights inside the picture.
void CodeConv::start(const Frame& frame, int32_t index, int32_t first, int32_t count, const int32_t* sums,
                     int32_t* acc) const {
  const int32_t most = bits_.largest_code();
  const int32_t* weights = tap_sums_.as<int32_t>() + int64_t{index} * (taps() + 1) * kPanel;
  for (int32_t p = 0; p < count; ++p, acc += kPanel) {
    for (int32_t lane = 0; lane < kPanel; ++lane) acc[lane] = sums[p] - most * weights[lane];
    for (int32_t tap = 0; g_.padded && tap < taps(); ++tap) {
      if (frame.offsets[tap * block_pixels() + first + p] != kOutside) continue;
      for (int32_t lane = 0; lane < kPanel; ++lane) acc[lane] += most * weights[(tap + 1) * kPanel + lane];
    }
  }
}

void CodeConv::slice(const Frame& frame, int32_t index, int32_t first, int32_t count) const {
  int32_t* acc = reinterpret_cast<int32_t*>(frame.scratch + align_up(kernel_->work_bytes));
  int32_t sums[kMaxPixels];
  sum_codes(frame, index, first, count, sums);
  if (bits_.signed_codes) start(frame, index, first, count, sums, acc);
  wgemm::Tile tile{};
  tile.taps = taps();
  tile.groups = quads_;
  tile.bits = bits_.activation_bits;
  tile.pixels = count;
  tile.lanes = slice_outputs(index);
  tile.rows = frame.ring + static_cast<size_t>(slice_group(index)) * row_bytes_;
  tile.offsets = frame.offsets + first;
  tile.offset_stride = static_cast<size_t>(block_pixels());
  tile.out = acc;
  tile.work = frame.scratch;
  for (int32_t plane = 0; plane < bits_.planes; ++plane) {
    tile.weights = weight_.as() + panel_at(plane, index);
    tile.shift = (bits_.ternary ? 0 : plane + 1) + bits_.signed_codes;
    tile.from = plane == 0 && !bits_.signed_codes ? sums : nullptr;
    kernel_->run(tile);
  }
  const int32_t channel = slice_first(index);
  if (apart()) {
    const size_t row_bytes = output().row_bytes();
    uint8_t* out =
        frame.output +
        (static_cast<size_t>(frame.y0) * static_cast<size_t>(g_.out.w) + static_cast<size_t>(first)) * row_bytes;
    epilogue_.store_tile(acc, kPanel, count, channel, channel + tile.lanes, out, row_bytes);
    return;
  }
  int32_t* rows = acc + kMaxPixels * kPanel + channel;
  for (int32_t p = 0; p < count; ++p) std::copy_n(acc + p * kPanel, tile.lanes, rows + int64_t{p} * g_.out_channels);
}

void CodeConv::finish(const Frame& frame, int32_t first, int32_t count) const {
  if (apart()) return;
  const int32_t* rows =
      reinterpret_cast<const int32_t*>(frame.scratch + align_up(kernel_->work_bytes)) + kMaxPixels * kPanel;
  const size_t row_bytes = output().row_bytes();
  uint8_t* out =
      frame.output +
      (static_cast<size_t>(frame.y0) * static_cast<size_t>(g_.out.w) + static_cast<size_t>(first)) * row_bytes;
  epilogue_.store(rows, count, 0, g_.out_channels, out, row_bytes);
}

}  // namespace

Status make_code_conv(const char* name, const ConvShape& geometry, bool dense, const FewBits& bits,
                      const uint8_t* weight, const Epilogue& epilogue, Isa isa, OpPtr* out) {
  auto op = std::make_unique<CodeConv>(name, geometry, dense, bits);
  if (Status s = op->create(weight, epilogue, isa); !s.ok()) return s;
  *out = std::move(op);
  return {};
}

}  // namespace xnorkit
