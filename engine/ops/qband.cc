#include "ops/qband.h"

#include "ops/band.h"
#include "ops/channel_epilogue.h"
#include "ops/quad_steps.h"

namespace xnorkit {
namespace {

// How rows are multiplied: by pairs, from rows and weights widened to 16 bits once.
class PairRows {
 public:
  using Element = int16_t;
  static constexpr int64_t kSlack = 1;  // a run of odd length is read as pairs; the weight of what lies behind it is 0

  PairRows(const ConvShape& g, const QgemmKernel& kernel, const Band& band)
      : g_(g), kernel_(kernel), tap_step_(g.window.dilation_h * band.row), pairs_(ceil_div(g.run, 2)) {}

  const char* name() const { return kernel_.name; }
  size_t bytes() const { return weight_.bytes(); }

  Status create(const int8_t* weight) {
    const size_t blocks = static_cast<size_t>(ceil_div(g_.out_channels, kLanes));
    const size_t bytes = blocks * block_elements() * sizeof(int16_t);
    if (!weight_.allocate(bytes)) {
      return Status::error(Code::limit, "[qconv2d] memory: got %zu bytes refused, expected them for the weights",
                           bytes);
    }
    for (int32_t o = 0; o < g_.out_channels; ++o) {
      int16_t* to =
          weight_.as<int16_t>() + static_cast<size_t>(o / kLanes) * block_elements() + int64_t{o % kLanes} * 2;
      for (int32_t tap = 0; tap < g_.taps; ++tap, to += pairs_ * kLanes * 2)
        for (int32_t k = 0; k < g_.run; ++k) to[int64_t{k / 2} * kLanes * 2 + k % 2] = *weight++;
    }
    return {};
  }

  void copy(const uint8_t* from, int64_t count, int16_t* to) const { kernel_.widen(from, 0, 1, count, to); }

  // One row of output pixels x 16 channels.
  void run(const int16_t* x, int32_t block, int32_t* out, size_t out_stride) const {
    kernel_.row({x, static_cast<size_t>(Band::pixel_step(g_)), static_cast<size_t>(tap_step_), g_.out.w, g_.taps,
                 static_cast<int32_t>(pairs_), weight_.as<int16_t>() + static_cast<size_t>(block) * block_elements(),
                 out, out_stride});
  }

 private:
  size_t block_elements() const { return static_cast<size_t>(g_.taps * pairs_ * kLanes * 2); }

  const ConvShape& g_;
  const QgemmKernel& kernel_;
  int64_t tap_step_, pairs_;
  AlignedBuffer weight_;
};

// By quads, from the bytes as they are.
class QuadRows {
 public:
  using Element = uint8_t;
  static constexpr int64_t kSlack = 3;

  QuadRows(const ConvShape& g, const QgemmQuadsKernel& kernel, const Band& band)
      : g_(g), kernel_(kernel), tap_step_(g.window.dilation_h * band.row) {}

  const char* name() const { return kernel_.name; }
  size_t bytes() const { return steps_.bytes(); }
  Status create(const int8_t* weight) { return steps_.create(g_, tap_step_, weight); }
  bool pays() const { return quads_cost(steps_) < pairs_cost(g_); }
  void copy(const uint8_t* from, int64_t count, uint8_t* to) const { std::copy_n(from, count, to); }

  void run(const uint8_t* x, int32_t block, int32_t* out, size_t out_stride) const {
    kernel_.run({x, static_cast<size_t>(Band::pixel_step(g_)), g_.out.w, steps_.steps(block), steps_.offsets(block),
                 steps_.weight(block), out, out_stride});
  }

 private:
  const ConvShape& g_;
  const QgemmQuadsKernel& kernel_;
  int64_t tap_step_;
  QuadSteps steps_;
};

template <class Rows>
class BandQconv final : public Op {
  using Element = typename Rows::Element;

 public:
  template <class Kernel>
  BandQconv(const ConvShape& geometry, const Kernel& kernel)
      : g_(geometry),
        band_(geometry, Rows::kSlack),
        blocks_(static_cast<int32_t>(ceil_div(geometry.out_channels, kLanes))),
        rows_(g_, kernel, band_) {}

  Status create(const int8_t* weight, const Epilogue& epilogue, Isa isa) {
    if (Status s = epilogue_.create(name(), epilogue, g_.out_channels, isa); !s.ok()) return s;
    return rows_.create(weight);
  }
  const Rows& rows() const { return rows_; }

  const char* name() const override { return "qconv2d"; }
  const char* kernel_name() const override { return rows_.name(); }
  ValueType output() const override { return {epilogue_.output_dtype(), g_.out.h, g_.out.w, g_.out_channels}; }
  size_t packed_bytes() const override { return rows_.bytes() + epilogue_.bytes(); }
  int64_t units(int32_t batch) const override { return tiling(batch).units(batch); }
  int64_t most_unit_pixels() const override { return int64_t{tiling(1).rows} * g_.out.w; }
  UnitBlock unit_block(int32_t batch, int64_t unit) const override { return tiling(batch).block(unit, g_); }

