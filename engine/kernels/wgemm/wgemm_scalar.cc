// Plain C++, the oracle of the family: the same tables as uint16.
#include "kernels/wgemm/wgemm.h"

namespace xnorkit::wgemm {
namespace {

constexpr int kEntries = 16;
static_assert(kEntries * sizeof(uint16_t) == kGroupBytes);

size_t row_bytes(int32_t groups, int32_t) {
  return kHeaderBytes + static_cast<size_t>(groups) * kEntries * sizeof(uint16_t);
}

void prepare_row(const uint8_t* codes, int32_t channels, unsigned most, uint8_t* dst) {
  uint16_t* table = reinterpret_cast<uint16_t*>(dst + kHeaderBytes);
  int32_t sum = 0;
  for (int32_t first = 0; first < channels; first += kGroupInputs, table += kEntries) {
    table[0] = 0;
    for (int32_t i = 0, entries = 1; i < kGroupInputs; ++i, entries *= 2) {
      const unsigned code = first + i < channels ? codes[first + i] : 0;
      const unsigned x = code < most ? code : most;
      for (int32_t e = 0; e < entries; ++e) table[entries + e] = static_cast<uint16_t>(table[e] + x);
    }
    sum += table[kEntries - 1];
  }
  *reinterpret_cast<int32_t*>(dst) = sum;
}

void prepare(const uint8_t* codes, size_t src_stride, int32_t count, int32_t channels, int32_t bits, uint8_t* dst,
             size_t dst_stride) {
  const unsigned most = (1u << bits) - 1;
  for (int32_t i = 0; i < count; ++i, codes += src_stride, dst += dst_stride) prepare_row(codes, channels, most, dst);
}

void run(const Tile& t) {
  for (int32_t pixel = 0; pixel < t.pixels; ++pixel) {
    uint32_t sums[kPanelChannels] = {};
    const uint8_t* weights = t.weights;
    for (int32_t tap = 0; tap < t.taps; ++tap) {
      const uint8_t* row = t.rows + t.offsets[static_cast<size_t>(tap) * t.offset_stride + static_cast<size_t>(pixel)];
      const uint16_t* table = reinterpret_cast<const uint16_t*>(row + kHeaderBytes);
      for (int32_t group = 0; group < t.groups; ++group, table += kEntries, weights += kGroupBytes) {
        for (size_t lane = 0; lane < kGroupBytes; ++lane) {
          sums[lane] += table[weights[lane] & 15];
          sums[lane + kGroupBytes] += table[weights[lane] >> 4];
        }
      }
    }
    int32_t* out = t.out + pixel * kPanelChannels;
    for (int32_t lane = 0; lane < kPanelChannels; ++lane)
      out[lane] = static_cast<int32_t>(static_cast<uint32_t>(t.from != nullptr ? t.from[pixel] : out[lane]) -
                                       (sums[lane] << t.shift));
  }
}

}  // namespace

const Kernel kScalar = {"wgemm_u8b1i32_1x64_scalar", Isa::scalar, 0, row_bytes, prepare, run};

}  // namespace xnorkit::wgemm
