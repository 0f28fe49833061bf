#include "ops/ndense.h"

#include <cstring>

#include "base/aligned.h"
#include "kernels/fgemm/narrow.h"
#include "ops/tiling.h"
#include "ops/window_geometry.h"

namespace xnorkit {
namespace {

// Units are kStepBlocks blocks of 16 channels, for the whole batch.
template <class T>
class NarrowDense final : public Op {
 public:
  NarrowDense(const char* name, const ConvShape& geometry, const NarrowKernel& kernel)
      : name_(name),
        g_(geometry),
        kernel_(kernel),
        blocks_(static_cast<int32_t>(ceil_div(geometry.out_channels, kLanes))) {}

  Status create(const T* weight, const float* scale, const float* bias) {
    const size_t lanes = static_cast<size_t>(blocks_) * kLanes;
    const size_t bytes = lanes * static_cast<size_t>(g_.depth) * sizeof(T);
    if (!weight_.allocate(bytes) || !scale_.allocate(scale ? lanes * sizeof(float) : 0) ||
        !bias_.allocate(lanes * sizeof(float))) {
      return Status::error(Code::limit, "[%s] memory: got %zu bytes refused, expected them for the weights", name_,
                           bytes);
    }
    for (int32_t o = 0; o < g_.out_channels; ++o) {
      T* to = weight_.as<T>() + int64_t{o / kLanes} * g_.depth * kLanes + narrow_position(kernel_.weight, o % kLanes);
      for (int64_t k = 0; k < g_.depth; ++k) to[k * kLanes] = *weight++;
    }
    const size_t row = static_cast<size_t>(g_.out_channels) * sizeof(float);
    if (scale) memcpy(scale_.as(), scale, row);
    if (bias) memcpy(bias_.as(), bias, row);
    return {};
  }

  const char* name() const override { return name_; }
  const char* kernel_name() const override { return kernel_.name; }
  ValueType output() const override { return {DType::f32, 1, 1, g_.out_channels}; }
  size_t packed_bytes() const override { return weight_.bytes() + scale_.bytes() + bias_.bytes(); }
  int64_t units(int32_t) const override { return ceil_div(blocks_, kStepBlocks); }
  size_t scratch_bytes() const override { return kTilePixels * kStepBlocks * kLanes * sizeof(float); }

  void run(const RunArgs& args, int64_t begin, int64_t end, void* scratch) const noexcept override {
    const float* x = static_cast<const float*>(args.inputs[0]);
    float* out = static_cast<float*>(args.output);
    const size_t depth = static_cast<size_t>(g_.depth), channels = static_cast<size_t>(g_.out_channels);
    for (int64_t unit = begin; unit < end; ++unit) {
      const int32_t block = static_cast<int32_t>(unit) * kStepBlocks, count = std::min(kStepBlocks, blocks_ - block);
      const int32_t first = block * kLanes, valid = std::min(count * kLanes, g_.out_channels - first);
      NarrowTile work{x,
                      depth,
                      args.batch,
                      static_cast<int32_t>(g_.depth),
                      weight_.as<T>() + first * g_.depth,
                      scale_.bytes() ? scale_.as<float>() + first : nullptr,
                      bias_.as<float>() + first,
                      count,
                      out + first,
                      channels};
      if (valid == count * kLanes) {
        kernel_.run(work);
        continue;
      }
      for (int32_t p = 0; p < args.batch; p += kTilePixels) {  // the last block is not full: results by way of scratch
        work.pixels = std::min(kTilePixels, args.batch - p);
        work.x = x + static_cast<size_t>(p) * depth;
        work.out = static_cast<float*>(scratch);
        work.out_stride = static_cast<size_t>(kStepBlocks) * kLanes;
        kernel_.run(work);
        for (int32_t i = 0; i < work.pixels; ++i)
          memcpy(out + static_cast<size_t>(p + i) * channels + first, work.out + i * kStepBlocks * kLanes,
                 static_cast<size_t>(valid) * sizeof(float));
      }
    }
  }

 private:
  static constexpr int32_t kTilePixels = 8;

  const char* name_;
  ConvShape g_;
  const NarrowKernel& kernel_;
  int32_t blocks_;
  AlignedBuffer weight_, scale_, bias_;
};

template <class T>
Status make(const char* where, NarrowWeight kind, const ValueType& input, int32_t out_features, const T* weight,
            int64_t weights, const float* scale, const float* bias, Isa isa, OpPtr* out) {
  if (input.dtype != DType::f32) return Status::error(Code::dtype, "[%s] input: expected f32", where);
  ConvShape g;
  if (Status s = dense_shape(where, input, out_features, &g); !s.ok()) return s;
  if (weight == nullptr || (kind == NarrowWeight::i8 && scale == nullptr)) {
    return Status::error(Code::graph, "[%s] weight or scale: got null, expected an array", where);
  }
  if (weights != g.weights()) {
    return Status::error(Code::shape, "[%s] weight elements: got %lld, expected %lld", where,
                         static_cast<long long>(weights), static_cast<long long>(g.weights()));
  }
  const NarrowKernel* kernel = nullptr;
  for (const NarrowKernel& row : kNarrowKernels)
    if (kernel == nullptr && row.weight == kind && row.isa <= isa) kernel = &row;
  auto op = std::make_unique<NarrowDense<T>>(where, g, *kernel);
  if (Status s = op->create(weight, scale, bias); !s.ok()) return s;
  *out = std::move(op);
  return {};
}

}  // namespace

Status make_dense_bf16(const ValueType& input, int32_t out_features, const uint16_t* weight, int64_t weights,
                       const float* bias, Isa isa, OpPtr* out) {
  return make("dense_bf16", NarrowWeight::bf16, input, out_features, weight, weights, nullptr, bias, isa, out);
}

Status make_dense_i8(const ValueType& input, int32_t out_features, const int8_t* weight, int64_t weights,
                     const float* scale, const float* bias, Isa isa, OpPtr* out) {
  if (weight != nullptr && std::find(weight, weight + weights, int8_t{-128}) != weight + weights) {
    return Status::error(Code::range, "[dense_i8] weight: got -128, expected -127..127");
  }
  return make("dense_i8", NarrowWeight::i8, input, out_features, weight, weights, scale, bias, isa, out);
}

}  // namespace xnorkit
