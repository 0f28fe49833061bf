#include <algorithm>
#include <cstring>

#include "base/aligned.h"
#include "kernels/lookup/lookup.h"
#include "ops/formed.h"
#include "ops/tiling.h"
#include "ops/window_geometry.h"

namespace xnorkit {
namespace {

using lookup::kLanes;

using lookup::kImages;

// A unit is a group of images, kImages or one, times some blocks of 64 outputs; every run of units of one group makes
// the group's tables once.
class Lookup final : public Op {
 public:
  Lookup(const char* name, const ConvShape& geometry, const VectorWeight& weight, const lookup::Kernel& kernel)
      : name_(name),
        out_(geometry.out),
        kernel_(kernel),
        segments_(weight.segments),
        width_(weight.width),
        stride_(static_cast<int32_t>(ceil_div(weight.values, lookup::kValueLanes)) * lookup::kValueLanes),
        outputs_(weight.rows),
        blocks_(static_cast<int32_t>(ceil_div(weight.rows, kLanes))),
        chunk_(std::clamp<int32_t>(kChunkBytes / (stride_ * 4), 1, weight.segments)) {
    // In instructions, roughly: a unit's tables are at most half of its sums.
    const double tables = double{1} * width_ * stride_ / 4, sums = stride_ <= lookup::kShuffledValues ? 32 : 80;
    part_ = static_cast<int32_t>(std::clamp(2 * tables / sums, 1.0, double{1} * blocks_));
  }

  Status create(const VectorWeight& weight, const float* bias) {
    const size_t segments = static_cast<size_t>(segments_), blocks = static_cast<size_t>(blocks_);
    const size_t book = segments * static_cast<size_t>(width_) * static_cast<size_t>(stride_) * sizeof(float);
    if (!book_.allocate(book) || !index_.allocate(blocks * segments * kLanes) ||
        !bias_.allocate(blocks * kLanes * sizeof(float))) {
      return Status::error(Code::limit, "[%s] memory: got %zu bytes refused, expected them for a codebook", name_,
                           book);
    }
    for (int32_t s = 0; s < segments_; ++s) {
      const float* from = weight.codebook.data() + int64_t{s} * weight.values * width_;
      float* to = book_.as<float>() + int64_t{s} * width_ * stride_;
      for (int32_t v = 0; v < weight.values; ++v)
        for (int32_t j = 0; j < width_; ++j) to[j * stride_ + v] = *from++;
      for (int32_t o = 0; o < outputs_; ++o)
        index_.as<uint8_t>()[(int64_t{o / kLanes} * segments_ + s) * kLanes + o % kLanes] =
            weight.index[static_cast<size_t>(int64_t{s} * outputs_ + o)];
    }
    if (bias) memcpy(bias_.as(), bias, static_cast<size_t>(outputs_) * sizeof(float));
    return {};
  }

  const char* name() const override { return name_; }
  const char* kernel_name() const override { return kernel_.name; }
  ValueType output() const override { return {DType::f32, out_.h, out_.w, outputs_}; }
  size_t packed_bytes() const override { return book_.bytes() + index_.bytes() + bias_.bytes(); }
  int64_t units(int32_t batch) const override {
    const int64_t rows = pixels() * batch;
    return parts() * (rows / kImages + rows % kImages);
  }
  // Tables, a chunk's inputs with the images in lanes, sums of all outputs.
  size_t scratch_bytes() const override { return table_bytes() + input_bytes() + sum_bytes(); }

  void run(const RunArgs& args, int64_t begin, int64_t end, void* scratch) const noexcept override {
    const size_t depth = static_cast<size_t>(segments_) * static_cast<size_t>(width_);
    const int64_t whole = pixels() * args.batch / kImages;
    while (begin < end) {
      const int64_t group = begin / parts(), last = std::min(end, (group + 1) * parts());
      const int32_t first_block = static_cast<int32_t>(begin % parts()) * part_;
      const int32_t last_block = std::min(blocks_, static_cast<int32_t>(last - group * parts()) * part_);
      const int64_t image = group < whole ? group * kImages : whole * kImages + group - whole;
      const float* x = static_cast<const float*>(args.inputs[0]) + static_cast<size_t>(image) * depth;
      float* out = static_cast<float*>(args.output) + image * outputs_;
      if (group < whole) {
        run_images(x, out, first_block, last_block, scratch);
      } else {
        run_image(x, out, first_block, last_block, scratch);
      }
      begin = last;
    }
  }

 private:
  static constexpr int32_t kChunkBytes = 64 << 10;  // of tables, so that they stay in the second cache
  static constexpr int32_t kManyChunkBytes = 32 << 10;

