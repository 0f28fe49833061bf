// Lanes are 8 output channels: one vpermps takes their 8 table entries, one vxorps gives the signs, one vaddps adds 32
// signed inputs. Registers of a tile of 8 pixels: 8 accumulators, the word, its index and its signs, 1 value.
#include "kernels/fsgemm/fsgemm.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace xnorkit::fsgemm {
namespace {

constexpr int kLanes = 8;

template <int P>
inline __attribute__((always_inline)) void tile(const Tile& t, int32_t pixel, int32_t lane) {
  const int32_t words = (t.quads + kWordQuads - 1) / kWordQuads;
  const __m256i minus = _mm256_set1_epi32(INT32_MIN);
  const uint32_t* weights = t.weights + lane;
  __m256 acc[P];
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) acc[p] = _mm256_setzero_ps();
  for (int32_t tap = 0; tap < t.taps; ++tap) {
    const uint32_t* offsets = t.offsets + static_cast<size_t>(tap) * t.offset_stride + pixel;
    const uint8_t* rows[P];
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) rows[p] = t.rows + offsets[p];
    int32_t left = t.quads;
    size_t at = 0;
    for (int32_t word = 0; word < words; ++word, weights += kPanelChannels, left -= kWordQuads) {
      __m256i index = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights));
      const int32_t count = left < kWordQuads ? left : kWordQuads;
      for (int32_t quad = 0; quad < count; ++quad, at += kTableFloats * sizeof(float)) {
        const __m256 sign = _mm256_castsi256_ps(_mm256_and_si256(_mm256_slli_epi32(index, 28), minus));
#pragma GCC unroll 8
        for (int p = 0; p < P; ++p) {
          const __m256 table = _mm256_load_ps(reinterpret_cast<const float*>(rows[p] + at));
          acc[p] = _mm256_add_ps(acc[p], _mm256_xor_ps(_mm256_permutevar8x32_ps(table, index), sign));
        }
        index = _mm256_srli_epi32(index, 4);
      }
    }
  }
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) _mm256_storeu_ps(t.out + (pixel + p) * kPanelChannels + lane, acc[p]);
}

}  // namespace

void run_avx2(const Tile& t) {
  int32_t pixel = 0;
  for (; pixel + 8 <= t.pixels; pixel += 8)
    for (int32_t lane = 0; lane < t.lanes; lane += kLanes) tile<8>(t, pixel, lane);
  for (; pixel + 2 <= t.pixels; pixel += 2)
    for (int32_t lane = 0; lane < t.lanes; lane += kLanes) tile<2>(t, pixel, lane);
  if (pixel < t.pixels)
    for (int32_t lane = 0; lane < t.lanes; lane += kLanes) tile<1>(t, pixel, lane);
}

}  // namespace xnorkit::fsgemm
#endif
