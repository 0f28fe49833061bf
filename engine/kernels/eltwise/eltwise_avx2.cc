// Eight channels a step; what is left of a row is done one by one with the same operations.
#include "kernels/eltwise/eltwise.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace xnorkit {
namespace {

inline __attribute__((always_inline)) __m256 load(const float* x) { return _mm256_loadu_ps(x); }

inline __attribute__((always_inline)) __m256i load(const int32_t* x) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x));
}

inline __attribute__((always_inline)) __m256i load(const uint8_t* x) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(x)));
}

inline __attribute__((always_inline)) __m256 to_float(__m256 x) { return x; }
inline __attribute__((always_inline)) __m256 to_float(__m256i x) { return _mm256_cvtepi32_ps(x); }

// Rows shorter than a vector: their scales and biases, repeated, have a period of `channels` vectors.
template <typename T>
inline __attribute__((always_inline)) void affine_of_short_rows(const EltwiseArgs& a) {
  const T* x = static_cast<const T*>(a.x);
  float* out = static_cast<float*>(a.out);
  const size_t channels = static_cast<size_t>(a.channels), count = a.pixels * channels, period = 8 * channels;
  float scale[56], bias[56];
  for (size_t i = 0; i < period; ++i) {
    scale[i] = a.scale[i % channels];
    bias[i] = a.bias[i % channels];
  }
  size_t i = 0, at = 0;
  for (; i + 8 <= count; i += 8) {
    const __m256 product = _mm256_mul_ps(to_float(load(x + i)), load(scale + at));
    _mm256_storeu_ps(out + i, _mm256_add_ps(product, load(bias + at)));
    at = at + 8 == period ? 0 : at + 8;
  }
  for (; i < count; ++i, ++at) out[i] = static_cast<float>(x[i]) * scale[at] + bias[at];
}

template <typename T>
inline __attribute__((always_inline)) void affine(const EltwiseArgs& a) {
  if (a.channels < 8) return affine_of_short_rows<T>(a);
  const T* x = static_cast<const T*>(a.x);
  float* out = static_cast<float*>(a.out);
  const size_t channels = static_cast<size_t>(a.channels);
  for (size_t p = 0; p < a.pixels; ++p, x += channels, out += channels) {
    size_t c = 0;
    for (; c + 8 <= channels; c += 8) {
      const __m256 product = _mm256_mul_ps(to_float(load(x + c)), load(a.scale + c));
      _mm256_storeu_ps(out + c, _mm256_add_ps(product, load(a.bias + c)));
    }
    for (; c < channels; ++c) out[c] = static_cast<float>(x[c]) * a.scale[c] + a.bias[c];
  }
}

template <typename T>
inline __attribute__((always_inline)) void scale_map(const EltwiseArgs& a) {
  const T* x = static_cast<const T*>(a.x);
  float* out = static_cast<float*>(a.out);
  const size_t channels = static_cast<size_t>(a.channels);
  for (size_t p = 0; p < a.pixels; ++p, x += channels, out += channels) {
    const float factor = static_cast<const float*>(a.y)[p];
    size_t c = 0;
    for (; c + 8 <= channels; c += 8)
      _mm256_storeu_ps(out + c, _mm256_mul_ps(to_float(load(x + c)), _mm256_set1_ps(factor)));
    for (; c < channels; ++c) out[c] = static_cast<float>(x[c]) * factor;
  }
}

}  // namespace

void sign_avx2(const EltwiseArgs& a) {
  const float* x = static_cast<const float*>(a.x);
  uint8_t* out = static_cast<uint8_t*>(a.out);
  const size_t channels = static_cast<size_t>(a.channels);
  for (size_t p = 0; p < a.pixels; ++p, x += channels) {
    size_t c = 0;
    for (; c + 8 <= channels; c += 8) {
      const __m256 below = _mm256_cmp_ps(load(x + c), _mm256_setzero_ps(), _CMP_LT_OQ);
      *out++ = static_cast<uint8_t>(_mm256_movemask_ps(below));
    }
    if (c < channels) {
      unsigned byte = 0;
      for (size_t b = 0; c + b < channels; ++b) byte |= static_cast<unsigned>(x[c + b] < 0) << b;
      *out++ = static_cast<uint8_t>(byte);
    }
  }
}

void threshold_avx2(const EltwiseArgs& a) {
  const int32_t* x = static_cast<const int32_t*>(a.x);
  uint8_t* out = static_cast<uint8_t*>(a.out);
  const size_t channels = static_cast<size_t>(a.channels);
  for (size_t p = 0; p < a.pixels; ++p, x += channels) {
    size_t c = 0;
    for (; c + 8 <= channels; c += 8) {
      const __m256i below = _mm256_cmpgt_epi32(load(a.threshold + c), load(x + c));
      *out++ = static_cast<uint8_t>(_mm256_movemask_ps(_mm256_castsi256_ps(below)) ^ a.flip[c / 8]);
    }
    if (c < channels) {
      unsigned byte = a.flip[c / 8];
      for (size_t b = 0; c + b < channels; ++b) byte ^= static_cast<unsigned>(x[c + b] < a.threshold[c + b]) << b;
      *out++ = static_cast<uint8_t>(byte);
    }
  }
}

