// Eight words a register; the 64-bit products of even and odd words give the buckets.
#include "kernels/deal/deal.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace xnorkit::deal {
namespace {

inline __attribute__((always_inline)) __m256i mixed(__m256i x) {
  x = _mm256_xor_si256(x, _mm256_srli_epi32(x, 16));
  x = _mm256_mullo_epi32(x, _mm256_set1_epi32(static_cast<int32_t>(0x85EBCA6Bu)));
  x = _mm256_xor_si256(x, _mm256_srli_epi32(x, 13));
  x = _mm256_mullo_epi32(x, _mm256_set1_epi32(static_cast<int32_t>(0xC2B2AE35u)));
  return _mm256_xor_si256(x, _mm256_srli_epi32(x, 16));
}

// Upper halves of the products with `buckets`.
inline __attribute__((always_inline)) __m256i scaled(__m256i words, __m256i buckets) {
  const __m256i even = _mm256_srli_epi64(_mm256_mul_epu32(words, buckets), 32);
  const __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(words, 32), buckets);
  return _mm256_blend_epi32(even, odd, 0xAA);
}

}  // namespace

void run_avx2(const Panel& p) {
  const __m256i rows = _mm256_mullo_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7),
                                          _mm256_set1_epi32(static_cast<int32_t>(p.row_step)));
  const __m256i half = _mm256_set1_epi32(static_cast<int32_t>(8 * p.row_step));
  const __m256i buckets = _mm256_set1_epi32(static_cast<int32_t>(p.buckets)), ones = _mm256_set1_epi32(-1);
  const __m256i top = _mm256_set1_epi32(INT32_MIN);
  __m256i low = _mm256_add_epi32(rows, _mm256_set1_epi32(static_cast<int32_t>(p.start + p.first)));
  float* to = p.to;
  for (int32_t i = 0; i < p.inputs; ++i, low = _mm256_sub_epi32(low, ones))
    for (int h = 0; h < 2; ++h, to += 8) {
      const __m256i word = h ? _mm256_add_epi32(low, half) : low;
      const __m256 value = _mm256_i32gather_ps(p.values, scaled(mixed(word), buckets), 4);
      const __m256i sign = _mm256_and_si256(mixed(_mm256_xor_si256(word, ones)), top);
      _mm256_storeu_ps(to, _mm256_xor_ps(value, _mm256_castsi256_ps(sign)));
    }
}

}  // namespace xnorkit::deal
#endif
