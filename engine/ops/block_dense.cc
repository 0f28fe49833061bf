// Dense layers that stream the panels of kernels/fgemm in pieces: hashed weights, made piece by piece and used for all
// images; and plain ones whose sums are formed segment by segment.
#include <algorithm>
#include <cstring>

#include "base/aligned.h"
#include "base/hashing.h"
#include "kernels/deal/deal.h"
#include "kernels/fgemm/fgemm.h"
#include "ops/formed.h"
#include "ops/fpack.h"
#include "ops/tiling.h"
#include "ops/window_geometry.h"

namespace xnorkit {
namespace {

static_assert(deal::kLanes == kFgemmLanes && kLanes == kFgemmLanes);

// Units are blocks of 16 outputs, for all pixels of the batch ("images").
class BlockDense : public Op {
 public:
  BlockDense(const char* name, const ConvShape& geometry, const FgemmKernel& kernel)
      : name_(name),
        g_(geometry),
        kernel_(kernel),
        blocks_(static_cast<int32_t>(ceil_div(geometry.out_channels, kLanes))) {}

  const char* name() const override { return name_; }
  ValueType output() const override { return {DType::f32, g_.out.h, g_.out.w, g_.out_channels}; }
  int64_t units(int32_t) const override { return blocks_; }

 protected:
  int32_t depth() const { return static_cast<int32_t>(g_.depth); }
  int32_t valid(int32_t block) const { return std::min(kLanes, g_.out_channels - block * kLanes); }
  FgemmRow row(const float* x, int32_t images, int32_t k, int32_t run, const float* weight, float* out,
               size_t out_stride) const {
    return {x + k, static_cast<size_t>(g_.depth), 0, images, 1, run, weight, nullptr, false, out, out_stride};
  }

  const char* name_;
  ConvShape g_;
  const FgemmKernel& kernel_;
  int32_t blocks_;
};

class HashedDense final : public BlockDense {
 public:
  HashedDense(const ConvShape& geometry, const FgemmKernel& kernel, const deal::Kernel& dealer,
              const HashedWeight& weight)
      : BlockDense("dense", geometry, kernel), dealer_(dealer), buckets_(weight.buckets), start_(mix(weight.seed)) {}

  Status create(const HashedWeight& weight, const float* bias) {
    if (!values_.allocate(size_t{buckets_} * sizeof(float)) ||
        !bias_.allocate(static_cast<size_t>(blocks_) * kLanes * sizeof(float))) {
      return Status::error(Code::limit, "[dense] memory: got it refused for %u values", buckets_);
    }
    memcpy(values_.as(), weight.values, values_.bytes());
    if (bias) memcpy(bias_.as(), bias, static_cast<size_t>(g_.out_channels) * sizeof(float));
    return {};
  }

  const char* kernel_name() const override { return dealer_.name; }
  size_t packed_bytes() const override { return values_.bytes() + bias_.bytes(); }
  size_t scratch_bytes() const override { return (kPiece + kTileImages) * kLanes * sizeof(float); }

  void run(const RunArgs& args, int64_t begin, int64_t end, void* scratch) const noexcept override {
    float* panel = static_cast<float*>(scratch);
    float* tile = panel + kPiece * kLanes;
    const auto step = static_cast<uint32_t>(g_.depth);
    for (auto block = static_cast<int32_t>(begin); block < end; ++block) {
      const auto first = static_cast<uint32_t>(block) * kLanes * step;
      for (int32_t k = 0; k < depth(); k += kPiece) {
        const int32_t run = std::min(kPiece, depth() - k);
        dealer_.run({values_.as<float>(), buckets_, start_, first + static_cast<uint32_t>(k), step, run, panel});
        multiply(args, block, k, run, panel, tile);
      }
    }
  }

 private:
  static constexpr int32_t kPiece = 256, kTileImages = 8;

  // All images with inputs k .. k + run of a block's panel, the sums so far in the output.
  void multiply(const RunArgs& args, int32_t block, int32_t k, int32_t run, const float* panel, float* tile) const {
    const size_t channels = static_cast<size_t>(g_.out_channels);
    const float* x = static_cast<const float*>(args.inputs[0]);
    float* out = static_cast<float*>(args.output) + block * kLanes;
    const float* bias = k + run == depth() ? bias_.as<float>() + block * kLanes : nullptr;
    const bool whole = valid(block) == kLanes;
    for (int32_t p = 0; p < args.batch; p += whole ? args.batch : kTileImages) {
      const int32_t images = whole ? args.batch : std::min(kTileImages, args.batch - p);
      const size_t bytes = static_cast<size_t>(valid(block)) * sizeof(float);
      float* to = out + static_cast<size_t>(p) * channels;
      for (int32_t i = 0; !whole && k > 0 && i < images; ++i) memcpy(tile + i * kLanes, to + i * channels, bytes);
      FgemmRow work = row(x + p * g_.depth, images, k, run, panel, whole ? to : tile, whole ? channels : kLanes);
      work.bias = bias;
      work.resume = k > 0;
      kernel_.row(work);
      for (int32_t i = 0; !whole && i < images; ++i) memcpy(to + i * channels, tile + i * kLanes, bytes);
    }
  }

