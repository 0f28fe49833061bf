// Pooling one output pixel: `rows` point at the taps inside the picture, each one pixel of `channels` elements.
//
//   max   the largest element; NaN wins; on bits (1 = -1) the maximum is AND, a flipped channel takes the minimum, OR
//   avg   additions from +0 in row order, then one division by `divisor`
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/cpu.h"

namespace xnorkit {

struct PoolArgs {
  const void* const* rows;
  int32_t taps;     // at least 1
  size_t elements;  // channels; for bits: bytes of a pixel
  void* out;
  const uint8_t* flip;  // bits only: `elements` bytes, or null
  float divisor;        // avg only
};

using PoolFunction = void (*)(const PoolArgs&);

void max_pool_u8_scalar(const PoolArgs&);
void max_pool_i32_scalar(const PoolArgs&);
void max_pool_f32_scalar(const PoolArgs&);
void max_pool_bits_scalar(const PoolArgs&);
void avg_pool_f32_scalar(const PoolArgs&);
void max_pool_u8_avx2(const PoolArgs&);
void max_pool_i32_avx2(const PoolArgs&);
void max_pool_f32_avx2(const PoolArgs&);
void avg_pool_f32_avx2(const PoolArgs&);

enum class Pooling : uint8_t { max_u8, max_i32, max_f32, max_bits, avg_f32 };

struct PoolKernel {
  Pooling pooling;
  const char* name;
  Isa isa;
  PoolFunction run;
};

// Per pooling fastest first; the last row of each runs everywhere.
inline constexpr PoolKernel kPoolKernels[] = {
#if defined(__x86_64__)
    {Pooling::max_u8, "max_pool_u8_32_avx2", Isa::avx2, max_pool_u8_avx2},
    {Pooling::max_i32, "max_pool_i32_8_avx2", Isa::avx2, max_pool_i32_avx2},
    {Pooling::max_f32, "max_pool_f32_8_avx2", Isa::avx2, max_pool_f32_avx2},
    {Pooling::avg_f32, "avg_pool_f32_8_avx2", Isa::avx2, avg_pool_f32_avx2},
#endif
    {Pooling::max_u8, "max_pool_u8_scalar", Isa::scalar, max_pool_u8_scalar},
    {Pooling::max_i32, "max_pool_i32_scalar", Isa::scalar, max_pool_i32_scalar},
    {Pooling::max_f32, "max_pool_f32_scalar", Isa::scalar, max_pool_f32_scalar},
    {Pooling::max_bits, "max_pool_b1_64_scalar", Isa::scalar, max_pool_bits_scalar},
    {Pooling::avg_f32, "avg_pool_f32_scalar", Isa::scalar, avg_pool_f32_scalar},
};

}  // namespace xnorkit
