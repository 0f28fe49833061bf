// Float tiles: P rows of inputs times blocks of 16 output channels. One order of additions everywhere:
//
//   acc = +0;  for tap: for c: acc = fl(acc + fl(x[tap][c] * w[tap][c]));  out = fl(acc + bias)
//
// Lanes are output channels, so every ISA adds in this order and gives the same bits (-ffp-contract=off).
// Cost per 8 lanes: one multiply, one add, 1/P of a weight load.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/cpu.h"

namespace xnorkit {

inline constexpr int kFgemmLanes = 16;
inline constexpr int kFgemmMaxPixels = 6;

// rows[tap * pixels + p] points at `run` floats of pixel p. Weights: [block][taps * run][16]; bias: [block][16].
// Writes out[p * out_stride + block * 16 + lane].
struct FgemmTile {
  const float* const* rows;
  int32_t taps, run;
  const float* weight;
  const float* bias;
  int32_t blocks;
  float* out;
  size_t out_stride;
};

// Any number of pixels at equal distances times one block: pixel p's tap t is the `run` floats at
// x + p * pixel_step + t * tap_step. A long sum may come in pieces: `resume` starts from what lies in `out` instead of
// +0, a null bias is not added yet. Weights: [taps * run][16]. Writes out[p * out_stride + lane].
struct FgemmRow {
  const float* x;
  size_t pixel_step, tap_step;
  int32_t pixels, taps, run;
  const float* weight;
  const float* bias;
  bool resume;
  float* out;
  size_t out_stride;
};

using FgemmFunction = void (*)(const FgemmTile&);
using FgemmRowFunction = void (*)(const FgemmRow&);

// A row of the kernel table: `many` takes exactly `pixels` pixels and any number of blocks, `one` takes one pixel;
// `row` may be null, then ops do without it.
struct FgemmKernel {
  const char* name;
  Isa isa;
  int pixels;
  FgemmFunction many, one;
  FgemmRowFunction row = nullptr;
};

void fgemm_many_scalar(const FgemmTile&);
void fgemm_one_scalar(const FgemmTile&);
void fgemm_row_scalar(const FgemmRow&);
void fgemm_many_avx2(const FgemmTile&);
void fgemm_one_avx2(const FgemmTile&);
void fgemm_row_avx2(const FgemmRow&);

// Fastest first; the last row runs everywhere.
inline constexpr FgemmKernel kFgemmKernels[] = {
#if defined(__x86_64__)
    {"fgemm_f32f32f32_6x16_avx2", Isa::avx2, 6, fgemm_many_avx2, fgemm_one_avx2, fgemm_row_avx2},
#endif
    {"fgemm_f32f32f32_2x16_scalar", Isa::scalar, 2, fgemm_many_scalar, fgemm_one_scalar, fgemm_row_scalar},
};

}  // namespace xnorkit
