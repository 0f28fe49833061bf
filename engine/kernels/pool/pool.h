// Pooling one output pixel: `rows` point at the taps inside the picture, each one pixel of `channels` elements.
//
//   max   the largest element; NaN wins; on bits (1 = -1) the maximum is AND, a flipped channel takes the minimum, OR
//   avg   additions from +0 in row order, then one division by `divisor`
#pragma once
#include <cstddef>
#include <cstdint>

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

void max_pool_u8(const PoolArgs&);
void max_pool_i32(const PoolArgs&);
void max_pool_f32(const PoolArgs&);
void max_pool_bits(const PoolArgs&);
void avg_pool_f32(const PoolArgs&);

struct PoolKernel {
  const char* name;
  PoolFunction run;
};

enum PoolRow { kMaxU8, kMaxI32, kMaxF32, kMaxBits, kAvgF32 };
inline constexpr PoolKernel kPoolKernels[] = {
    // indexed by PoolRow; all run everywhere
    {"max_pool_u8_scalar", max_pool_u8},   {"max_pool_i32_scalar", max_pool_i32},
    {"max_pool_f32_scalar", max_pool_f32}, {"max_pool_b1_64_scalar", max_pool_bits},
    {"avg_pool_f32_scalar", avg_pool_f32},
};

}  // namespace xnorkit
