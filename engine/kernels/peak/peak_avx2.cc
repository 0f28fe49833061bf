// Eight sums, four left operands and two right ones: eight different products an iteration in fifteen registers.
#if defined(__x86_64__)
#include <immintrin.h>

#include "kernels/peak/peak.h"

namespace xnorkit {
namespace {

// Sum of the four 64-bit lanes.
uint64_t folded(__m256i v) {
  const __m128i half = _mm_add_epi64(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  return static_cast<uint64_t>(_mm_cvtsi128_si64(half)) + static_cast<uint64_t>(_mm_extract_epi64(half, 1));
}

}  // namespace

// Operands are new to the compiler in every iteration, so no product leaves the loop; the fence after each step keeps
// the steps in order, so that no two products live at once and nothing spills.
#define XNORKIT_STEP(Step, s, a, w) \
  s = Step(s, a, w);                \
  asm volatile("" : "+x"(s))
#define XNORKIT_PEAK_LOOP(Step)                                                                   \
  __m256i s0 = zero, s1 = zero, s2 = zero, s3 = zero, s4 = zero, s5 = zero, s6 = zero, s7 = zero; \
  for (int64_t i = 0; i < iterations; ++i) {                                                      \
    asm volatile("" : "+x"(a0), "+x"(a1), "+x"(a2), "+x"(a3), "+x"(w0), "+x"(w1));                \
    XNORKIT_STEP(Step, s0, a0, w0);                                                               \
    XNORKIT_STEP(Step, s1, a1, w0);                                                               \
    XNORKIT_STEP(Step, s2, a2, w0);                                                               \
    XNORKIT_STEP(Step, s3, a3, w0);                                                               \
    XNORKIT_STEP(Step, s4, a0, w1);                                                               \
    XNORKIT_STEP(Step, s5, a1, w1);                                                               \
    XNORKIT_STEP(Step, s6, a2, w1);                                                               \
    XNORKIT_STEP(Step, s7, a3, w1);                                                               \
  }                                                                                               \
  s0 = _mm256_add_epi64(_mm256_add_epi64(s0, s1), _mm256_add_epi64(s2, s3));                      \
  s4 = _mm256_add_epi64(_mm256_add_epi64(s4, s5), _mm256_add_epi64(s6, s7));                      \
  return folded(_mm256_add_epi64(s0, s4))

#define XNORKIT_LOOKUP(s, a, w) _mm256_add_epi8(s, _mm256_shuffle_epi8(a, w))
#define XNORKIT_MADDUBS(s, a, w) _mm256_add_epi32(s, _mm256_madd_epi16(_mm256_maddubs_epi16(a, w), ones))
#define XNORKIT_MADDWD(s, a, w) _mm256_add_epi32(s, _mm256_madd_epi16(a, w))
#define XNORKIT_MULADD(s, a, w) \
  _mm256_castps_si256(          \
      _mm256_add_ps(_mm256_castsi256_ps(s), _mm256_mul_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(w))))

uint64_t peak_lookup_avx2(int64_t iterations) {
  const __m256i zero = _mm256_setzero_si256();
  __m256i a0 = _mm256_set1_epi8(1), a1 = _mm256_set1_epi8(2), a2 = _mm256_set1_epi8(3), a3 = _mm256_set1_epi8(4);
  __m256i w0 = _mm256_set1_epi8(5), w1 = _mm256_set1_epi8(6);
  XNORKIT_PEAK_LOOP(XNORKIT_LOOKUP);
}

uint64_t peak_maddubs_avx2(int64_t iterations) {
  const __m256i zero = _mm256_setzero_si256(), ones = _mm256_set1_epi16(1);
  __m256i a0 = _mm256_set1_epi8(1), a1 = _mm256_set1_epi8(2), a2 = _mm256_set1_epi8(3), a3 = _mm256_set1_epi8(4);
  __m256i w0 = _mm256_set1_epi8(5), w1 = _mm256_set1_epi8(6);
  XNORKIT_PEAK_LOOP(XNORKIT_MADDUBS);
}

uint64_t peak_maddwd_avx2(int64_t iterations) {
  const __m256i zero = _mm256_setzero_si256();
  __m256i a0 = _mm256_set1_epi16(1), a1 = _mm256_set1_epi16(2), a2 = _mm256_set1_epi16(3), a3 = _mm256_set1_epi16(4);
  __m256i w0 = _mm256_set1_epi16(5), w1 = _mm256_set1_epi16(6);
  XNORKIT_PEAK_LOOP(XNORKIT_MADDWD);
}

uint64_t peak_muladd_avx2(int64_t iterations) {
  const __m256i zero = _mm256_setzero_si256();
  __m256i a0 = _mm256_castps_si256(_mm256_set1_ps(1)), a1 = _mm256_castps_si256(_mm256_set1_ps(2));
  __m256i a2 = _mm256_castps_si256(_mm256_set1_ps(3)), a3 = _mm256_castps_si256(_mm256_set1_ps(4));
  __m256i w0 = _mm256_castps_si256(_mm256_set1_ps(.5f)), w1 = _mm256_castps_si256(_mm256_set1_ps(.25f));
  XNORKIT_PEAK_LOOP(XNORKIT_MULADD);
}

}  // namespace xnorkit
#endif