  // The band, the unit's accumulators, a row of them for a block that is not full.
  size_t scratch_bytes() const override {
    return band_bytes() + acc_bytes() + align_up(static_cast<size_t>(g_.out.w) * kLanes * sizeof(int32_t));
  }

  void run(const RunArgs& args, int64_t begin, int64_t end, void* scratch) const noexcept override {
    const BandTiling cut = tiling(args.batch);
    const ValueType out = output();
    Element* band = static_cast<Element*>(scratch);
    int32_t* acc = reinterpret_cast<int32_t*>(static_cast<uint8_t*>(scratch) + band_bytes());
    for (int64_t i = begin; i < end; ++i) {
      const BandTiling::Unit unit = cut.unit(i);
      const uint8_t* image =
          static_cast<const uint8_t*>(args.inputs[0]) + static_cast<size_t>(unit.image) * g_.input.bytes();
      band_.fill(g_, image, unit.y, unit.rows, band,
                 [this](const uint8_t* from, int64_t count, Element* to) { rows_.copy(from, count, to); });
      accumulate(band, unit, acc);
      const int64_t first_pixel = (unit.image * g_.out.h + unit.y) * g_.out.w;
      uint8_t* rows = static_cast<uint8_t*>(args.output) + static_cast<size_t>(first_pixel) * out.row_bytes();
      epilogue_.store(acc, unit.rows * g_.out.w, unit.first_block * kLanes,
                      std::min(unit.last_block * kLanes, g_.out_channels), rows, out.row_bytes());
    }
  }

 private:
  size_t band_bytes() const {
    return align_up(static_cast<size_t>(band_.row * Band::height(g_, tiling(1).rows)) * sizeof(Element));
  }
  size_t acc_bytes() const {
    const int64_t pixels = int64_t{tiling(1).rows} * g_.out.w;
    return align_up(static_cast<size_t>(pixels) * static_cast<size_t>(g_.out_channels) * sizeof(int32_t));
  }
  BandTiling tiling(int32_t batch) const { return {g_, blocks_, batch}; }

  void accumulate(const Element* band, const BandTiling::Unit& unit, int32_t* acc) const {
    int32_t* tile = reinterpret_cast<int32_t*>(reinterpret_cast<uint8_t*>(acc) + acc_bytes());
    const size_t channels = static_cast<size_t>(g_.out_channels);
    for (int32_t block = unit.first_block; block < unit.last_block; ++block)
      for (int32_t y = 0; y < unit.rows; ++y) {
        const int32_t first = block * kLanes, valid = std::min(kLanes, g_.out_channels - first);
        const bool direct = valid == kLanes;
        int32_t* to = acc + static_cast<size_t>(y * g_.out.w) * channels + first;
        rows_.run(band + int64_t{y} * g_.window.stride_h * band_.row, block, direct ? to : tile,
                  direct ? channels : size_t{kLanes});
        for (int32_t x = 0; !direct && x < g_.out.w; ++x)
          std::copy_n(tile + x * kLanes, valid, to + static_cast<size_t>(x) * channels);
      }
  }

  ConvShape g_;
  Band band_;
  int32_t blocks_;
  Rows rows_;
  ChannelEpilogue epilogue_;
};

template <class Rows, class Kernel>
Status make(const ConvShape& g, const Kernel& kernel, const int8_t* weight, const Epilogue& epilogue, Isa isa,
            std::unique_ptr<BandQconv<Rows>>* out) {
  auto op = std::make_unique<BandQconv<Rows>>(g, kernel);
  if (Status s = op->create(weight, epilogue, isa); !s.ok()) return s;
  *out = std::move(op);
  return {};
}

const QgemmQuadsKernel* quads_of(Isa isa) {
  for (const QgemmQuadsKernel& row : kQgemmQuadsKernels)
    if (row.isa == isa) return &row;
  return nullptr;
}

}  // namespace

bool band_qconv2d_fits(const ConvShape& g, const QgemmKernel& kernel) {
  return kernel.row != nullptr && band_fits(g, sizeof(int16_t), PairRows::kSlack);
}

Status make_band_qconv2d(const ConvShape& g, const QgemmKernel& kernel, const int8_t* weight, const Epilogue& epilogue,
                         Isa isa, OpPtr* out) {
  if (const QgemmQuadsKernel* quads = quads_of(kernel.isa); quads != nullptr) {
    std::unique_ptr<BandQconv<QuadRows>> op;
    if (Status s = make(g, *quads, weight, epilogue, isa, &op); !s.ok()) return s;
    if (op->rows().pays()) {
      *out = std::move(op);
      return {};
    }
  }
  std::unique_ptr<BandQconv<PairRows>> op;
  if (Status s = make(g, kernel, weight, epilogue, isa, &op); !s.ok()) return s;
  *out = std::move(op);
  return {};
}

}  // namespace xnorkit
