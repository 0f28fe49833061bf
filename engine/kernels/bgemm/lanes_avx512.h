// What the AVX-512 files of this folder share; helpers are local to each file. Only files compiled for AVX-512 may
// include it.
#pragma once
#include <string.h>

#include "base/avx512.h"
#include "kernels/bgemm/bgemm.h"

namespace xnorkit::bgemm {
namespace {

inline __m512i load(const void* p) { return _mm512_loadu_si512(p); }
inline void save(void* p, __m512i v) { _mm512_storeu_si512(p, v); }

inline const uint8_t* edge_of(const Block& block, int32_t i) {
  return block.edges + static_cast<size_t>(block.classes[i]) * block.edge_stride;
}
inline uint8_t* out_of(const Block& block, int32_t i) {
  return block.out + static_cast<size_t>(block.pixels[i]) * block.out_stride;
}

// The pixel's bits, in channel order; those above out_channels are dropped.
inline void store_mask(const Block& block, uint64_t bits, uint8_t* out) {
  bits ^= block.flip;
  if (block.out_channels == kPanelChannels) {
    memcpy(out, &bits, 8);
    return;
  }
  bits &= (uint64_t{1} << block.out_channels) - 1;
  memcpy(out, &bits, static_cast<size_t>(block.out_channels + 7) / 8);
}

// 16 channels from `first`: acc = edge - 2 * count, then int32 or float32 (product rounded, then sum rounded).
inline void store_values16(const Block& block, const uint8_t* edge, __m512i counts, int32_t first, uint8_t* out) {
  __m512i values = _mm512_sub_epi32(load(edge + first * 4), _mm512_slli_epi32(counts, 1));
  if (block.store == Store::f32) {
    const __m512 product = _mm512_mul_ps(_mm512_cvtepi32_ps(values), _mm512_loadu_ps(block.scale + first));
    values = _mm512_castps_si512(_mm512_add_ps(product, _mm512_loadu_ps(block.bias + first)));
  }
  const int32_t left = block.out_channels - first;
  if (left >= 16) return save(out + first * 4, values);
  alignas(64) uint8_t bytes[64];
  save(bytes, values);
  memcpy(out + first * 4, bytes, static_cast<size_t>(left) * 4);
}

}  // namespace
}  // namespace xnorkit::bgemm
