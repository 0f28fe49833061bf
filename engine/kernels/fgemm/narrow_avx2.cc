// Tiles of P pixels x B blocks hold 2 * P * B accumulators: one pixel takes four blocks, so that eight chains of adds
// hide the add's latency while four streams of weights come in; four pixels share each widened weight. Widening 16
// weights: bf16 a shift and a mask, int8 two sign extensions and two conversions.
#include "kernels/fgemm/narrow.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace xnorkit {
namespace {

struct Pair {
  __m256 low, high;  // channels 0..7 and 8..15
};

struct Bf16 {
  using Element = uint16_t;
  static constexpr bool kScaled = false;
  static inline __attribute__((always_inline)) Pair widen(const Element* w) {
    const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w));
    const __m256i high = _mm256_and_si256(words, _mm256_set1_epi32(static_cast<int32_t>(0xFFFF0000u)));
    return {_mm256_castsi256_ps(_mm256_slli_epi32(words, 16)), _mm256_castsi256_ps(high)};
  }
};

struct Int8 {
  using Element = int8_t;
  static constexpr bool kScaled = true;
  static inline __attribute__((always_inline)) __m256 eight(const Element* w) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(w))));
  }
  static inline __attribute__((always_inline)) Pair widen(const Element* w) { return {eight(w), eight(w + 8)}; }
};

template <class W, int P, int B>
inline __attribute__((always_inline)) void tile(const NarrowTile& t, int32_t pixel, int32_t block) {
  const size_t depth = static_cast<size_t>(t.depth) * kFgemmLanes;
  const auto* w = static_cast<const typename W::Element*>(t.weight) + static_cast<size_t>(block) * depth;
  const float* x = t.x + static_cast<size_t>(pixel) * t.x_stride;
  __m256 acc[P][B][2];
#pragma GCC unroll 4
  for (int p = 0; p < P; ++p)
#pragma GCC unroll 4
    for (int b = 0; b < B; ++b) acc[p][b][0] = acc[p][b][1] = _mm256_setzero_ps();
  for (int32_t k = 0; k < t.depth; ++k, ++x, w += kFgemmLanes) {
#pragma GCC unroll 4
    for (int b = 0; b < B; ++b) {
      const Pair weight = W::widen(w + static_cast<size_t>(b) * depth);
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) {
        const __m256 value = _mm256_broadcast_ss(x + static_cast<size_t>(p) * t.x_stride);
        acc[p][b][0] = _mm256_add_ps(acc[p][b][0], _mm256_mul_ps(value, weight.low));
        acc[p][b][1] = _mm256_add_ps(acc[p][b][1], _mm256_mul_ps(value, weight.high));
      }
    }
  }
#pragma GCC unroll 4
  for (int p = 0; p < P; ++p)
#pragma GCC unroll 4
    for (int b = 0; b < B; ++b)
#pragma GCC unroll 2
      for (int half = 0; half < 2; ++half) {
        const size_t lane = static_cast<size_t>((block + b) * kFgemmLanes + 8 * half);
        __m256 sum = acc[p][b][half];
        if (W::kScaled) sum = _mm256_mul_ps(sum, _mm256_loadu_ps(t.scale + lane));
        _mm256_storeu_ps(t.out + static_cast<size_t>(pixel + p) * t.out_stride + lane,
                         _mm256_add_ps(sum, _mm256_loadu_ps(t.bias + lane)));
      }
}

template <class W>
inline __attribute__((always_inline)) void run(const NarrowTile& t) {
  int32_t pixel = 0;
  for (; pixel + 4 <= t.pixels; pixel += 4)
    for (int32_t block = 0; block < t.blocks; ++block) tile<W, 4, 1>(t, pixel, block);
  for (; pixel + 2 <= t.pixels; pixel += 2)
    for (int32_t block = 0; block < t.blocks; ++block) tile<W, 2, 1>(t, pixel, block);
  if (pixel == t.pixels) return;
  int32_t block = 0;
  for (; block + 4 <= t.blocks; block += 4) tile<W, 1, 4>(t, pixel, block);
  for (; block < t.blocks; ++block) tile<W, 1, 1>(t, pixel, block);
}

}  // namespace

void fgemm_bf16_avx2(const NarrowTile& t) { run<Bf16>(t); }
void fgemm_i8_avx2(const NarrowTile& t) { run<Int8>(t); }

}  // namespace xnorkit
#endif
