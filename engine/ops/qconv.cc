#include "ops/qconv.h"

#include "kernels/qgemm/qgemm.h"
#include "ops/channel_epilogue.h"
#include "ops/qband.h"
#include "ops/tiling.h"
#include "ops/window_geometry.h"

namespace xnorkit {
namespace {

static_assert(kLanes == kQgemmLanes);

class IntegerConv final : public Op {
 public:
  IntegerConv(const char* name, const ConvShape& geometry, const QgemmKernel& kernel)
      : name_(name), g_(geometry), kernel_(kernel) {}

  Status create(const int8_t* weight, const Epilogue& epilogue, Isa isa) {
    if (Status s = epilogue_.create(name_, epilogue, g_.out_channels, isa); !s.ok()) return s;
    blocks_ = static_cast<int32_t>(ceil_div(g_.group_outputs, kLanes));
    pairs_ = static_cast<int32_t>(ceil_div(g_.depth, 2));
    const size_t bytes = static_cast<size_t>(g_.groups) * static_cast<size_t>(blocks_) * kLanes * padded_depth();
    if (!weight_.allocate(bytes)) {
      return Status::error(Code::limit, "[%s] memory: got %zu bytes refused, expected them for the weights", name_,
                           bytes);
    }
    pack(weight);
    return {};
  }

  const char* name() const override { return name_; }
  const char* kernel_name() const override { return kernel_.name; }
  ValueType output() const override { return {epilogue_.output_dtype(), g_.out.h, g_.out.w, g_.out_channels}; }
  size_t packed_bytes() const override { return weight_.bytes() + epilogue_.bytes(); }
  int64_t units(int32_t batch) const override { return tiling(batch).units(); }
  int64_t most_unit_pixels() const override { return kChunkPixels; }
  UnitBlock unit_block(int32_t batch, int64_t unit) const override {
    return tiling(batch).block(unit, g_.out_channels);
  }

  // 16-bit patches of one group of the chunk's pixels, their accumulators, one tile of results.
  size_t scratch_bytes() const override { return patch_bytes() + acc_bytes() + kTileBytes; }

  void run(const RunArgs& args, int64_t begin, int64_t end, void* scratch) const noexcept override {
    const Tiling cut = tiling(args.batch);
    const ValueType out = output();
    int32_t* acc = reinterpret_cast<int32_t*>(static_cast<uint8_t*>(scratch) + patch_bytes());
    for (int64_t i = begin; i < end; ++i) {
      const Tiling::Unit unit = cut.unit(i);
      for (int32_t group = 0; group < g_.groups; ++group)
        run_group(static_cast<const uint8_t*>(args.inputs[0]), unit, group, static_cast<int16_t*>(scratch), acc);
      const int32_t first = unit.first_block * kLanes;
      const int32_t last = g_.groups > 1 ? g_.out_channels : std::min(unit.last_block * kLanes, g_.out_channels);
      uint8_t* rows = static_cast<uint8_t*>(args.output) + static_cast<size_t>(unit.first_pixel) * out.row_bytes();
      epilogue_.store(acc, unit.count, first, last, rows, out.row_bytes());
    }
  }

 private:
  static constexpr size_t kTileBytes = kQgemmMaxPixels * kStepBlocks * kLanes * sizeof(int32_t);

  size_t padded_depth() const { return static_cast<size_t>(pairs_) * 2; }
  size_t patch_bytes() const { return align_up(padded_depth() * kChunkPixels * sizeof(int16_t)); }
  size_t acc_bytes() const { return align_up(static_cast<size_t>(g_.out_channels) * kChunkPixels * sizeof(int32_t)); }
  Tiling tiling(int32_t batch) const { return {g_.out_pixels() * batch, blocks_, g_.groups}; }

  void pack(const int8_t* weight) {
    int8_t* to = weight_.as<int8_t>();
    for (int32_t group = 0; group < g_.groups; ++group)
      for (int32_t block = 0; block < blocks_; ++block)
        for (int32_t pair = 0; pair < pairs_; ++pair)
          for (int32_t lane = 0; lane < kLanes; ++lane)
            for (int32_t half = 0; half < 2; ++half, ++to) {
              const int32_t o = block * kLanes + lane;
              const int64_t k = int64_t{pair} * 2 + half;
              if (o < g_.group_outputs && k < g_.depth)
                *to = weight[(int64_t{group} * g_.group_outputs + o) * g_.depth + k];
            }
  }

  void gather(const uint8_t* input, const Position& at, int32_t group, int16_t* patch) const {
    const uint8_t* image = input + static_cast<size_t>(at.image) * g_.input.bytes();
    if (g_.input.dtype == DType::bits) {  // a dense layer's row
      for (int64_t k = 0; k < g_.depth; ++k) patch[k] = static_cast<int16_t>(1 - 2 * (image[k / 8] >> (k % 8) & 1));
    } else {
      const Corner corner = corner_of(g_, at);
      const int64_t row = int64_t{g_.input.w} * g_.input.c;
      if (g_.merged && inside(g_, corner)) {
        kernel_.widen(image + corner.y * row + corner.x * g_.input.c, g_.window.dilation_h * row, g_.taps, g_.run,
                      patch);
      } else {
        gather_patch(g_, image, at, group, patch,
                     [this](const uint8_t* from, int64_t count, int16_t* to) { kernel_.widen(from, 0, 1, count, to); });
      }
    }
    if (g_.depth % 2) patch[g_.depth] = 0;
  }

