// The sixteen sums are two vectors; masked loads bring the last channels, zeros behind them.
#include "kernels/kmap/kmap.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace xnorkit {
namespace {

#define XK_INLINE inline __attribute__((always_inline))

// 8 ones at an offset of 8 - n: a mask of n lanes, 0 <= n <= 8.
alignas(32) constexpr int32_t kMask[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};

XK_INLINE __m256i first_lanes(int32_t n) {
  n = n < 0 ? 0 : n > 8 ? 8 : n;
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kMask + 8 - n));
}

XK_INLINE __m256 magnitude(__m256 v) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), v); }

}  // namespace

void abs_mean_avx2(const AbsMeanArgs& args) {
  const int32_t whole = args.channels / 16 * 16, rest = args.channels - whole;
  const __m256i mask0 = first_lanes(rest), mask1 = first_lanes(rest - 8);
  const float* x = args.x;
  for (size_t p = 0; p < args.pixels; ++p, x += args.channels) {
    __m256 low = _mm256_setzero_ps(), high = low;
    for (int32_t c = 0; c < whole; c += 16) {
      low = _mm256_add_ps(low, magnitude(_mm256_loadu_ps(x + c)));
      high = _mm256_add_ps(high, magnitude(_mm256_loadu_ps(x + c + 8)));
    }
    if (rest > 0) low = _mm256_add_ps(low, magnitude(_mm256_maskload_ps(x + whole, mask0)));
    if (rest > 8) high = _mm256_add_ps(high, magnitude(_mm256_maskload_ps(x + whole + 8, mask1)));
    const __m256 eight = _mm256_add_ps(low, high);
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    const __m128 one = _mm_add_ss(two, _mm_movehdup_ps(two));
    args.out[p] = _mm_cvtss_f32(one) / static_cast<float>(args.channels);
  }
}

}  // namespace xnorkit
#endif
