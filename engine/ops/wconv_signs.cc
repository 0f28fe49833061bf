// float32 inputs: each plane by fsgemm, then the planes join in order, every step rounded as the reference does.
#include "kernels/fsgemm/fsgemm.h"
#include "ops/table_conv.h"
#include "ops/wconv_codes.h"

namespace xnorkit {
namespace {

class SignConv final : public TableConv {
 public:
  SignConv(const char* name, const ConvShape& geometry, bool dense, const FewBits& bits)
      : TableConv(name, geometry, dense), bits_(bits) {}

  Status create(const uint8_t* weight, Isa isa);

  const char* kernel_name() const override { return kernel_->name; }
  ValueType output() const override { return {DType::f32, g_.out.h, g_.out.w, g_.out_channels}; }
  size_t packed_bytes() const override { return weight_.bytes(); }

 protected:
  void prepare(const uint8_t* from, int32_t count, uint8_t* dst) const override;
  void slice(const Frame& frame, int32_t index, int32_t first, int32_t count) const override;

 private:
  size_t panel_words() const {
    return static_cast<size_t>(taps()) * static_cast<size_t>(ceil_div(quads_, fsgemm::kWordQuads)) * kPanel;
  }
  size_t panel_at(int32_t plane, int32_t index) const {
    return (static_cast<size_t>(plane) * static_cast<size_t>(slices()) + static_cast<size_t>(index)) * panel_words();
  }
  void pack(const uint8_t* weight);
  void join(float* sums, const float* plane, int32_t index, int32_t count) const;

  FewBits bits_;
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
  const size_t row_bytes = static_cast<size_t>(quads_) * fsgemm::kTableFloats * sizeof(float);
  return plan(row_bytes, 2 * size_t{kMaxPixels} * kPanel * sizeof(float), g_.groups == 1);
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
          lane[(tap * words + quad / fsgemm::kWordQuads) * kPanel] |= fsgemm::nibble_of(signs)
                                                                      << 4 * (quad % fsgemm::kWordQuads);
        }
    }
}

void SignConv::prepare(const uint8_t* from, int32_t count, uint8_t* dst) const {
  const float* x = reinterpret_cast<const float*>(from);
  for (int32_t group = 0; group < g_.groups; ++group, x += g_.group_channels, dst += row_bytes_)
    fsgemm::prepare(x, static_cast<size_t>(g_.input.c), count, g_.group_channels, dst, position_bytes());
}

void SignConv::join(float* sums, const float* plane, int32_t index, int32_t count) const {
  const float factor = static_cast<float>(1 << index);
  for (int32_t i = 0; i < count * kPanel; ++i) {
    if (bits_.ternary) {
      sums[i] = (sums[i] + plane[i]) * 0.5f;
    } else {
      sums[i] = sums[i] + plane[i] * factor;
    }
  }
}

void SignConv::slice(const Frame& frame, int32_t index, int32_t first, int32_t count) const {
  float* sums = reinterpret_cast<float*>(frame.scratch);
  float* plane_sums = sums + kMaxPixels * kPanel;
  fsgemm::Tile tile{};
  tile.taps = taps();
  tile.quads = quads_;
  tile.pixels = count;
  tile.lanes = slice_outputs(index);
  tile.rows = frame.ring + static_cast<size_t>(slice_group(index)) * row_bytes_;
  tile.offsets = frame.offsets + first;
  tile.offset_stride = static_cast<size_t>(block_pixels());
  for (int32_t plane = 0; plane < bits_.planes; ++plane) {
    tile.weights = weight_.as<uint32_t>() + panel_at(plane, index);
    tile.out = plane == 0 ? sums : plane_sums;
    kernel_->run(tile);
    if (plane > 0) join(sums, plane_sums, plane, count);
  }
  float* out = reinterpret_cast<float*>(frame.output) + (int64_t{frame.y0} * g_.out.w + first) * g_.out_channels +
               slice_first(index);
  for (int32_t p = 0; p < count; ++p) std::copy_n(sums + p * kPanel, tile.lanes, out + int64_t{p} * g_.out_channels);
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
