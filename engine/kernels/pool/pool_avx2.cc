// Four vectors of channels stay in registers over all taps. The last vector of a pixel overlaps the one before it: its
// channels are computed twice, with the same result. Pixels narrower than a vector go one channel at a time.
#include "kernels/pool/pool.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace xnorkit {
namespace {

#define XNORKIT_INLINE inline __attribute__((always_inline))

struct Bytes {
  using Element = uint8_t;
  using Vector = __m256i;
  static XNORKIT_INLINE Vector load(const Element* x) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x));
  }
  static XNORKIT_INLINE void store(Element* to, Vector v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), v); }
};

struct Words {
  using Element = int32_t;
  using Vector = __m256i;
  static XNORKIT_INLINE Vector load(const Element* x) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x));
  }
  static XNORKIT_INLINE void store(Element* to, Vector v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), v); }
};

struct Floats {
  using Element = float;
  using Vector = __m256;
  static XNORKIT_INLINE Vector load(const Element* x) { return _mm256_loadu_ps(x); }
  static XNORKIT_INLINE void store(Element* to, Vector v) { _mm256_storeu_ps(to, v); }
};

struct MaxU8 : Bytes {
  static XNORKIT_INLINE Vector join(Vector a, Vector b) { return _mm256_max_epu8(a, b); }
  static XNORKIT_INLINE Element join(Element a, Element b) { return b > a ? b : a; }
};

struct MaxI32 : Words {
  static XNORKIT_INLINE Vector join(Vector a, Vector b) { return _mm256_max_epi32(a, b); }
  static XNORKIT_INLINE Element join(Element a, Element b) { return b > a ? b : a; }
};

// b > a ? b : a is what maxps(b, a) does, but a NaN in b must win too.
struct MaxF32 : Floats {
  static XNORKIT_INLINE Vector join(Vector a, Vector b) {
    return _mm256_blendv_ps(_mm256_max_ps(b, a), b, _mm256_cmp_ps(b, b, _CMP_UNORD_Q));
  }
  static XNORKIT_INLINE Element join(Element a, Element b) { return b > a || b != b ? b : a; }
};

template <class T, int N>
XNORKIT_INLINE void max_of_span(const PoolArgs& a, size_t at) {
  using E = typename T::Element;
  constexpr size_t kLanes = 32 / sizeof(E);
  typename T::Vector best[N];
  const E* first = static_cast<const E*>(a.rows[0]) + at;
#pragma GCC unroll 4
  for (int i = 0; i < N; ++i) best[i] = T::load(first + i * kLanes);
  for (int32_t tap = 1; tap < a.taps; ++tap) {
    const E* x = static_cast<const E*>(a.rows[tap]) + at;
#pragma GCC unroll 4
    for (int i = 0; i < N; ++i) best[i] = T::join(best[i], T::load(x + i * kLanes));
  }
#pragma GCC unroll 4
  for (int i = 0; i < N; ++i) T::store(static_cast<E*>(a.out) + at + i * kLanes, best[i]);
}

template <class T>
XNORKIT_INLINE void max_pool(const PoolArgs& a) {
  using E = typename T::Element;
  constexpr size_t kLanes = 32 / sizeof(E);
  size_t at = 0;
  for (; at + 4 * kLanes <= a.elements; at += 4 * kLanes) max_of_span<T, 4>(a, at);
  for (; at + kLanes <= a.elements; at += kLanes) max_of_span<T, 1>(a, at);
  if (at == a.elements) return;
  if (a.elements >= kLanes) return max_of_span<T, 1>(a, a.elements - kLanes);
  for (; at < a.elements; ++at) {
    E best = static_cast<const E*>(a.rows[0])[at];
    for (int32_t tap = 1; tap < a.taps; ++tap) best = T::join(best, static_cast<const E*>(a.rows[tap])[at]);
    static_cast<E*>(a.out)[at] = best;
  }
}

template <int N>
XNORKIT_INLINE void mean_of_span(const PoolArgs& a, size_t at) {
  __m256 sum[N];
#pragma GCC unroll 4
  for (int i = 0; i < N; ++i) sum[i] = _mm256_setzero_ps();
  for (int32_t tap = 0; tap < a.taps; ++tap) {
    const float* x = static_cast<const float*>(a.rows[tap]) + at;
#pragma GCC unroll 4
    for (int i = 0; i < N; ++i) sum[i] = _mm256_add_ps(sum[i], _mm256_loadu_ps(x + i * 8));
  }
  const __m256 divisor = _mm256_set1_ps(a.divisor);
#pragma GCC unroll 4
  for (int i = 0; i < N; ++i) _mm256_storeu_ps(static_cast<float*>(a.out) + at + i * 8, _mm256_div_ps(sum[i], divisor));
}

#undef XNORKIT_INLINE

}  // namespace

void max_pool_u8_avx2(const PoolArgs& a) { max_pool<MaxU8>(a); }
void max_pool_i32_avx2(const PoolArgs& a) { max_pool<MaxI32>(a); }
void max_pool_f32_avx2(const PoolArgs& a) { max_pool<MaxF32>(a); }

void avg_pool_f32_avx2(const PoolArgs& a) {
  size_t at = 0;
  for (; at + 32 <= a.elements; at += 32) mean_of_span<4>(a, at);
  for (; at + 8 <= a.elements; at += 8) mean_of_span<1>(a, at);
  if (at == a.elements) return;
  if (a.elements >= 8) return mean_of_span<1>(a, a.elements - 8);
  for (; at < a.elements; ++at) {
    float sum = 0;
    for (int32_t tap = 0; tap < a.taps; ++tap) sum += static_cast<const float*>(a.rows[tap])[at];
    static_cast<float*>(a.out)[at] = sum / a.divisor;
  }
}

}  // namespace xnorkit
#endif
