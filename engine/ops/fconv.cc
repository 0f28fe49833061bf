#include "ops/fconv.h"

#include <cstring>

#include "base/aligned.h"
#include "kernels/fgemm/fgemm.h"
#include "ops/fband.h"
#include "ops/fpack.h"
#include "ops/tiling.h"
#include "ops/window_geometry.h"

namespace xnorkit {
namespace {

static_assert(kLanes == kFgemmLanes);

class FloatConv final : public Op {
 public:
  FloatConv(const char* name, const ConvShape& geometry, const FgemmKernel& kernel)
      : name_(name), g_(geometry), kernel_(kernel) {}

  Status create(const float* weight, const float* bias) {
    const size_t zeros = g_.padded ? static_cast<size_t>(g_.run) * sizeof(float) : 0;
    if (!zeros_.allocate(zeros)) return Status::error(Code::limit, "[%s] memory: got %zu bytes refused", name_, zeros);
    return weight_.create(name_, g_, weight, bias);
  }

  const char* name() const override { return name_; }
  const char* kernel_name() const override { return kernel_.name; }
  ValueType output() const override { return {DType::f32, g_.out.h, g_.out.w, g_.out_channels}; }
  size_t packed_bytes() const override { return weight_.bytes() + zeros_.bytes(); }
  int64_t units(int32_t batch) const override { return tiling(batch).units(); }
  int64_t most_unit_pixels() const override { return kChunkPixels; }
  UnitBlock unit_block(int32_t batch, int64_t unit) const override {
    return tiling(batch).block(unit, g_.out_channels);
  }

  // Pointers to every tap of the chunk's pixels, patches for pixels at the border, one tile of results.
  size_t scratch_bytes() const override { return rows_bytes() + patch_bytes() + kTileBytes; }

  void run(const RunArgs& args, int64_t begin, int64_t end, void* scratch) const noexcept override {
    const Tiling cut = tiling(args.batch);
    for (int64_t i = begin; i < end; ++i) {
      const Tiling::Unit unit = cut.unit(i);
      if (dense_rows(unit)) {
        run_dense(static_cast<const float*>(args.inputs[0]), static_cast<float*>(args.output), unit, scratch);
        continue;
      }
      for (int32_t group = 0; group < g_.groups; ++group)
        run_group(static_cast<const float*>(args.inputs[0]), static_cast<float*>(args.output), unit, group, scratch);
    }
  }

 private:
  static constexpr int32_t kPiece = 256;  // inputs: 16 KiB of weights
  static constexpr size_t kTileBytes = kFgemmMaxPixels * kStepBlocks * kLanes * sizeof(float);

  size_t rows_bytes() const { return align_up(static_cast<size_t>(g_.taps) * kChunkPixels * sizeof(float*)); }
  size_t patch_bytes() const {
    return g_.padded && g_.merged ? align_up(static_cast<size_t>(g_.depth) * kChunkPixels * sizeof(float)) : 0;
  }
  Tiling tiling(int32_t batch) const { return {g_.out_pixels() * batch, weight_.blocks(), g_.groups}; }

  // Images of a batch of vectors are pixels at equal distances.
  bool dense_rows(const Tiling::Unit& unit) const {
    return g_.input.pixels() == 1 && g_.taps == 1 && g_.groups == 1 && !g_.padded && unit.count >= kFgemmMaxPixels &&
           kernel_.row;
  }

  // Long sums come in pieces, so that the weights of one stay in the first cache while all images of the unit pass.
  void run_dense(const float* input, float* output, const Tiling::Unit& unit, void* scratch) const {
    static_assert(kTileBytes >= size_t{kChunkPixels} * kLanes * sizeof(float));
    float* tile = reinterpret_cast<float*>(static_cast<uint8_t*>(scratch) + rows_bytes() + patch_bytes());
    const size_t depth = static_cast<size_t>(g_.depth), channels = static_cast<size_t>(g_.out_channels);
    for (int32_t block = unit.first_block; block < unit.last_block; ++block) {
      const int32_t first = block * kLanes, valid = std::min(kLanes, g_.out_channels - first);
      const bool direct = valid == kLanes;
      float* to = output + static_cast<size_t>(unit.first_pixel) * channels + first;
      for (int32_t k = 0; k < g_.run; k += kPiece) {
        const int32_t run = std::min(kPiece, g_.run - k);
        kernel_.row({input + static_cast<size_t>(unit.first_pixel) * depth + k, depth, 0, unit.count, 1, run,
                     weight_.block(0, block) + int64_t{k} * kLanes,
                     k + run == g_.run ? weight_.bias(0, block) : nullptr, k > 0, direct ? to : tile,
                     direct ? channels : size_t{kLanes}});
      }
      for (int32_t p = 0; !direct && p < unit.count; ++p)
        memcpy(to + static_cast<size_t>(p) * channels, tile + p * kLanes, static_cast<size_t>(valid) * sizeof(float));
    }
  }