void affine_u8_avx2(const EltwiseArgs& a) { affine<uint8_t>(a); }
void affine_i32_avx2(const EltwiseArgs& a) { affine<int32_t>(a); }
void affine_f32_avx2(const EltwiseArgs& a) { affine<float>(a); }

void affine_bits_avx2(const EltwiseArgs& a) {
  const uint8_t* x = static_cast<const uint8_t*>(a.x);
  float* out = static_cast<float*>(a.out);
  const size_t channels = static_cast<size_t>(a.channels);
  const __m256i lane_bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  const __m256 plus = _mm256_set1_ps(1.0f), minus = _mm256_set1_ps(-1.0f);
  for (size_t p = 0; p < a.pixels; ++p, out += channels) {
    size_t c = 0;
    for (; c + 8 <= channels; c += 8) {
      const __m256i set = _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(*x++), lane_bits), lane_bits);
      const __m256 product = _mm256_mul_ps(_mm256_blendv_ps(plus, minus, _mm256_castsi256_ps(set)), load(a.scale + c));
      _mm256_storeu_ps(out + c, _mm256_add_ps(product, load(a.bias + c)));
    }
    if (c == channels) continue;
    for (unsigned byte = *x++; c < channels; ++c, byte >>= 1)
      out[c] = ((byte & 1) != 0 ? -1.0f : 1.0f) * a.scale[c] + a.bias[c];
  }
}

void scale_map_i32_avx2(const EltwiseArgs& a) { scale_map<int32_t>(a); }
void scale_map_f32_avx2(const EltwiseArgs& a) { scale_map<float>(a); }

void add_avx2(const EltwiseArgs& a) {
  const float* x = static_cast<const float*>(a.x);
  const float* y = static_cast<const float*>(a.y);
  float* out = static_cast<float*>(a.out);
  const size_t count = a.pixels * static_cast<size_t>(a.channels);
  size_t i = 0;
  for (; i + 8 <= count; i += 8) _mm256_storeu_ps(out + i, _mm256_add_ps(load(x + i), load(y + i)));
  for (; i < count; ++i) out[i] = x[i] + y[i];
}

void relu_avx2(const EltwiseArgs& a) {
  const float* x = static_cast<const float*>(a.x);
  float* out = static_cast<float*>(a.out);
  const size_t count = a.pixels * static_cast<size_t>(a.channels);
  const __m256 zero = _mm256_setzero_ps();
  size_t i = 0;
  for (; i + 8 <= count; i += 8)
    _mm256_storeu_ps(out + i, _mm256_max_ps(load(x + i), zero));  // NaN, -0: the second, +0
  for (; i < count; ++i) out[i] = x[i] > 0 ? x[i] : 0.0f;
}

void prelu_avx2(const EltwiseArgs& a) {
  const float* x = static_cast<const float*>(a.x);
  float* out = static_cast<float*>(a.out);
  const size_t channels = static_cast<size_t>(a.channels);
  for (size_t p = 0; p < a.pixels; ++p, x += channels, out += channels) {
    size_t c = 0;
    for (; c + 8 <= channels; c += 8) {
      const __m256 v = load(x + c), scaled = _mm256_mul_ps(load(a.scale + c), v);
      const __m256 keep = _mm256_cmp_ps(v, _mm256_setzero_ps(), _CMP_GE_OQ);
      _mm256_storeu_ps(out + c, _mm256_blendv_ps(scaled, v, keep));
    }
    for (; c < channels; ++c) out[c] = x[c] >= 0 ? x[c] : a.scale[c] * x[c];
  }
}

// max(-1, x) and min(1, x) return their second operand where it is NaN.
void hardtanh_avx2(const EltwiseArgs& a) {
  const float* x = static_cast<const float*>(a.x);
  float* out = static_cast<float*>(a.out);
  const size_t count = a.pixels * static_cast<size_t>(a.channels);
  const __m256 low = _mm256_set1_ps(-1.0f), high = _mm256_set1_ps(1.0f);
  size_t i = 0;
  for (; i + 8 <= count; i += 8) _mm256_storeu_ps(out + i, _mm256_min_ps(high, _mm256_max_ps(low, load(x + i))));
  for (; i < count; ++i) out[i] = x[i] < -1 ? -1.0f : x[i] > 1 ? 1.0f : x[i];
}

}  // namespace xnorkit
#endif
