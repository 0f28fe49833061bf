// What the AVX2 files of this folder share: panel layout, scratch, and helpers that are local to each file. Only files
// compiled for AVX2 may include it.
//
// Weights stay packed, two groups of 4 inputs a byte, low nibble first; a panel is (groups of all taps / 2, vectors,
// 32) bytes, one byte lane for each output channel. Where taps is 1, as in all dense layers, every second row
// is stored as its difference (XOR) from the row before: the adders of alone_avx2.cc want it so.
//
// Lane order: the 16-bit split sends even bytes and odd bytes to different registers, and packs/movemask interleave
// 128-bit halves. Channel c of 32 sits in byte 16 * (c / 16) + 2 * (c % 8) + (c / 8) % 2; then even bytes are channels
// 0-7 16-23, odd bytes 8-15 24-31, and everything is stored in channel order without a permutation.
#pragma once
#include <immintrin.h>

#include "kernels/bgemm/bgemm.h"

namespace xnorkit::bgemm::avx2 {

constexpr int32_t kChunk = 60;  // groups unpacked at once: bytes count to 240; even, a byte of packed weights holds two
constexpr int32_t kVectorChannels = 32;
constexpr size_t kVector = 32;

struct Work {
  alignas(64) uint8_t weights[kChunk][2][kVector];                  // one chunk of the panel, a nibble per byte
  alignas(64) uint16_t counts[kBlockEntries * 2 * kPanelChannels];  // (entries, 2 pixels, vectors, even | odd, 16)
};

void prepare_pairs(const Source* sources, int32_t count, int32_t channels, uint8_t* dst, size_t dst_stride);
void count_pairs(const Block& block, Work* work);
void prepare_alone(const uint8_t* a, int32_t channels, uint8_t* dst);
void count_alone(const Block& block, Work* work);
// Epilogue of every pixel from work's counts.
void store(const Block& block, const Work& work);

namespace {

inline int32_t groups_of(int32_t channels) { return (channels + 3) / 4; }
inline int32_t vectors_of(int32_t out_channels) { return out_channels > kVectorChannels ? 2 : 1; }
inline __m256i load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
inline void save(void* p, __m256i v) { _mm256_storeu_si256(static_cast<__m256i*>(p), v); }
inline __m256i table_at(const uint8_t* table) {
  return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(table)));
}

}  // namespace
}  // namespace xnorkit::bgemm::avx2
