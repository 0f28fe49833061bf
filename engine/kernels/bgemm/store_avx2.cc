// Epilogues from the 16-bit counts, 32 channels a vector, in channel order.
#if defined(__x86_64__)
#include <string.h>

#include "kernels/bgemm/lanes_avx2.h"

namespace xnorkit::bgemm::avx2 {
namespace {

// pc >= limit in unsigned 16-bit lanes: the saturated difference limit - pc is 0.
inline uint32_t threshold_bits(const uint16_t* counts, const uint8_t* limits) {
  const __m256i a = load(limits), b = load(limits + 32), zero = _mm256_setzero_si256();
  const __m256i even = _mm256_subs_epu16(_mm256_permute2x128_si256(a, b, 0x20), load(counts));
  const __m256i odd = _mm256_subs_epu16(_mm256_permute2x128_si256(a, b, 0x31), load(counts + 16));
  const __m256i mask = _mm256_packs_epi16(_mm256_cmpeq_epi16(even, zero), _mm256_cmpeq_epi16(odd, zero));
  return static_cast<uint32_t>(_mm256_movemask_epi8(mask));
}

template <int V>
inline void store_bits(const Block& block, const uint8_t* limits, const uint16_t* counts, uint8_t* out) {
  uint64_t bits = threshold_bits(counts, limits);
  if (V == 2) bits |= static_cast<uint64_t>(threshold_bits(counts + kVectorChannels, limits + 64)) << 32;
  bits ^= block.flip;
  if (block.out_channels == kPanelChannels) {
    memcpy(out, &bits, 8);
    return;
  }
  bits &= (uint64_t{1} << block.out_channels) - 1;
  memcpy(out, &bits, static_cast<size_t>(block.out_channels + 7) / 8);
}

// acc = edge - 2 * pc for 8 channels, then int32 or float32 (product rounded, then sum rounded).
inline __m256i values8(const Block& block, const uint8_t* edge, __m128i counts, int32_t first) {
  const __m256i twice = _mm256_slli_epi32(_mm256_cvtepu16_epi32(counts), 1);
  const __m256i acc = _mm256_sub_epi32(load(edge + first * 4), twice);
  if (block.store == Store::i32) return acc;
  const __m256 product = _mm256_mul_ps(_mm256_cvtepi32_ps(acc), _mm256_loadu_ps(block.scale + first));
  return _mm256_castps_si256(_mm256_add_ps(product, _mm256_loadu_ps(block.bias + first)));
}

inline void store_values(const Block& block, const uint8_t* edge, const uint16_t* counts, uint8_t* out) {
  for (int32_t first = 0; first < block.out_channels; first += 8, out += kVector) {
    const int32_t vector = first / kVectorChannels,
                  part = first / 8 % 4;  // part: even low, odd low, even high, odd high
    const uint16_t* at = counts + vector * kVectorChannels + part % 2 * 16 + part / 2 * 8;
    const __m256i values = values8(block, edge, _mm_loadu_si128(reinterpret_cast<const __m128i*>(at)), first);
    const int32_t left = block.out_channels - first;
    if (left >= 8) {
      save(out, values);
    } else {
      alignas(32) uint8_t bytes[kVector];
      save(bytes, values);
      memcpy(out, bytes, static_cast<size_t>(left) * 4);
    }
  }
}

}  // namespace

void store(const Block& block, const Work& work) {
  const int32_t vectors = vectors_of(block.out_channels);
  const uint16_t* counts = work.counts;
  for (int32_t i = 0; i < (block.alone ? 1 : 2 * block.entries); ++i, counts += vectors * kVectorChannels) {
    if (block.pixels[i] < 0) continue;
    const uint8_t* edge = block.edges + static_cast<size_t>(block.classes[i]) * block.edge_stride;
    uint8_t* out = block.out + static_cast<size_t>(block.pixels[i]) * block.out_stride;
    if (block.store != Store::bits) {
      store_values(block, edge, counts, out);
    } else {
      vectors == 2 ? store_bits<2>(block, edge, counts, out) : store_bits<1>(block, edge, counts, out);
    }
  }
}

}  // namespace xnorkit::bgemm::avx2
#endif