  int64_t pixels() const { return int64_t{out_.h} * out_.w; }
  int64_t parts() const { return ceil_div(blocks_, part_); }
  int32_t many_chunk() const { return std::clamp<int32_t>(kManyChunkBytes / (stride_ * kImages * 4), 1, segments_); }
  size_t table_bytes() const {
    return std::max(static_cast<size_t>(chunk_), static_cast<size_t>(many_chunk()) * kImages) *
           static_cast<size_t>(stride_) * sizeof(float);
  }
  size_t input_bytes() const {
    return align_up(static_cast<size_t>(many_chunk()) * static_cast<size_t>(width_) * kImages * sizeof(float));
  }
  size_t sum_bytes() const { return static_cast<size_t>(blocks_) * kLanes * kImages * sizeof(float); }

  void run_image(const float* x, float* out, int32_t first_block, int32_t last_block, void* scratch) const {
    float* tables = static_cast<float*>(scratch);
    float* tail = reinterpret_cast<float*>(static_cast<uint8_t*>(scratch) + table_bytes());
    for (int32_t s = 0; s < segments_; s += chunk_) {
      const int32_t count = std::min(chunk_, segments_ - s);
      kernel_.tables(
          {x + int64_t{s} * width_, count, width_, stride_, book_.as<float>() + int64_t{s} * width_ * stride_, tables});
      for (int32_t b = first_block; b < last_block; ++b) {
        const bool whole = (b + 1) * kLanes <= outputs_, done = s + count == segments_;
        float* to = whole ? out + b * kLanes : tail;
        kernel_.sums({tables, count, stride_, index_.as<uint8_t>() + (int64_t{b} * segments_ + s) * kLanes,
                      done ? bias_.as<float>() + b * kLanes : nullptr, s > 0, to});
        if (!whole && done) memcpy(out + b * kLanes, tail, static_cast<size_t>(outputs_ - b * kLanes) * sizeof(float));
      }
    }
  }

  void run_images(const float* x, float* out, int32_t first_block, int32_t last_block, void* scratch) const {
    float* tables = static_cast<float*>(scratch);
    float* inputs = reinterpret_cast<float*>(static_cast<uint8_t*>(scratch) + table_bytes());
    float* sums = reinterpret_cast<float*>(static_cast<uint8_t*>(scratch) + table_bytes() + input_bytes());
    const int64_t depth = int64_t{segments_} * width_;
    const int32_t chunk = many_chunk();
    for (int32_t s = 0; s < segments_; s += chunk) {
      const int32_t count = std::min(chunk, segments_ - s);
      for (int32_t j = 0; j < count * width_; ++j)
        for (int32_t i = 0; i < kImages; ++i) inputs[j * kImages + i] = x[i * depth + int64_t{s} * width_ + j];
      kernel_.tables_many({inputs, count, width_, stride_, book_.as<float>() + int64_t{s} * width_ * stride_, tables});
      for (int32_t b = first_block; b < last_block; ++b)
        kernel_.sums_many({tables, count, stride_, index_.as<uint8_t>() + (int64_t{b} * segments_ + s) * kLanes,
                           nullptr, s > 0, sums + int64_t{b} * kLanes * kImages});
    }
    const int32_t last = std::min(last_block * kLanes, outputs_);
    for (int32_t i = 0; i < kImages; ++i)
      for (int32_t o = first_block * kLanes; o < last; ++o)
        out[int64_t{i} * outputs_ + o] = sums[o * kImages + i] + bias_.as<float>()[o];
  }

  const char* name_;
  Size out_;
  const lookup::Kernel& kernel_;
  int32_t segments_, width_, stride_, outputs_, blocks_, chunk_, part_ = 1;
  AlignedBuffer book_, index_, bias_;
};

}  // namespace

Status make_lookup(const char* where, const ValueType& input, int32_t out_features, const VectorWeight& weight,
                   const float* bias, Isa isa, OpPtr* out) {
  if (input.dtype != DType::f32) return Status::error(Code::dtype, "[%s] input: expected f32", where);
  ConvShape g;
  if (Status s = conv_shape(where, input, {1, 1}, out_features, 1, &g); !s.ok()) return s;
  if (weight.values < 1 || weight.values > 256 || weight.segments < 1 || weight.rows != out_features ||
      int64_t{weight.segments} * weight.width != g.depth) {
    return Status::error(Code::shape, "[%s] weight: got %d segments of %d, %d rows, expected (%d, %lld)", where,
                         weight.segments, weight.width, weight.rows, out_features, static_cast<long long>(g.depth));
  }
  const lookup::Kernel* kernel = nullptr;
  for (const lookup::Kernel& row : lookup::kKernels)
    if (kernel == nullptr && row.isa <= isa) kernel = &row;
  auto op = std::make_unique<Lookup>(where, g, weight, *kernel);
  if (Status s = op->create(weight, bias); !s.ok()) return s;
  *out = std::move(op);
  return {};
}

}  // namespace xnorkit
