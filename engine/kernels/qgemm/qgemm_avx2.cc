// Registers of `many` (6 pixels x 16 channels): 12 accumulators, 2 weights widened to 16 bits, 1 broadcast pair of
// inputs, 1 product = 16. `one` takes four blocks of its single pixel at once to hide latency.
#include "kernels/qgemm/qgemm.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <cstring>

namespace xnorkit {
namespace {

inline __attribute__((always_inline)) __m256i widen(const int8_t* w) {
  return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(w)));
}

inline __attribute__((always_inline)) void widen_four(const uint8_t* from, int16_t* to) {
  int32_t bytes;
  memcpy(&bytes, from, sizeof bytes);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_cvtepu8_epi16(_mm_cvtsi32_si128(bytes)));
}

// Sixteen at a time, then eight, or four for a short row; the last step may overlap what is done already.
inline __attribute__((always_inline)) void widen_row(const uint8_t* from, int64_t count, int16_t* to) {
  if (count < 4) {
    for (int64_t i = 0; i < count; ++i) to[i] = from[i];
    return;
  }
  if (count < 8) {
    widen_four(from, to);
    widen_four(from + count - 4, to + count - 4);
    return;
  }
  int64_t i = 0;
  for (; i + 16 <= count; i += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i), _mm256_cvtepu8_epi16(bytes));
  }
  while (i < count) {
    const int64_t at = i + 8 <= count ? i : count - 8;
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from + at));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + at), _mm_cvtepu8_epi16(bytes));
    i = at + 8;
  }
}

inline __attribute__((always_inline)) __m256i broadcast_pair(const int16_t* x) {
  int32_t pair;
  memcpy(&pair, x, sizeof pair);
  return _mm256_set1_epi32(pair);
}

inline __attribute__((always_inline)) void store(int32_t* out, __m256i value) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), value);
}

template <int P>
inline __attribute__((always_inline)) void block_of_pixels(const QgemmTile& t, const int8_t* w, int32_t* out) {
  __m256i acc[P][2];
  for (int p = 0; p < P; ++p) acc[p][0] = acc[p][1] = _mm256_setzero_si256();
  for (int32_t pair = 0; pair < t.pairs; ++pair, w += 2 * kQgemmLanes) {
    const __m256i w0 = widen(w), w1 = widen(w + kQgemmLanes);
    const int16_t* x = t.x + 2 * static_cast<size_t>(pair);
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) {
      const __m256i xp = broadcast_pair(x + static_cast<size_t>(p) * t.x_stride);
      acc[p][0] = _mm256_add_epi32(acc[p][0], _mm256_madd_epi16(xp, w0));
      acc[p][1] = _mm256_add_epi32(acc[p][1], _mm256_madd_epi16(xp, w1));
    }
  }
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) {
    store(out + static_cast<size_t>(p) * t.out_stride, acc[p][0]);
    store(out + static_cast<size_t>(p) * t.out_stride + 8, acc[p][1]);
  }
}

template <int B>
inline __attribute__((always_inline)) void pixel_of_blocks(const QgemmTile& t, int32_t first) {
  const size_t depth = static_cast<size_t>(t.pairs) * 2 * kQgemmLanes;
  const int8_t* w = t.weight + static_cast<size_t>(first) * depth;
  __m256i acc[B][2];
  for (int b = 0; b < B; ++b) acc[b][0] = acc[b][1] = _mm256_setzero_si256();
  for (int32_t pair = 0; pair < t.pairs; ++pair, w += 2 * kQgemmLanes) {
    const __m256i x = broadcast_pair(t.x + 2 * static_cast<size_t>(pair));
#pragma GCC unroll 4
    for (int b = 0; b < B; ++b) {
      const int8_t* wb = w + static_cast<size_t>(b) * depth;
      acc[b][0] = _mm256_add_epi32(acc[b][0], _mm256_madd_epi16(x, widen(wb)));
      acc[b][1] = _mm256_add_epi32(acc[b][1], _mm256_madd_epi16(x, widen(wb + kQgemmLanes)));
    }
  }
#pragma GCC unroll 4
  for (int b = 0; b < B; ++b) {
    store(t.out + (first + b) * kQgemmLanes, acc[b][0]);
    store(t.out + (first + b) * kQgemmLanes + 8, acc[b][1]);
  }
}