  void run_group(const uint8_t* input, const Tiling::Unit& unit, int32_t group, int16_t* patches, int32_t* acc) const {
    Position at(g_, unit.first_pixel);
    for (int32_t p = 0; p < unit.count; ++p, at.next(g_))
      gather(input, at, group, patches + static_cast<size_t>(p) * padded_depth());
    int32_t* tile = reinterpret_cast<int32_t*>(reinterpret_cast<uint8_t*>(acc) + acc_bytes());
    const int32_t width = kernel_.pixels, in_tiles = unit.count / width * width;
    for (int32_t block = unit.first_block; block < unit.last_block; block += kStepBlocks) {
      const int32_t count = std::min(kStepBlocks, unit.last_block - block);
      for (int32_t p = 0; p < unit.count;) {
        const int32_t pixels = p < in_tiles ? width : 1;
        int32_t* to = acc + int64_t{p} * g_.out_channels + int64_t{group} * g_.group_outputs;
        run_tile(patches + static_cast<size_t>(p) * padded_depth(), group, block, count, pixels, tile, to);
        p += pixels;
      }
    }
  }

  void run_tile(const int16_t* x, int32_t group, int32_t block, int32_t blocks, int32_t pixels, int32_t* tile,
                int32_t* acc) const {
    const int32_t first = block * kLanes, valid = std::min(blocks * kLanes, g_.group_outputs - first);
    const bool direct = valid == blocks * kLanes;
    const size_t index = static_cast<size_t>(group) * static_cast<size_t>(blocks_) + static_cast<size_t>(block);
    const QgemmTile work{x,
                         padded_depth(),
                         pairs_,
                         weight_.as<int8_t>() + index * padded_depth() * kLanes,
                         blocks,
                         direct ? acc + first : tile,
                         direct ? static_cast<size_t>(g_.out_channels) : size_t{kStepBlocks} * kLanes};
    (pixels == 1 ? kernel_.one : kernel_.many)(work);
    for (int32_t p = 0; !direct && p < pixels; ++p)
      std::copy_n(tile + p * kStepBlocks * kLanes, valid, acc + int64_t{p} * g_.out_channels + first);
  }

  const char* name_;
  ConvShape g_;
  const QgemmKernel& kernel_;
  int32_t blocks_ = 0, pairs_ = 0;
  AlignedBuffer weight_;
  ChannelEpilogue epilogue_;
};

Status make(const char* where, const ConvShape& g, const int8_t* weight, int64_t weights, const Epilogue& epilogue,
            Isa isa, OpPtr* out) {
  if (weight == nullptr) return Status::error(Code::graph, "[%s] weight: got null, expected an array", where);
  if (weights != g.weights()) {
    return Status::error(Code::shape, "[%s] weight elements: got %lld, expected %lld", where,
                         static_cast<long long>(weights), static_cast<long long>(g.weights()));
  }
  if (std::find(weight, weight + weights, int8_t{-128}) != weight + weights) {
    return Status::error(Code::range, "[%s] weight: got -128, expected -127..127", where);
  }
  const int64_t bound = g.depth * 127 * (g.input.dtype == DType::bits ? 1 : 255);
  if (bound > INT32_MAX) {
    return Status::error(Code::limit, "[%s] largest possible accumulator: got %lld, expected at most %d", where,
                         static_cast<long long>(bound), INT32_MAX);
  }
  const QgemmKernel* kernel = nullptr;
  for (const QgemmKernel& row : kQgemmKernels)
    if (kernel == nullptr && row.isa <= isa) kernel = &row;
  if (g.out_pixels() > 1 && band_qconv2d_fits(g, *kernel))
    return make_band_qconv2d(g, *kernel, weight, epilogue, isa, out);
  auto op = std::make_unique<IntegerConv>(where, g, *kernel);
  if (Status s = op->create(weight, epilogue, isa); !s.ok()) return s;
  *out = std::move(op);
  return {};
}

}  // namespace

Status make_qconv2d(const ValueType& input, const Window& window, int32_t out_channels, int32_t groups,
                    const int8_t* weight, int64_t weights, const Epilogue& epilogue, Isa isa, OpPtr* out) {
  if (input.dtype != DType::u8) return Status::error(Code::dtype, "[qconv2d] input: expected u8");
  ConvShape g;
  if (Status s = conv_shape("qconv2d", input, window, out_channels, groups, &g); !s.ok()) return s;
  return make("qconv2d", g, weight, weights, epilogue, isa, out);
}

Status make_qdense(const ValueType& input, int32_t out_features, const int8_t* weight, int64_t weights,
                   const Epilogue& epilogue, Isa isa, OpPtr* out) {
  if (input.dtype != DType::u8 && input.dtype != DType::bits) {
    return Status::error(Code::dtype, "[qdense] input: expected u8 or bits");
  }
  ConvShape g;
  if (Status s = dense_shape("qdense", input, out_features, &g); !s.ok()) return s;
  return make("qdense", g, weight, weights, epilogue, isa, out);
}

}  // namespace xnorkit
