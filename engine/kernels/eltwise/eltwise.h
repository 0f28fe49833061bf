// One value in, one value out, channel by channel; x, y and out are `pixels` rows of `channels` elements.
//
//   sign       out bit = x < 0                               f32 -> bits      threshold  out bit = (x < t[c]) ^ flip
//   bit c affine     out = fl(fl(float(x) * scale[c]) + bias[c])   u8, i32, f32, bits -> f32 add        out = fl(x + y)
//   scale_map  out = fl(float(x) * y[pixel])                i32, f32 -> f32
//   relu   x > 0 ? x : +0   prelu  x >= 0 ? x : fl(slope[c] * x) hardtanh   min(max(x, -1), 1), NaN stays tanh,
//   sigmoid: float64 inside, rounded once
//
// Every row of bits is ceil(channels / 8) bytes with clear tails. All ISAs give the same bits.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/cpu.h"

namespace xnorkit {

enum class Eltwise : uint8_t {
  sign,
  threshold,
  affine_u8,
  affine_i32,
  affine_f32,
  affine_bits,
  add,
  relu,
  prelu,
  hardtanh,
  tanh,
  sigmoid,
  scale_map_i32,
  scale_map_f32
};

struct EltwiseArgs {
  const void* x;
  const void* y;  // add; scale_map: one float a pixel
  void* out;
  size_t pixels;
  int32_t channels;
  const float* scale;  // affine's scale, prelu's slope
  const float* bias;
  const int32_t* threshold;
  const uint8_t* flip;
};

using EltwiseFunction = void (*)(const EltwiseArgs&);

void sign_scalar(const EltwiseArgs&);
void threshold_scalar(const EltwiseArgs&);
void affine_u8_scalar(const EltwiseArgs&);
void affine_i32_scalar(const EltwiseArgs&);
void affine_f32_scalar(const EltwiseArgs&);
void affine_bits_scalar(const EltwiseArgs&);
void add_scalar(const EltwiseArgs&);
void relu_scalar(const EltwiseArgs&);
void prelu_scalar(const EltwiseArgs&);
void hardtanh_scalar(const EltwiseArgs&);
void tanh_scalar(const EltwiseArgs&);
void sigmoid_scalar(const EltwiseArgs&);

void scale_map_i32_scalar(const EltwiseArgs&);
void scale_map_f32_scalar(const EltwiseArgs&);

void sign_avx2(const EltwiseArgs&);
void threshold_avx2(const EltwiseArgs&);
void affine_u8_avx2(const EltwiseArgs&);
void affine_i32_avx2(const EltwiseArgs&);
void affine_f32_avx2(const EltwiseArgs&);
void affine_bits_avx2(const EltwiseArgs&);
void add_avx2(const EltwiseArgs&);
void relu_avx2(const EltwiseArgs&);
void prelu_avx2(const EltwiseArgs&);
void hardtanh_avx2(const EltwiseArgs&);
void scale_map_i32_avx2(const EltwiseArgs&);
void scale_map_f32_avx2(const EltwiseArgs&);

struct EltwiseKernel {
  Eltwise op;
  const char* name;
  Isa isa;
  EltwiseFunction run;
};

// Per op fastest first; each op's last row runs everywhere.
inline constexpr EltwiseKernel kEltwiseKernels[] = {
#if defined(__x86_64__)
    {Eltwise::sign, "sign_f32b1_8_avx2", Isa::avx2, sign_avx2},
    {Eltwise::threshold, "threshold_i32b1_8_avx2", Isa::avx2, threshold_avx2},
    {Eltwise::affine_u8, "affine_u8f32_8_avx2", Isa::avx2, affine_u8_avx2},
    {Eltwise::affine_i32, "affine_i32f32_8_avx2", Isa::avx2, affine_i32_avx2},
    {Eltwise::affine_f32, "affine_f32f32_8_avx2", Isa::avx2, affine_f32_avx2},
    {Eltwise::affine_bits, "affine_b1f32_8_avx2", Isa::avx2, affine_bits_avx2},
    {Eltwise::add, "add_f32f32_8_avx2", Isa::avx2, add_avx2},
    {Eltwise::relu, "relu_f32f32_8_avx2", Isa::avx2, relu_avx2},
    {Eltwise::prelu, "prelu_f32f32_8_avx2", Isa::avx2, prelu_avx2},
    {Eltwise::hardtanh, "hardtanh_f32f32_8_avx2", Isa::avx2, hardtanh_avx2},
    {Eltwise::scale_map_i32, "scale_map_i32f32_8_avx2", Isa::avx2, scale_map_i32_avx2},
    {Eltwise::scale_map_f32, "scale_map_f32f32_8_avx2", Isa::avx2, scale_map_f32_avx2},
#endif
    {Eltwise::sign, "sign_f32b1_scalar", Isa::scalar, sign_scalar},
    {Eltwise::threshold, "threshold_i32b1_scalar", Isa::scalar, threshold_scalar},
    {Eltwise::affine_u8, "affine_u8f32_scalar", Isa::scalar, affine_u8_scalar},
    {Eltwise::affine_i32, "affine_i32f32_scalar", Isa::scalar, affine_i32_scalar},
    {Eltwise::affine_f32, "affine_f32f32_scalar", Isa::scalar, affine_f32_scalar},
    {Eltwise::affine_bits, "affine_b1f32_scalar", Isa::scalar, affine_bits_scalar},
    {Eltwise::add, "add_f32f32_scalar", Isa::scalar, add_scalar},
    {Eltwise::relu, "relu_f32f32_scalar", Isa::scalar, relu_scalar},
    {Eltwise::prelu, "prelu_f32f32_scalar", Isa::scalar, prelu_scalar},
    {Eltwise::hardtanh, "hardtanh_f32f32_scalar", Isa::scalar, hardtanh_scalar},
    {Eltwise::scale_map_i32, "scale_map_i32f32_scalar", Isa::scalar, scale_map_i32_scalar},
    {Eltwise::scale_map_f32, "scale_map_f32f32_scalar", Isa::scalar, scale_map_f32_scalar},
    {Eltwise::tanh, "tanh_f32f32_scalar", Isa::scalar, tanh_scalar},
    {Eltwise::sigmoid, "sigmoid_f32f32_scalar", Isa::scalar, sigmoid_scalar},
};

}  // namespace xnorkit
