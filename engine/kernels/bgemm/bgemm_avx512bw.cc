// The AVX-512BW row of the kernel table: packing, which of the two counting loops runs, epilogues.
#include "kernels/bgemm/rows.h"

#if defined(XNORKIT_AVX512)
#include "kernels/bgemm/pairs_avx512bw.h"

namespace xnorkit::bgemm {
namespace {

using avx512bw::kVector, avx512bw::Work;

// For each byte two uint16 offsets, or the byte four times.
size_t row_bytes(int32_t channels) { return (static_cast<size_t>(channels) + 7) / 8 * 4; }

size_t panel_bytes(int32_t taps, int32_t channels, int32_t /*out_channels*/) {
  const size_t groups = static_cast<size_t>(taps) * static_cast<size_t>((channels + 3) / 4);
  return (groups + 1) / 2 * kVector;
}

size_t work_bytes() { return sizeof(Work); }

// Groups of consecutive taps follow each other, so with an odd number of groups every other tap begins in a high
// nibble.
void pack(const uint8_t* rows, int32_t taps, int32_t channels, int32_t out_channels, uint8_t* dst) {
  const size_t row = (static_cast<size_t>(channels) + 7) / 8, groups = static_cast<size_t>((channels + 3) / 4);
  for (size_t o = 0; o < static_cast<size_t>(out_channels); ++o) {
    uint8_t* lane = dst + 2 * (o % 32) + o / 32;
    size_t flat = 0;
    for (int32_t tap = 0; tap < taps; ++tap, rows += row) {
      for (size_t g = 0; g < groups; ++g, ++flat) {
        const unsigned nibble = static_cast<unsigned>(rows[g / 2]) >> (4 * (g % 2)) & 15u;
        uint8_t& byte = lane[flat / 2 * kVector];
        byte = static_cast<uint8_t>(byte | nibble << (4 * (flat % 2)));
      }
    }
  }
}

inline void store_pixel(const Block& block, const uint8_t* edge, const uint16_t* counts, uint8_t* out) {
  if (block.store == Store::bits) {
    const uint64_t low = _mm512_cmpge_epu16_mask(load(counts), load(edge));
    const uint64_t high = _mm512_cmpge_epu16_mask(load(counts + 32), load(edge + 64));
    return store_mask(block, low | high << 32, out);
  }
  for (int32_t first = 0; first < block.out_channels; first += 16) {
    const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(counts + first));
    store_values16(block, edge, _mm512_cvtepu16_epi32(half), first, out);
  }
}

void run(const Block& block) {
  Work* work = static_cast<Work*>(block.work);
  block.alone ? avx512bw::count_alone(block, work) : avx512bw::count_pairs(block, work);
  const int32_t pixels = block.alone ? 1 : 2 * block.entries;
  for (int32_t i = 0; i < pixels; ++i) {
    if (block.pixels[i] < 0) continue;
    store_pixel(block, edge_of(block, i), work->counts + static_cast<size_t>(i) * kPanelChannels, out_of(block, i));
  }
}

}  // namespace

const Kernel kAvx512bw = {
    "bgemm_b1b1i32_8x64_avx512bw", Isa::avx512bw,           2,   2, 65534, row_bytes, panel_bytes, work_bytes, pack,
    avx512bw::prepare_pairs,       avx512bw::prepare_alone, run,
};

}  // namespace xnorkit::bgemm
#endif
