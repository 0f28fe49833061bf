// Plain C++, the oracle of the family.
#include "kernels/eltwise/eltwise.h"

namespace xnorkit {
namespace {

// Calls f(value index, channel) for all values.
template <typename F>
inline void each(const EltwiseArgs& a, F f) {
  size_t i = 0;
  for (size_t p = 0; p < a.pixels; ++p)
    for (int32_t c = 0; c < a.channels; ++c, ++i) f(i, c);
}

// Packs bit(value index, channel) into clear-tailed rows.
template <typename F>
inline void pack(const EltwiseArgs& a, F bit) {
  uint8_t* out = static_cast<uint8_t*>(a.out);
  size_t i = 0;
  for (size_t p = 0; p < a.pixels; ++p)
    for (int32_t c = 0; c < a.channels; c += 8) {
      unsigned byte = 0;
      for (int32_t b = 0; b < 8 && c + b < a.channels; ++b, ++i) byte |= static_cast<unsigned>(bit(i, c + b)) << b;
      *out++ = static_cast<uint8_t>(byte);
    }
}

template <typename T>
void affine(const EltwiseArgs& a) {
  const T* x = static_cast<const T*>(a.x);
  float* out = static_cast<float*>(a.out);
  each(a, [=](size_t i, int32_t c) { out[i] = static_cast<float>(x[i]) * a.scale[c] + a.bias[c]; });
}

template <typename F>
void map(const EltwiseArgs& a, F f) {
  const float* x = static_cast<const float*>(a.x);
  float* out = static_cast<float*>(a.out);
  const size_t count = a.pixels * static_cast<size_t>(a.channels);
  for (size_t i = 0; i < count; ++i) out[i] = f(x[i]);
}

template <typename T>
void scale_map(const EltwiseArgs& a) {
  const T* x = static_cast<const T*>(a.x);
  float* out = static_cast<float*>(a.out);
  for (size_t p = 0; p < a.pixels; ++p) {
    const float factor = static_cast<const float*>(a.y)[p];
    for (int32_t c = 0; c < a.channels; ++c) *out++ = static_cast<float>(*x++) * factor;
  }
}

}  // namespace

void sign_scalar(const EltwiseArgs& a) {
  const float* x = static_cast<const float*>(a.x);
  pack(a, [=](size_t i, int32_t) { return x[i] < 0; });
}

void threshold_scalar(const EltwiseArgs& a) {
  const int32_t* x = static_cast<const int32_t*>(a.x);
  pack(a, [=](size_t i, int32_t c) { return (x[i] < a.threshold[c]) != ((a.flip[c / 8] >> (c % 8) & 1) != 0); });
}

void affine_u8_scalar(const EltwiseArgs& a) { affine<uint8_t>(a); }
void affine_i32_scalar(const EltwiseArgs& a) { affine<int32_t>(a); }
void affine_f32_scalar(const EltwiseArgs& a) { affine<float>(a); }

void affine_bits_scalar(const EltwiseArgs& a) {
  const uint8_t* x = static_cast<const uint8_t*>(a.x);
  float* out = static_cast<float*>(a.out);
  const size_t row = (static_cast<size_t>(a.channels) + 7) / 8;
  for (size_t p = 0; p < a.pixels; ++p, x += row)
    for (int32_t c = 0; c < a.channels; ++c) {
      const float value = (x[c / 8] >> (c % 8) & 1) ? -1.0f : 1.0f;
      *out++ = value * a.scale[c] + a.bias[c];
    }
}

void scale_map_i32_scalar(const EltwiseArgs& a) { scale_map<int32_t>(a); }
void scale_map_f32_scalar(const EltwiseArgs& a) { scale_map<float>(a); }

void add_scalar(const EltwiseArgs& a) {
  const float* x = static_cast<const float*>(a.x);
  const float* y = static_cast<const float*>(a.y);
  float* out = static_cast<float*>(a.out);
  const size_t count = a.pixels * static_cast<size_t>(a.channels);
  for (size_t i = 0; i < count; ++i) out[i] = x[i] + y[i];
}

void relu_scalar(const EltwiseArgs& a) {
  map(a, [](float x) { return x > 0 ? x : 0.0f; });
}

void prelu_scalar(const EltwiseArgs& a) {
  const float* x = static_cast<const float*>(a.x);
  float* out = static_cast<float*>(a.out);
  each(a, [=](size_t i, int32_t c) { out[i] = x[i] >= 0 ? x[i] : a.scale[c] * x[i]; });
}

void hardtanh_scalar(const EltwiseArgs& a) {
  map(a, [](float x) { return x < -1 ? -1.0f : x > 1 ? 1.0f : x; });
}

}  // namespace xnorkit
