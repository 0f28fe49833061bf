// Dense layers on float inputs whose weights are narrow, so that fewer bytes stream from memory. The order of roundings
// is that of fgemm.h; a weight becomes a float exactly, sums are scaled once:
//
//   acc = +0;  for k: acc = fl(acc + fl(x[k] * float(w[o][k])));  bf16: out = fl(acc + bias[o])
//                                                                 i8:   out = fl(fl(acc * scale[o]) + bias[o])
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/fgemm/fgemm.h"

namespace xnorkit {

enum class NarrowWeight : uint8_t { bf16, i8 };

// Pixel p is `depth` floats at x + p * x_stride. Weights [block][depth][16 channels]; of bf16, channel i and channel i
// + 8 share a 32-bit word as its low and high half: i at element 2 * i, i + 8 at element 2 * i + 1. bias, scale:
// [block][16]. Writes out[p * out_stride + block * 16 + lane].
struct NarrowTile {
  const float* x;
  size_t x_stride;
  int32_t pixels, depth;
  const void* weight;
  const float* scale;  // i8 only
  const float* bias;
  int32_t blocks;
  float* out;
  size_t out_stride;
};

// A row of the kernel table: any number of pixels and blocks.
struct NarrowKernel {
  NarrowWeight weight;
  const char* name;
  Isa isa;
  void (*run)(const NarrowTile&);
};

// Where channel `lane` of a block lies among the 16 weights of one k.
constexpr int narrow_position(NarrowWeight weight, int lane) {
  return weight == NarrowWeight::i8 ? lane : lane < 8 ? 2 * lane : 2 * (lane - 8) + 1;
}

void fgemm_bf16_scalar(const NarrowTile&);
void fgemm_i8_scalar(const NarrowTile&);
void fgemm_bf16_avx2(const NarrowTile&);
void fgemm_i8_avx2(const NarrowTile&);

// Per weight fastest first; the last row of each runs everywhere.
inline constexpr NarrowKernel kNarrowKernels[] = {
#if defined(__x86_64__)
    {NarrowWeight::bf16, "fgemm_f32bf16f32_4x16_avx2", Isa::avx2, fgemm_bf16_avx2},
    {NarrowWeight::i8, "fgemm_f32s8f32_4x16_avx2", Isa::avx2, fgemm_i8_avx2},
#endif
    {NarrowWeight::bf16, "fgemm_f32bf16f32_1x16_scalar", Isa::scalar, fgemm_bf16_scalar},
    {NarrowWeight::i8, "fgemm_f32s8f32_1x16_scalar", Isa::scalar, fgemm_i8_scalar},
};

}  // namespace xnorkit
