// Tables: 32 values of a codebook at a time stay in four registers while the segment's inputs pass. Sums: 64 outputs in
// eight registers; a segment's table is one register (8 values), two (16) or a row in the first cache.
#include "kernels/lookup/lookup.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace xnorkit::lookup {
namespace {

constexpr int kBlocks = kLanes / 8;

template <int B>
inline __attribute__((always_inline)) void columns(const float* x, const float* book, const Tables& t, float* to) {
  __m256 acc[B];
#pragma GCC unroll 4
  for (int b = 0; b < B; ++b) acc[b] = _mm256_setzero_ps();
  for (int32_t j = 0; j < t.width; ++j, book += t.stride) {
    const __m256 value = _mm256_broadcast_ss(x + j);
#pragma GCC unroll 4
    for (int b = 0; b < B; ++b) acc[b] = _mm256_add_ps(acc[b], _mm256_mul_ps(value, _mm256_loadu_ps(book + 8 * b)));
  }
#pragma GCC unroll 4
  for (int b = 0; b < B; ++b) _mm256_storeu_ps(to + 8 * b, acc[b]);
}

inline __attribute__((always_inline)) __m256i eight(const uint8_t* index) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(index)));
}

struct One {  // a table of 8
  __m256 low;
  explicit inline __attribute__((always_inline)) One(const float* table) : low(_mm256_loadu_ps(table)) {}
  inline __attribute__((always_inline)) __m256 at(const uint8_t* index) const {
    return _mm256_permutevar8x32_ps(low, eight(index));
  }
};

struct Two {  // of 16: bit 3 of an index chooses, moved to where a blend reads it
  __m256 low, high;
  explicit inline __attribute__((always_inline)) Two(const float* table)
      : low(_mm256_loadu_ps(table)), high(_mm256_loadu_ps(table + 8)) {}
  inline __attribute__((always_inline)) __m256 at(const uint8_t* index) const {
    const __m256i at = eight(index);
    return _mm256_blendv_ps(_mm256_permutevar8x32_ps(low, at), _mm256_permutevar8x32_ps(high, at),
                            _mm256_castsi256_ps(_mm256_slli_epi32(at, 28)));
  }
};

struct Row {
  const float* table;
  explicit inline __attribute__((always_inline)) Row(const float* row) : table(row) {}
  inline __attribute__((always_inline)) __m256 at(const uint8_t* index) const {
    return _mm256_i32gather_ps(table, eight(index), 4);
  }
};

template <class Table>
inline __attribute__((always_inline)) void sum(const Sums& t) {
  __m256 acc[kBlocks];
#pragma GCC unroll 8
  for (int b = 0; b < kBlocks; ++b) acc[b] = t.resume ? _mm256_loadu_ps(t.out + 8 * b) : _mm256_setzero_ps();
  const uint8_t* index = t.index;
  const float* row = t.tables;
  for (int32_t s = 0; s < t.segments; ++s, index += kLanes, row += t.stride) {
    const Table table(row);
#pragma GCC unroll 8
    for (int b = 0; b < kBlocks; ++b) acc[b] = _mm256_add_ps(acc[b], table.at(index + 8 * b));
  }
#pragma GCC unroll 8
  for (int b = 0; b < kBlocks; ++b)
    _mm256_storeu_ps(t.out + 8 * b, t.bias ? _mm256_add_ps(acc[b], _mm256_loadu_ps(t.bias + 8 * b)) : acc[b]);
}

}  // namespace

void tables_avx2(const Tables& t) {
  for (int32_t s = 0; s < t.segments; ++s) {
    const float* x = t.x + int64_t{s} * t.width;
    const float* book = t.book + int64_t{s} * t.width * t.stride;
    float* to = t.to + int64_t{s} * t.stride;
    int32_t v = 0;
    for (; v + 32 <= t.stride; v += 32) columns<4>(x, book + v, t, to + v);
    for (; v + 16 <= t.stride; v += 16) columns<2>(x, book + v, t, to + v);
    for (; v < t.stride; v += 8) columns<1>(x, book + v, t, to + v);
  }
}

void sums_avx2(const Sums& t) {
  if (t.stride == 8) return sum<One>(t);
  if (t.stride == kShuffledValues) return sum<Two>(t);
  sum<Row>(t);
}

// Eight vectors of a codebook in registers while the segment's inputs pass.
void tables_many_avx2(const Tables& t) {
  static_assert(kImages == 8 && kValueLanes == 8);
  for (int32_t s = 0; s < t.segments; ++s) {
    const float* x = t.x + int64_t{s} * t.width * kImages;
    for (int32_t v = 0; v < t.stride; v += 8) {
      const float* book = t.book + int64_t{s} * t.width * t.stride + v;
      __m256 acc[8];
#pragma GCC unroll 8
      for (int b = 0; b < 8; ++b) acc[b] = _mm256_setzero_ps();
      for (int32_t j = 0; j < t.width; ++j, book += t.stride) {
        const __m256 images = _mm256_loadu_ps(x + j * kImages);
#pragma GCC unroll 8
        for (int b = 0; b < 8; ++b)
          acc[b] = _mm256_add_ps(acc[b], _mm256_mul_ps(images, _mm256_broadcast_ss(book + b)));
      }
      float* to = t.to + (int64_t{s} * t.stride + v) * kImages;
#pragma GCC unroll 8
      for (int b = 0; b < 8; ++b) _mm256_storeu_ps(to + 8 * b, acc[b]);
    }
  }
}

void sums_many_avx2(const Sums& t) {
  for (int32_t o = 0; o < kLanes; o += 8) {
    __m256 acc[8];
    float* out = t.out + o * kImages;
#pragma GCC unroll 8
    for (int b = 0; b < 8; ++b) acc[b] = t.resume ? _mm256_loadu_ps(out + 8 * b) : _mm256_setzero_ps();
    const uint8_t* index = t.index + o;
    const float* table = t.tables;
    for (int32_t s = 0; s < t.segments; ++s, index += kLanes, table += t.stride * kImages) {
#pragma GCC unroll 8
      for (int b = 0; b < 8; ++b) acc[b] = _mm256_add_ps(acc[b], _mm256_loadu_ps(table + index[b] * kImages));
    }
#pragma GCC unroll 8
    for (int b = 0; b < 8; ++b) _mm256_storeu_ps(out + 8 * b, acc[b]);
  }
}

}  // namespace xnorkit::lookup
#endif
