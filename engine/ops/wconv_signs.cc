// float32 inputs: each plane by fsgemm, then the planes join in order, every step rounded as the reference does.
#include <cstring>

#include "kernels/fsgemm/fsgemm.h"
#include "ops/table_conv.h"
#include "ops/wconv_codes.h"

namespace xnorkit {
namespace {

class SignConv final : public TableConv {
 public:
  SignConv(const char* name, const ConvShape& geometry, bool dense, const FewBits& bits)
      : TableConv(name, geometry, dense, kPanel),
        bits_(bits),
        lanes_(static_cast<int32_t>(ceil_div(std::min(geometry.group_outputs, kPanel), fsgemm::kLaneMultiple)) *
               fsgemm::kLaneMultiple) {}

  Status create(const uint8_t* weight, Isa isa);

  const char* kernel_name() const override { return kernel_->name; }
  ValueType output() const override { return {DType::f32, g_.out.h, g_.out.w, g_.out_channels}; }
  size_t packed_bytes() const override { return weight_.bytes(); }

 protected:
  void prepare(const uint8_t* from, int32_t count, uint8_t* dst) const override;
  void slice(const Frame& frame, int32_t index, int32_t first, int32_t count) const override;

 private:
  static constexpr int32_t kPanel = 256;  // so wide that tables are a small part of the work
  static_assert(kMaxPixels == fsgemm::kMaxPixels);

  size_t panel_words() const {
    return static_cast<size_t>(taps()) * static_cast<size_t>(ceil_div(quads_, fsgemm::kWordQuads)) *
           static_cast<size_t>(lanes_);
  }
  size_t panel_at(int32_t plane, int32_t index) const {
    return (static_cast<size_t>(plane) * static_cast<size_t>(slices()) + static_cast<size_t>(index)) * panel_words();
  }
  void pack(const uint8_t* weight);
  void join(float* sums, size_t stride, const float* plane, int32_t index, int32_t pixels, int32_t lanes) const;

  FewBits bits_;
  int32_t lanes_;  // of a panel in memory
  const fsgemm::Kernel* kernel_ = nullptr;
  int32_t quads_ = 0;
  AlignedBuffer weight_;
};

Status SignConv::create(const uint8_t* weight, Isa isa) {
  for (const fsgemm::Kernel& row : fsgemm::kKernels) {
    kernel_ = &row;
    if (row.isa <= isa) break;
  }
  quads_ = static_cast<int32_t>(ceil_div(g_.group_channels, fsgemm::kQuad));
  const size_t bytes = panel_at(bits_.planes, 0) * sizeof(uint32_t);
  if (!weight_.allocate(bytes)) {
    return Status::error(Code::limit, "[%s] memory: got %zu bytes refused, expected them for the weights", name_,
                         bytes);
  }
  pack(weight);
  const size_t row_bytes = static_cast<size_t>(quads_) * fsgemm::kQuad * sizeof(float);
  const size_t plane = static_cast<size_t>(kMaxPixels) * static_cast<size_t>(lanes_) * sizeof(float);
  return plan(row_bytes, plane + kernel_->work_bytes(lanes_), g_.groups == 1);
}

void SignConv::pack(const uint8_t* weight) {
  const int64_t words = ceil_div(quads_, fsgemm::kWordQuads);
  int64_t bit = 0;
  for (int32_t plane = 0; plane < bits_.planes; ++plane)
    for (int32_t o = 0; o < g_.out_channels; ++o) {
      const int32_t in_group = o % g_.group_outputs;
      const int32_t index = o / g_.group_outputs * panels() + in_group / kPanel;
      uint32_t* lane = weight_.as<uint32_t>() + panel_at(plane, index) + in_group % kPanel;
      for (int32_t tap = 0; tap < taps(); ++tap)
        for (int32_t quad = 0; quad < quads_; ++quad) {
          uint32_t signs = 0;
          const int32_t count = std::min(fsgemm::kQuad, g_.group_channels - quad * fsgemm::kQuad);
          for (int32_t c = 0; c < count; ++c, ++bit) signs |= (weight[bit / 8] >> (bit % 8) & 1u) << c;
          lane[(tap * words + quad / fsgemm::kWordQuads) * lanes_] |= fsgemm::nibble_of(signs)
                                                                      << 4 * (quad % fsgemm::kWordQuads);
        }
    }
}

// The floats, and zeros up to a quad's end.
void SignConv::prepare(const uint8_t* from, int32_t count, uint8_t* dst) const {
  const size_t bytes = static_cast<size_t>(g_.group_channels) * sizeof(float);
  for (int32_t i = 0; i < count * g_.groups; ++i, from += bytes, dst += row_bytes_) {
    memcpy(dst, from, bytes);
    memset(dst + bytes, 0, row_bytes_ - bytes);
  }
}

void SignConv::join(float* sums, size_t stride, const float* plane, int32_t index, int32_t pixels,
                    int32_t lanes) const {
  const float factor = static_cast<float>(1 << index);
  for (int32_t p = 0; p < pixels; ++p, sums += stride, plane += lanes) {
    for (int32_t i = 0; i < lanes; ++i) {
      if (bits_.ternary) {
        sums[i] = (sums[i] + plane[i]) * 0.5f;
      } else {
        sums[i] = sums[i] + plane[i] * factor;
      }
    }
  }
}

void SignConv::slice(const Frame& frame, int32_t index, int32_t first, int32_t count) const {
  float* plane_sums = reinterpret_cast<float*>(frame.scratch);
  float* out = reinterpret_cast<float*>(frame.output) + (int64_t{frame.y0} * g_.out.w + first) * g_.out_channels +
               slice_first(index);
  fsgemm::Tile tile{};
  tile.taps = taps();
  tile.quads = quads_;
  tile.pixels = count;
  tile.lanes = slice_outputs(index);
  tile.rows = frame.ring + static_cast<size_t>(slice_group(index)) * row_bytes_;
  tile.offsets = frame.offsets + first;
  tile.offset_stride = static_cast<size_t>(block_pixels());
  tile.lane_stride = lanes_;
  tile.work = plane_sums + kMaxPixels * lanes_;
  for (int32_t plane = 0; plane < bits_.planes; ++plane) {
    tile.weights = weight_.as<uint32_t>() + panel_at(plane, index);
    tile.out = plane == 0 ? out : plane_sums;
    tile.out_stride = static_cast<size_t>(plane == 0 ? g_.out_channels : tile.lanes);
    kernel_->run(tile);
    if (plane > 0) join(out, static_cast<size_t>(g_.out_channels), plane_sums, plane, count, tile.lanes);
  }
}

}  // namespace

Status make_sign_conv(const char* name, const ConvShape& geometry, bool dense, const FewBits& bits,
                      const uint8_t* weight, Isa isa, OpPtr* out) {
  auto op = std::make_unique<SignConv>(name, geometry, dense, bits);
  if (Status s = op->create(weight, isa); !s.ok()) return s;
  *out = std::move(op);
  return {};
}

}  // namespace xnorkit