// P pixels of a row. Two pointers, three pixels apart, reach all six by a register offset.
template <int P>
inline __attribute__((always_inline)) void pixels_of_row(const QgemmRow& t, int32_t first) {
  __m256i acc[P][2];
  for (int p = 0; p < P; ++p) acc[p][0] = acc[p][1] = _mm256_setzero_si256();
  const size_t step = t.pixel_step;
  const int16_t* near = t.x + static_cast<size_t>(first) * step;
  const int16_t* w = t.weight;
  for (int32_t tap = 0; tap < t.taps; ++tap, near += t.tap_step) {
    const int16_t *low = near, *high = near + 3 * step, *end = near + 2 * static_cast<size_t>(t.pairs);
    for (; low != end; low += 2, high += 2, w += 2 * kQgemmLanes) {
      const __m256i w0 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w));
      const __m256i w1 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w + kQgemmLanes));
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) {
        const __m256i x =
            broadcast_pair(p < 3 ? low + static_cast<size_t>(p) * step : high + static_cast<size_t>(p - 3) * step);
        acc[p][0] = _mm256_add_epi32(acc[p][0], _mm256_madd_epi16(x, w0));
        acc[p][1] = _mm256_add_epi32(acc[p][1], _mm256_madd_epi16(x, w1));
      }
    }
  }
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) {
    int32_t* to = t.out + static_cast<size_t>(first + p) * t.out_stride;
    store(to, acc[p][0]);
    store(to + 8, acc[p][1]);
  }
}

inline __attribute__((always_inline)) __m256i broadcast_quad(const uint8_t* x) {
  int32_t quad;
  memcpy(&quad, x, sizeof quad);
  return _mm256_set1_epi32(quad);
}

// P pixels, as in pixels_of_row. 12 accumulators, the ones that widen, 2 weights, 1 quad or its products = 16.
template <int P>
inline __attribute__((always_inline)) void pixels_of_quads(const QgemmQuads& t, int32_t first) {
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i acc[P][2];
  for (int p = 0; p < P; ++p) acc[p][0] = acc[p][1] = _mm256_setzero_si256();
  const size_t step = t.pixel_step;
  const uint8_t* near = t.x + static_cast<size_t>(first) * step;
  const int8_t* w = t.weight;
  const int32_t *offset = t.offsets, *end = offset + t.steps;
  for (; offset != end; ++offset, w += 4 * kQgemmLanes) {
    const uint8_t *low = near + *offset, *high = low + 3 * step;
    const __m256i* weight = reinterpret_cast<const __m256i*>(w);
    const __m256i w0 = _mm256_loadu_si256(weight);
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) {
      const __m256i x =
          broadcast_quad(p < 3 ? low + static_cast<size_t>(p) * step : high + static_cast<size_t>(p - 3) * step);
      acc[p][0] = _mm256_add_epi32(acc[p][0], _mm256_madd_epi16(_mm256_maddubs_epi16(x, w0), ones));
      __asm__("" : "+r"(weight));  // the other weights are read from memory again: no register is left for them
      const __m256i w1 = _mm256_loadu_si256(weight + 1);
      acc[p][1] = _mm256_add_epi32(acc[p][1], _mm256_madd_epi16(_mm256_maddubs_epi16(x, w1), ones));
    }
  }
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) {
    int32_t* to = t.out + static_cast<size_t>(first + p) * t.out_stride;
    store(to, acc[p][0]);
    store(to + 8, acc[p][1]);
  }
}

}  // namespace

void qgemm_quads_avx2(const QgemmQuads& t) {
  int32_t tiles = (t.pixels + 5) / 6;
  for (int32_t p = 0; tiles > 0; --tiles) {
    const int32_t count = (t.pixels - p + tiles - 1) / tiles;
    switch (count) {
      case 6: pixels_of_quads<6>(t, p); break;
      case 5: pixels_of_quads<5>(t, p); break;
      case 4: pixels_of_quads<4>(t, p); break;
      case 3: pixels_of_quads<3>(t, p); break;
      case 2: pixels_of_quads<2>(t, p); break;
      default: pixels_of_quads<1>(t, p); break;
    }
    p += count;
  }
}

// Tiles of six; the rest is shared out so that no tile is much smaller than the others (7 = 4 + 3).
void qgemm_row_avx2(const QgemmRow& t) {
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

void qgemm_many_avx2(const QgemmTile& t) {
  const size_t depth = static_cast<size_t>(t.pairs) * 2 * kQgemmLanes;
  for (int32_t block = 0; block < t.blocks; ++block)
    block_of_pixels<6>(t, t.weight + static_cast<size_t>(block) * depth, t.out + block * kQgemmLanes);
}

void qgemm_one_avx2(const QgemmTile& t) {
  int32_t block = 0;
  for (; block + 4 <= t.blocks; block += 4) pixel_of_blocks<4>(t, block);
  for (; block + 2 <= t.blocks; block += 2) pixel_of_blocks<2>(t, block);
  if (block < t.blocks) pixel_of_blocks<1>(t, block);
}

void qgemm_widen_avx2(const uint8_t* from, int64_t step, int32_t rows, int64_t count, int16_t* to) {
  for (int32_t row = 0; row < rows; ++row, from += step, to += count) widen_row(from, count, to);
}

}  // namespace xnorkit
#endif
