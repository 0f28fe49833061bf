// Registers of `many` (6 pixels x 16 channels): 12 accumulators, 2 weights, 1 broadcast input, 1 product = 16.
// `one` has a single pixel, so it takes four blocks at once: 8 independent chains of adds hide the add's latency.
#include "kernels/fgemm/fgemm.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace xnorkit {
namespace {

template <int P>
inline __attribute__((always_inline)) void block_of_pixels(const FgemmTile& t, const float* w, const float* bias,
                                                           float* out) {
  __m256 acc[P][2];
  for (int p = 0; p < P; ++p) acc[p][0] = acc[p][1] = _mm256_setzero_ps();
  for (int32_t tap = 0; tap < t.taps; ++tap) {
    const float* const* rows = t.rows + tap * P;
    for (int32_t c = 0; c < t.run; ++c, w += kFgemmLanes) {
      const __m256 w0 = _mm256_loadu_ps(w), w1 = _mm256_loadu_ps(w + 8);
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) {
        const __m256 x = _mm256_broadcast_ss(rows[p] + c);
        acc[p][0] = _mm256_add_ps(acc[p][0], _mm256_mul_ps(x, w0));
        acc[p][1] = _mm256_add_ps(acc[p][1], _mm256_mul_ps(x, w1));
      }
    }
  }
  const __m256 b0 = _mm256_loadu_ps(bias), b1 = _mm256_loadu_ps(bias + 8);
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) {
    float* to = out + static_cast<size_t>(p) * t.out_stride;
    _mm256_storeu_ps(to, _mm256_add_ps(acc[p][0], b0));
    _mm256_storeu_ps(to + 8, _mm256_add_ps(acc[p][1], b1));
  }
}

template <int B>
inline __attribute__((always_inline)) void pixel_of_blocks(const FgemmTile& t, int32_t first) {
  const size_t depth = static_cast<size_t>(t.taps) * static_cast<size_t>(t.run) * kFgemmLanes;
  const float* w = t.weight + static_cast<size_t>(first) * depth;
  __m256 acc[B][2];
  for (int b = 0; b < B; ++b) acc[b][0] = acc[b][1] = _mm256_setzero_ps();
  for (int32_t tap = 0; tap < t.taps; ++tap) {
    const float* row = t.rows[tap];
    for (int32_t c = 0; c < t.run; ++c, w += kFgemmLanes) {
      const __m256 x = _mm256_broadcast_ss(row + c);
#pragma GCC unroll 4
      for (int b = 0; b < B; ++b) {
        const float* wb = w + static_cast<size_t>(b) * depth;
        acc[b][0] = _mm256_add_ps(acc[b][0], _mm256_mul_ps(x, _mm256_loadu_ps(wb)));
        acc[b][1] = _mm256_add_ps(acc[b][1], _mm256_mul_ps(x, _mm256_loadu_ps(wb + 8)));
      }
    }
  }
#pragma GCC unroll 4
  for (int b = 0; b < B; ++b) {
    const int32_t lane = (first + b) * kFgemmLanes;
    _mm256_storeu_ps(t.out + lane, _mm256_add_ps(acc[b][0], _mm256_loadu_ps(t.bias + lane)));
    _mm256_storeu_ps(t.out + lane + 8, _mm256_add_ps(acc[b][1], _mm256_loadu_ps(t.bias + lane + 8)));
  }
}

// P pixels of a row. Two pointers, three pixels apart, reach all six by a register offset.
template <int P>
inline __attribute__((always_inline)) void pixels_of_row(const FgemmRow& t, int32_t first) {
  __m256 acc[P][2];
  float* out = t.out + static_cast<size_t>(first) * t.out_stride;
  const size_t step = t.pixel_step;
  const float* near = t.x + static_cast<size_t>(first) * step;
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) {
    const float* from = out + static_cast<size_t>(p) * t.out_stride;
    acc[p][0] = t.resume ? _mm256_loadu_ps(from) : _mm256_setzero_ps();
    acc[p][1] = t.resume ? _mm256_loadu_ps(from + 8) : _mm256_setzero_ps();
  }
  const float* w = t.weight;
  for (int32_t tap = 0; tap < t.taps; ++tap, near += t.tap_step) {
    const float *low = near, *high = near + 3 * step, *end = near + t.run;
    for (; low != end; ++low, ++high, w += kFgemmLanes) {
      const __m256 w0 = _mm256_loadu_ps(w), w1 = _mm256_loadu_ps(w + 8);
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) {
        const __m256 x =
            _mm256_broadcast_ss(p < 3 ? low + static_cast<size_t>(p) * step : high + static_cast<size_t>(p - 3) * step);
        acc[p][0] = _mm256_add_ps(acc[p][0], _mm256_mul_ps(x, w0));
        acc[p][1] = _mm256_add_ps(acc[p][1], _mm256_mul_ps(x, w1));
      }
    }
  }
  if (t.bias) {
    const __m256 b0 = _mm256_loadu_ps(t.bias), b1 = _mm256_loadu_ps(t.bias + 8);
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) {
      acc[p][0] = _mm256_add_ps(acc[p][0], b0);
      acc[p][1] = _mm256_add_ps(acc[p][1], b1);
    }
  }
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) {
    float* to = out + static_cast<size_t>(p) * t.out_stride;
    _mm256_storeu_ps(to, acc[p][0]);
    _mm256_storeu_ps(to + 8, acc[p][1]);
  }
}

}  // namespace

// Tiles of six; the rest is shared out so that no tile is much smaller than the others (7 = 4 + 3).
void fgemm_row_avx2(const FgemmRow& t) {
  int32_t tiles = (t.pixels + 5) / 6;
  for (int32_t p = 0; tiles > 0; --tiles) {
    const int32_t count = (t.pixels - p + tiles - 1) / tiles;
    switch (count) {
      case 6: pixels_of_row<6>(t, p); break;
      case 5: pixels_of_row<5>(t, p); break;
      case 4: pixels_of_row<4>(t, p); break;
      case 3: pixels_of_row<3>(t, p); break;
      case 2: pixels_of_row<2>(t, p); break;
      default: pixels_of_row<1>(t, p); break;
    }
    p += count;
  }
}

void fgemm_many_avx2(const FgemmTile& t) {
  const size_t depth = static_cast<size_t>(t.taps) * static_cast<size_t>(t.run) * kFgemmLanes;
  for (int32_t block = 0; block < t.blocks; ++block) {
    const int32_t lane = block * kFgemmLanes;
    block_of_pixels<6>(t, t.weight + static_cast<size_t>(block) * depth, t.bias + lane, t.out + lane);
  }
}

void fgemm_one_avx2(const FgemmTile& t) {
  int32_t block = 0;
  for (; block + 4 <= t.blocks; block += 4) pixel_of_blocks<4>(t, block);
  for (; block + 2 <= t.blocks; block += 2) pixel_of_blocks<2>(t, block);
  if (block < t.blocks) pixel_of_blocks<1>(t, block);
}

}  // namespace xnorkit
#endif
