// Integer tiles: P rows of 16-bit inputs (uint8 pixels or -1/+1, widened) times blocks of 16 output channels of int8
// weights, exact in int32:
//
//   out[p][o] = sum over k of x[p][k] * w[o][k]
//
// Weights lie in pairs of k so that one multiply-add of 16-bit pairs does two k for one lane; a pair is at most
// 2 * 255 * 127 < 2^31, and the op refuses depths whose sum might leave int32.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/cpu.h"

namespace xnorkit {

inline constexpr int kQgemmLanes = 16;
inline constexpr int kQgemmMaxPixels = 6;

// x[p * x_stride + k], k < 2 * pairs. Weights: [block][pairs][16 lanes][2]. Writes out[p * out_stride + block*16 +
// lane].
struct QgemmTile {
  const int16_t* x;
  size_t x_stride;
  int32_t pairs;
  const int8_t* weight;
  int32_t blocks;
  int32_t* out;
  size_t out_stride;
};

// Any number of pixels at equal distances times one block: pixel p's tap t is the 2 * `pairs` inputs at
// x + p * pixel_step + t * tap_step. Weights, widened: [taps * pairs][16 lanes][2]. Writes out[p * out_stride + lane].
struct QgemmRow {
  const int16_t* x;
  size_t pixel_step, tap_step;
  int32_t pixels, taps, pairs;
  const int16_t* weight;
  int32_t* out;
  size_t out_stride;
};

// The same on the bytes themselves, four inputs a step, in any order: step s adds, for each lane,
//
//   sum over i < 4 of x[p * pixel_step + offsets[s] + i] * weight[s][lane][i]
//
// Both pairs of a step are added in 16 bits, so weights of one sign in a pair may amount to kQgemmPairWeight at most;
// quad_steps.h makes such steps of any int8 weights. Writes out[p * out_stride + lane].
struct QgemmQuads {
  const uint8_t* x;
  size_t pixel_step;
  int32_t pixels, steps;
  const int32_t* offsets;
  const int8_t* weight;  // [steps][16 lanes][4]
  int32_t* out;
  size_t out_stride;
};

inline constexpr int kQgemmPairWeight = 128;  // 128 * 255 < 2^15

using QgemmFunction = void (*)(const QgemmTile&);
using QgemmRowFunction = void (*)(const QgemmRow&);
using QgemmQuadsFunction = void (*)(const QgemmQuads&);

// A row of the kernel table: `many` takes exactly `pixels` pixels and any number of blocks, `one` takes one pixel.
struct QgemmKernel {
  const char* name;
  Isa isa;
  int pixels;
  QgemmFunction many, one;
  // uint8 to int16, for the rows of x: `rows` times `count` elements, `step` apart, joined behind `to`.
  void (*widen)(const uint8_t* from, int64_t step, int32_t rows, int64_t count, int16_t* to);
  QgemmRowFunction row = nullptr;  // may be null, then ops do without it
};

struct QgemmQuadsKernel {
  const char* name;
  Isa isa;
  QgemmQuadsFunction run;
};

void qgemm_many_scalar(const QgemmTile&);
void qgemm_one_scalar(const QgemmTile&);
void qgemm_widen_scalar(const uint8_t* from, int64_t step, int32_t rows, int64_t count, int16_t* to);
void qgemm_row_scalar(const QgemmRow&);
void qgemm_quads_scalar(const QgemmQuads&);
void qgemm_many_avx2(const QgemmTile&);
void qgemm_one_avx2(const QgemmTile&);
void qgemm_widen_avx2(const uint8_t* from, int64_t step, int32_t rows, int64_t count, int16_t* to);
void qgemm_row_avx2(const QgemmRow&);
void qgemm_quads_avx2(const QgemmQuads&);

// Fastest first; the last row runs everywhere.
inline constexpr QgemmKernel kQgemmKernels[] = {
#if defined(__x86_64__)
    {"qgemm_i16s8i32_6x16_avx2", Isa::avx2, 6, qgemm_many_avx2, qgemm_one_avx2, qgemm_widen_avx2, qgemm_row_avx2},
#endif
    {"qgemm_i16s8i32_2x16_scalar", Isa::scalar, 2, qgemm_many_scalar, qgemm_one_scalar, qgemm_widen_scalar,
     qgemm_row_scalar},
};

inline constexpr QgemmQuadsKernel kQgemmQuadsKernels[] = {
#if defined(__x86_64__)
    {"qgemm_u8s8i32_6x16_avx2", Isa::avx2, qgemm_quads_avx2},
#endif
    {"qgemm_u8s8i32_1x16_scalar", Isa::scalar, qgemm_quads_scalar},
};

}  // namespace xnorkit
