// The AVX2 row of the kernel table: packing, and which of the two counting loops runs.
#include "kernels/bgemm/rows.h"

#if defined(__x86_64__)
#include "kernels/bgemm/lanes_avx2.h"

namespace xnorkit::bgemm {
namespace {

using avx2::groups_of, avx2::kVector, avx2::kVectorChannels, avx2::vectors_of, avx2::Work;

// For each byte two uint16 offsets, or the byte four times.
size_t row_bytes(int32_t channels) { return (static_cast<size_t>(channels) + 7) / 8 * 4; }

size_t panel_bytes(int32_t taps, int32_t channels, int32_t out_channels) {
  const size_t groups = static_cast<size_t>(taps) * static_cast<size_t>(groups_of(channels));
  return (groups + 1) / 2 * static_cast<size_t>(vectors_of(out_channels)) * kVector;
}

size_t work_bytes() { return sizeof(Work); }

size_t lane_of(size_t o) {
  const size_t c = o % kVectorChannels;
  return o / kVectorChannels * kVector + 16 * (c / 16) + 2 * (c % 8) + c / 8 % 2;
}

// Odd rows of a panel become differences, see lanes_avx2.h.
void pair_rows(uint8_t* panel, size_t rows, size_t stride) {
  for (size_t row = 1; row < rows; row += 2) {
    uint8_t* at = panel + row * stride;
    for (size_t i = 0; i < stride; ++i) at[i] = static_cast<uint8_t>(at[i] ^ (at - stride)[i]);
  }
}

// Groups of consecutive taps follow each other, so with an odd number of groups every other tap begins in a high
// nibble.
void pack(const uint8_t* rows, int32_t taps, int32_t channels, int32_t out_channels, uint8_t* dst) {
  const size_t row = (static_cast<size_t>(channels) + 7) / 8, tap_count = static_cast<size_t>(taps);
  const size_t groups = static_cast<size_t>(groups_of(channels));
  const size_t stride = static_cast<size_t>(vectors_of(out_channels)) * kVector;
  for (size_t o = 0; o < static_cast<size_t>(out_channels); ++o) {
    const uint8_t* bytes = rows + o * tap_count * row;
    uint8_t* lane = dst + lane_of(o);
    if (groups % 2 == 0) {
      for (size_t i = 0; i < tap_count * row; ++i) lane[i * stride] = bytes[i];
      continue;
    }
    for (size_t flat = 0; flat < tap_count * groups; ++flat) {
      const size_t tap = flat / groups, g = flat % groups;
      const unsigned nibble = static_cast<unsigned>(bytes[tap * row + g / 2]) >> (4 * (g % 2)) & 15u;
      lane[flat / 2 * stride] = static_cast<uint8_t>(lane[flat / 2 * stride] | nibble << (4 * (flat % 2)));
    }
  }
  if (taps == 1) pair_rows(dst, (tap_count * groups + 1) / 2, stride);
}

void run(const Block& block) {
  Work* work = static_cast<Work*>(block.work);
  block.alone ? avx2::count_alone(block, work) : avx2::count_pairs(block, work);
  avx2::store(block, *work);
}

}  // namespace

const Kernel kAvx2 = {
    "bgemm_b1b1i32_4x64_avx2", Isa::avx2,           2,   2, 65534, row_bytes, panel_bytes, work_bytes, pack,
    avx2::prepare_pairs,       avx2::prepare_alone, run,
};

}  // namespace xnorkit::bgemm
#endif
