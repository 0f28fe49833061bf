// Panels, rows and scratch of the AVX-512BW kernel, and its two counting loops.
//
// Weights stay packed, two groups of 4 inputs a byte, low nibble first; a panel is (groups of all taps / 2, 64) bytes,
// one byte lane for each output channel.
//
// Lane order: channel c < 32 sits in byte 2 c, channel c >= 32 in byte 2 (c - 32) + 1. Then the 16-bit split of even
// and odd bytes leaves channels 0-31 and 32-63, each in order, and a comparison's mask is the packed bits.
#pragma once
#include "kernels/bgemm/lanes_avx512.h"

namespace xnorkit::bgemm::avx512bw {

constexpr int32_t kChunk = 62;  // groups unpacked at once; even, because a byte of packed weights holds two
constexpr size_t kVector = 64;

struct Work {
  alignas(64) uint8_t weights[kChunk][kVector];                     // one chunk of the panel, a nibble per byte
  alignas(64) uint16_t counts[kBlockEntries * 2 * kPanelChannels];  // (entries, 2 pixels, 64 channels)
};

void prepare_pairs(const Source* sources, int32_t count, int32_t channels, uint8_t* dst, size_t dst_stride);
void count_pairs(const Block& block, Work* work);
void prepare_alone(const uint8_t* a, int32_t channels, uint8_t* dst);
void count_alone(const Block& block, Work* work);

}  // namespace xnorkit::bgemm::avx512bw