  const deal::Kernel& dealer_;
  uint32_t buckets_, start_;
  AlignedBuffer values_, bias_;
};

class SegmentedDense final : public BlockDense {
 public:
  SegmentedDense(const char* name, const ConvShape& geometry, const FgemmKernel& kernel, int32_t segment)
      : BlockDense(name, geometry, kernel), segment_(segment) {}

  Status create(const float* weight, const float* bias) { return weight_.create(name_, g_, weight, bias); }

  const char* kernel_name() const override { return kernel_.name; }
  size_t packed_bytes() const override { return weight_.bytes(); }
  size_t scratch_bytes() const override { return 2 * kTileImages * kLanes * sizeof(float); }

  void run(const RunArgs& args, int64_t begin, int64_t end, void* scratch) const noexcept override {
    const size_t channels = static_cast<size_t>(g_.out_channels);
    float* part = static_cast<float*>(scratch);
    float* sums = part + kTileImages * kLanes;
    for (auto block = static_cast<int32_t>(begin); block < end; ++block)
      for (int64_t p = 0; p < g_.out_pixels() * args.batch; p += kTileImages) {
        const auto images = static_cast<int32_t>(std::min<int64_t>(kTileImages, g_.out_pixels() * args.batch - p));
        const float* x = static_cast<const float*>(args.inputs[0]) + p * g_.depth;
        std::fill_n(sums, images * kLanes, 0.0f);
        for (int32_t k = 0; k < depth(); k += segment_) {
          kernel_.row(row(x, images, k, segment_, weight_.block(0, block) + int64_t{k} * kLanes, part, kLanes));
          for (int32_t i = 0; i < images * kLanes; ++i) sums[i] += part[i];
        }
        float* to = static_cast<float*>(args.output) + static_cast<size_t>(p) * channels + block * kLanes;
        for (int32_t i = 0; i < images; ++i)
          for (int32_t lane = 0; lane < valid(block); ++lane)
            to[i * channels + lane] = sums[i * kLanes + lane] + weight_.bias(0, block)[lane];
      }
  }

 private:
  static constexpr int32_t kTileImages = 24;

  int32_t segment_;
  FloatPanels weight_;
};

const FgemmKernel& kernel_for(Isa isa) {
  for (const FgemmKernel& row : kFgemmKernels)
    if (row.isa <= isa && row.row != nullptr) return row;
  __builtin_unreachable();  // the scalar row
}

Status check(const char* where, const ValueType& input, int32_t out_features, const void* weight, ConvShape* g) {
  if (input.dtype != DType::f32) return Status::error(Code::dtype, "[%s] input: expected f32", where);
  if (weight == nullptr) return Status::error(Code::graph, "[%s] weight: got null, expected an array", where);
  return conv_shape(where, input, {1, 1}, out_features, 1, g);
}

}  // namespace

Status make_hashed_dense(const ValueType& input, int32_t out_features, const HashedWeight& weight, const float* bias,
                         Isa isa, OpPtr* out) {
  ConvShape g;
  if (Status s = check("dense", input, out_features, weight.values, &g); !s.ok()) return s;
  if (g.out_pixels() != 1) return Status::error(Code::shape, "[dense] input: expected (1, 1, C)");
  if (g.weights() > UINT32_MAX || weight.buckets < 1 || weight.buckets > g.weights()) {
    return Status::error(Code::shape, "[dense] values: got %u for %lld weights, expected 1..that", weight.buckets,
                         static_cast<long long>(g.weights()));
  }
  const deal::Kernel* dealer = nullptr;
  for (const deal::Kernel& row : deal::kKernels)
    if (dealer == nullptr && row.isa <= isa) dealer = &row;
  auto op = std::make_unique<HashedDense>(g, kernel_for(isa), *dealer, weight);
  if (Status s = op->create(weight, bias); !s.ok()) return s;
  *out = std::move(op);
  return {};
}

Status make_segmented(const char* where, const ValueType& input, int32_t out_features, int32_t segment,
                      const float* weight, int64_t weights, const float* bias, Isa isa, OpPtr* out) {
  ConvShape g;
  if (Status s = check(where, input, out_features, weight, &g); !s.ok()) return s;
  if (weights != g.weights() || segment < 1 || g.depth % segment != 0) {
    return Status::error(Code::shape, "[%s] segment: got %d, %lld weights, expected a divisor of %lld, %lld weights",
                         where, segment, static_cast<long long>(weights), static_cast<long long>(g.depth),
                         static_cast<long long>(g.weights()));
  }
  auto op = std::make_unique<SegmentedDense>(where, g, kernel_for(isa), segment);
  if (Status s = op->create(weight, bias); !s.ok()) return s;
  *out = std::move(op);
  return {};
}

}  // namespace xnorkit
