// Plain C++: the loops run over contiguous channels, bits go 64 at a time, so the compiler vectorises them for the
// baseline ISA.
#include <cstring>

#include "kernels/pool/pool.h"

namespace xnorkit {
namespace {

template <typename T>
inline T larger(T a, T b) {
  return b > a ? b : a;
}
template <>
inline float larger(float a, float b) {
  return b > a || b != b ? b : a;
}

template <typename T>
void max_pool(const PoolArgs& a) {
  T* out = static_cast<T*>(a.out);
  memcpy(out, a.rows[0], a.elements * sizeof(T));
  for (int32_t tap = 1; tap < a.taps; ++tap) {
    const T* x = static_cast<const T*>(a.rows[tap]);
    for (size_t c = 0; c < a.elements; ++c) out[c] = larger(out[c], x[c]);
  }
}

// With f the flip mask: AND over (x ^ f), then ^ f, is OR where f is 1. W is a machine word or a byte.
template <typename W>
inline void max_of_word(const PoolArgs& a, size_t at) {
  const auto word = [at](const void* row) {
    W w;
    memcpy(&w, static_cast<const uint8_t*>(row) + at, sizeof w);
    return w;
  };
  const W flip = a.flip ? word(a.flip) : W{0};
  W all = static_cast<W>(~W{0});
  for (int32_t tap = 0; tap < a.taps; ++tap) all = static_cast<W>(all & (word(a.rows[tap]) ^ flip));
  all = static_cast<W>(all ^ flip);
  memcpy(static_cast<uint8_t*>(a.out) + at, &all, sizeof all);
}

}  // namespace

void max_pool_u8_scalar(const PoolArgs& a) { max_pool<uint8_t>(a); }
void max_pool_i32_scalar(const PoolArgs& a) { max_pool<int32_t>(a); }
void max_pool_f32_scalar(const PoolArgs& a) { max_pool<float>(a); }

void max_pool_bits_scalar(const PoolArgs& a) {
  size_t at = 0;
  for (; at + 8 <= a.elements; at += 8) max_of_word<uint64_t>(a, at);
  for (; at < a.elements; ++at) max_of_word<uint8_t>(a, at);
}

void avg_pool_f32_scalar(const PoolArgs& a) {
  float* out = static_cast<float*>(a.out);
  for (size_t c = 0; c < a.elements; ++c) out[c] = 0.0f;
  for (int32_t tap = 0; tap < a.taps; ++tap) {
    const float* x = static_cast<const float*>(a.rows[tap]);
    for (size_t c = 0; c < a.elements; ++c) out[c] += x[c];
  }
  for (size_t c = 0; c < a.elements; ++c) out[c] /= a.divisor;
}

}  // namespace xnorkit
