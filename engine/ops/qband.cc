#include "ops/qband.h"

#include "ops/band.h"
#include "ops/channel_epilogue.h"

namespace xnorkit {
namespace {

constexpr int64_t kSlack = 1;  // a run of odd length is read as pairs; the weight of what lies behind it is 0

class BandQconv final : public Op {
 public:
  BandQconv(const ConvShape& geometry, const QgemmKernel& kernel)
      : g_(geometry),
        kernel_(kernel),
        band_(geometry, kSlack),
        blocks_(static_cast<int32_t>(ceil_div(geometry.out_channels, kLanes))),
        pairs_(static_cast<int32_t>(ceil_div(geometry.run, 2))) {}

  Status create(const int8_t* weight, const Epilogue& epilogue, Isa isa) {
    if (Status s = epilogue_.create(name(), epilogue, g_.out_channels, isa); !s.ok()) return s;
    const size_t bytes = static_cast<size_t>(blocks_) * block_elements() * sizeof(int16_t);
    if (!weight_.allocate(bytes)) {
      return Status::error(Code::limit, "[%s] memory: got %zu bytes refused, expected them for the weights", name(),
                           bytes);
    }
    for (int32_t o = 0; o < g_.out_channels; ++o) {
      int16_t* to =
          weight_.as<int16_t>() + static_cast<size_t>(o / kLanes) * block_elements() + int64_t{o % kLanes} * 2;
      for (int32_t tap = 0; tap < g_.taps; ++tap, to += int64_t{pairs_} * kLanes * 2)
        for (int32_t k = 0; k < g_.run; ++k) to[int64_t{k / 2} * kLanes * 2 + k % 2] = *weight++;
    }
    return {};
  }

  const char* name() const override { return "qconv2d"; }
  const char* kernel_name() const override { return kernel_.name; }
  ValueType output() const override { return {epilogue_.output_dtype(), g_.out.h, g_.out.w, g_.out_channels}; }
  size_t packed_bytes() const override { return weight_.bytes() + epilogue_.bytes(); }
  int64_t units(int32_t batch) const override { return tiling(batch).units(batch); }
  int64_t most_unit_pixels() const override { return int64_t{tiling(1).rows} * g_.out.w; }
  UnitBlock unit_block(int32_t batch, int64_t unit) const override { return tiling(batch).block(unit, g_); }

  // The widened band, the unit's accumulators, a row of them for a block that is not full.
  size_t scratch_bytes() const override {
    return band_bytes() + acc_bytes() + align_up(static_cast<size_t>(g_.out.w) * kLanes * sizeof(int32_t));
  }

  void run(const RunArgs& args, int64_t begin, int64_t end, void* scratch) const noexcept override {
    const BandTiling cut = tiling(args.batch);
    const ValueType out = output();
    int16_t* band = static_cast<int16_t*>(scratch);
    int32_t* acc = reinterpret_cast<int32_t*>(static_cast<uint8_t*>(scratch) + band_bytes());
    for (int64_t i = begin; i < end; ++i) {
      const BandTiling::Unit unit = cut.unit(i);
      const uint8_t* image =
          static_cast<const uint8_t*>(args.inputs[0]) + static_cast<size_t>(unit.image) * g_.input.bytes();
      band_.fill(g_, image, unit.y, unit.rows, band,
                 [this](const uint8_t* from, int64_t count, int16_t* to) { kernel_.widen(from, 0, 1, count, to); });
      accumulate(band, unit, acc);
      const int64_t first_pixel = (unit.image * g_.out.h + unit.y) * g_.out.w;
      uint8_t* rows = static_cast<uint8_t*>(args.output) + static_cast<size_t>(first_pixel) * out.row_bytes();
      epilogue_.store(acc, unit.rows * g_.out.w, unit.first_block * kLanes,
                      std::min(unit.last_block * kLanes, g_.out_channels), rows, out.row_bytes());
    }
  }

 private:
  size_t block_elements() const {
    return static_cast<size_t>(g_.taps) * static_cast<size_t>(pairs_) * static_cast<size_t>(kLanes) * 2;
  }
  size_t band_bytes() const {
    return align_up(static_cast<size_t>(band_.row * Band::height(g_, tiling(1).rows)) * sizeof(int16_t));
  }
  size_t acc_bytes() const {
    const int64_t pixels = int64_t{tiling(1).rows} * g_.out.w;
    return align_up(static_cast<size_t>(pixels) * static_cast<size_t>(g_.out_channels) * sizeof(int32_t));
  }
  BandTiling tiling(int32_t batch) const { return {g_, blocks_, batch}; }

  void accumulate(const int16_t* band, const BandTiling::Unit& unit, int32_t* acc) const {
    int32_t* tile = reinterpret_cast<int32_t*>(reinterpret_cast<uint8_t*>(acc) + acc_bytes());
    const size_t channels = static_cast<size_t>(g_.out_channels);
    for (int32_t block = unit.first_block; block < unit.last_block; ++block)
      for (int32_t y = 0; y < unit.rows; ++y) {
        const int32_t first = block * kLanes, valid = std::min(kLanes, g_.out_channels - first);
        const bool direct = valid == kLanes;
        int32_t* to = acc + static_cast<size_t>(y * g_.out.w) * channels + first;
        kernel_.row({band + int64_t{y} * g_.window.stride_h * band_.row, static_cast<size_t>(Band::pixel_step(g_)),
                     static_cast<size_t>(g_.window.dilation_h * band_.row), g_.out.w, g_.taps, pairs_,
                     weight_.as<int16_t>() + static_cast<size_t>(block) * block_elements(), direct ? to : tile,
                     direct ? channels : size_t{kLanes}});
        for (int32_t x = 0; !direct && x < g_.out.w; ++x)
          std::copy_n(tile + x * kLanes, valid, to + static_cast<size_t>(x) * channels);
      }
  }

  ConvShape g_;
  const QgemmKernel& kernel_;
  Band band_;
  int32_t blocks_, pairs_;
  AlignedBuffer weight_;
  ChannelEpilogue epilogue_;
};

}  // namespace

bool band_qconv2d_fits(const ConvShape& g, const QgemmKernel& kernel) {
  return kernel.row != nullptr && band_fits(g, sizeof(int16_t), kSlack);
}

Status make_band_qconv2d(const ConvShape& g, const QgemmKernel& kernel, const int8_t* weight, const Epilogue& epilogue,
                         Isa isa, OpPtr* out) {
  auto op = std::make_unique<BandQconv>(g, kernel);
  if (Status s = op->create(weight, epilogue, isa); !s.ok()) return s;
  *out = std::move(op);
  return {};
}

}  // namespace xnorkit
