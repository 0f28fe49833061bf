#include "ops/fband.h"

#include <cstring>

#include "base/aligned.h"
#include "ops/band.h"
#include "ops/fpack.h"

namespace xnorkit {
namespace {

class BandConv final : public Op {
 public:
  BandConv(const char* name, const ConvShape& geometry, const FgemmKernel& kernel)
      : name_(name), g_(geometry), kernel_(kernel), band_(geometry) {}

  Status create(const float* weight, const float* bias) { return weight_.create(name_, g_, weight, bias); }

  const char* name() const override { return name_; }
  const char* kernel_name() const override { return kernel_.name; }
  ValueType output() const override { return {DType::f32, g_.out.h, g_.out.w, g_.out_channels}; }
  size_t packed_bytes() const override { return weight_.bytes(); }
  int64_t units(int32_t batch) const override { return tiling(batch).units(batch); }
  int64_t most_unit_pixels() const override { return int64_t{tiling(1).rows} * g_.out.w; }
  UnitBlock unit_block(int32_t batch, int64_t unit) const override { return tiling(batch).block(unit, g_); }

  // The band, where the picture itself is none, and a row of results for a block that is not full.
  size_t scratch_bytes() const override {
    return band_bytes() + align_up(static_cast<size_t>(g_.out.w) * kLanes * sizeof(float));
  }

  void run(const RunArgs& args, int64_t begin, int64_t end, void* scratch) const noexcept override {
    const BandTiling cut = tiling(args.batch);
    const size_t out_row = static_cast<size_t>(g_.out.w) * static_cast<size_t>(g_.out_channels);
    for (int64_t i = begin; i < end; ++i) {
      const BandTiling::Unit unit = cut.unit(i);
      const float* image =
          static_cast<const float*>(args.inputs[0]) + unit.image * static_cast<int64_t>(g_.input.pixels()) * g_.input.c;
      float* out = static_cast<float*>(args.output) + static_cast<size_t>(unit.image * g_.out.h + unit.y) * out_row;
      run_unit(image, unit, out, static_cast<float*>(scratch));
    }
  }

 private:
  size_t band_bytes() const {
    if (!g_.padded) return 0;
    const BandTiling cut = tiling(1);
    return align_up(static_cast<size_t>(band_.row * Band::height(g_, cut.rows)) * sizeof(float));
  }
  BandTiling tiling(int32_t batch) const { return {g_, weight_.blocks(), batch}; }

  void run_unit(const float* image, const BandTiling::Unit& unit, float* out, float* scratch) const {
    const float* band = image + int64_t{unit.y} * g_.window.stride_h * g_.input.w * g_.input.c;
    int64_t row = int64_t{g_.input.w} * g_.input.c;
    if (g_.padded) {
      band_.fill(g_, image, unit.y, unit.rows, scratch, [](const float* from, int64_t count, float* to) {
        memcpy(to, from, static_cast<size_t>(count) * sizeof(float));
      });
      band = scratch;
      row = band_.row;
    }
    float* tile = reinterpret_cast<float*>(reinterpret_cast<uint8_t*>(scratch) + band_bytes());
    const size_t channels = static_cast<size_t>(g_.out_channels);
    for (int32_t block = unit.first_block; block < unit.last_block; ++block)
      for (int32_t y = 0; y < unit.rows; ++y) {
        const int32_t first = block * kLanes, valid = std::min(kLanes, g_.out_channels - first);
        float* to = out + static_cast<size_t>(y) * static_cast<size_t>(g_.out.w) * channels + first;
        const bool direct = valid == kLanes;
        kernel_.row({band + int64_t{y} * g_.window.stride_h * row, static_cast<size_t>(Band::pixel_step(g_)),
                     static_cast<size_t>(g_.window.dilation_h * row), g_.out.w, g_.taps, g_.run,
                     weight_.block(0, block), weight_.bias(0, block), false, direct ? to : tile,
                     direct ? channels : size_t{kLanes}});
        for (int32_t x = 0; !direct && x < g_.out.w; ++x)
          memcpy(to + static_cast<size_t>(x) * channels, tile + x * kLanes, static_cast<size_t>(valid) * sizeof(float));
      }
  }

  const char* name_;
  ConvShape g_;
  const FgemmKernel& kernel_;
  Band band_;
  FloatPanels weight_;
};

}  // namespace

bool band_conv2d_fits(const ConvShape& g, const FgemmKernel& kernel) {
  return kernel.row != nullptr && g.merged && (!g.padded || band_fits(g, sizeof(float), 0));
}

Status make_band_conv2d(const char* name, const ConvShape& g, const FgemmKernel& kernel, const float* weight,
                        const float* bias, OpPtr* out) {
  auto op = std::make_unique<BandConv>(name, g, kernel);
  if (Status s = op->create(weight, bias); !s.ok()) return s;
  *out = std::move(op);
  return {};
}

}  // namespace xnorkit