  // Fills rows[tap * stride] for one pixel of the batch.
  void point_rows(const float* input, const Position& at, int32_t group, float* patch, const float** rows,
                  int32_t stride) const {
    const float* image = input + at.image * static_cast<int64_t>(g_.input.pixels()) * g_.input.c;
    const Corner corner = corner_of(g_, at);
    if (g_.merged && (corner.x < 0 || corner.x + g_.window.kernel_w > g_.input.w)) {
      gather_patch(g_, image, at, group, patch,
                   [](const float* from, int64_t count, float* to) { std::copy_n(from, count, to); });
      for (int32_t tap = 0; tap < g_.taps; ++tap) rows[tap * stride] = patch + int64_t{tap} * g_.run;
      return;
    }
    const int32_t columns = g_.merged ? 1 : g_.window.kernel_w;
    for (int32_t kh = 0; kh < g_.window.kernel_h; ++kh) {
      const int64_t y = corner.y + int64_t{kh} * g_.window.dilation_h;
      for (int32_t kw = 0; kw < columns; ++kw, rows += stride) {
        const int64_t x = corner.x + int64_t{kw} * g_.window.dilation_w;
        const bool inside = y >= 0 && y < g_.input.h && x >= 0 && x < g_.input.w;
        *rows = inside ? image + (y * g_.input.w + x) * g_.input.c + int64_t{group} * g_.group_channels
                       : zeros_.as<float>();
      }
    }
  }

  // Tiles of kernel_.pixels pixels, then the rest of the chunk one by one.
  void run_group(const float* input, float* output, const Tiling::Unit& unit, int32_t group, void* scratch) const {
    const float** rows = static_cast<const float**>(scratch);
    float* patches = reinterpret_cast<float*>(static_cast<uint8_t*>(scratch) + rows_bytes());
    float* tile = reinterpret_cast<float*>(static_cast<uint8_t*>(scratch) + rows_bytes() + patch_bytes());
    const int32_t width = kernel_.pixels, in_tiles = unit.count / width * width;
    Position at(g_, unit.first_pixel);
    for (int32_t p = 0; p < unit.count; ++p, at.next(g_)) {
      const bool many = p < in_tiles;
      const float** to = rows + (many ? p / width * width * g_.taps + p % width : p * g_.taps);
      point_rows(input, at, group, patches + p * g_.depth, to, many ? width : 1);
    }
    for (int32_t block = unit.first_block; block < unit.last_block; block += kStepBlocks) {
      const int32_t count = std::min(kStepBlocks, unit.last_block - block);
      for (int32_t p = 0; p < unit.count;) {
        const int32_t pixels = p < in_tiles ? width : 1;
        float* to = output + (unit.first_pixel + p) * g_.out_channels + int64_t{group} * g_.group_outputs;
        run_tile(rows + p * g_.taps, group, block, count, pixels, tile, to);
        p += pixels;
      }
    }
  }

  void run_tile(const float* const* rows, int32_t group, int32_t block, int32_t blocks, int32_t pixels, float* tile,
                float* output) const {
    const int32_t first = block * kLanes, valid = std::min(blocks * kLanes, g_.group_outputs - first);
    const bool direct = valid == blocks * kLanes;
    const FgemmTile work{rows,
                         g_.taps,
                         g_.run,
                         weight_.block(group, block),
                         weight_.bias(group, block),
                         blocks,
                         direct ? output + first : tile,
                         direct ? static_cast<size_t>(g_.out_channels) : size_t{kStepBlocks} * kLanes};
    (pixels == 1 ? kernel_.one : kernel_.many)(work);
    for (int32_t p = 0; !direct && p < pixels; ++p)
      memcpy(output + int64_t{p} * g_.out_channels + first, tile + p * kStepBlocks * kLanes,
             static_cast<size_t>(valid) * sizeof(float));
  }

  const char* name_;
  ConvShape g_;
  const FgemmKernel& kernel_;
  FloatPanels weight_;
  AlignedBuffer zeros_;
};

Status make(const char* where, const ConvShape& g, const float* weight, int64_t weights, const float* bias, Isa isa,
            OpPtr* out) {
  if (g.input.dtype != DType::f32) return Status::error(Code::dtype, "[%s] input: expected f32", where);
  if (weight == nullptr) return Status::error(Code::graph, "[%s] weight: got null, expected an array", where);
  if (weights != g.weights()) {
    return Status::error(Code::shape, "[%s] weight elements: got %lld, expected %lld", where,
                         static_cast<long long>(weights), static_cast<long long>(g.weights()));
  }
  const FgemmKernel* kernel = nullptr;
  for (const FgemmKernel& row : kFgemmKernels)
    if (kernel == nullptr && row.isa <= isa) kernel = &row;
  if (g.out_pixels() > 1 && band_conv2d_fits(g, *kernel)) return make_band_conv2d(where, g, *kernel, weight, bias, out);
  auto op = std::make_unique<FloatConv>(where, g, *kernel);
  if (Status s = op->create(weight, bias); !s.ok()) return s;
  *out = std::move(op);
  return {};
}

}  // namespace

Status make_conv2d(const ValueType& input, const Window& window, int32_t out_channels, int32_t groups,
                   const float* weight, int64_t weights, const float* bias, Isa isa, OpPtr* out) {
  ConvShape g;
  if (Status s = conv_shape("conv2d", input, window, out_channels, groups, &g); !s.ok()) return s;
  return make("conv2d", g, weight, weights, bias, isa, out);
}

Status make_dense(const ValueType& input, int32_t out_features, const float* weight, int64_t weights, const float* bias,
                  Isa isa, OpPtr* out) {
  ConvShape g;
  if (Status s = dense_shape("dense", input, out_features, &g); !s.ok()) return s;
  return make("dense", g, weight, weights, bias, isa, out);
}

}  // namespace xnorkit
