// One plane of signs times float32, without multiplication. Per tap, quads of channels join the accumulator in order:
//
//   acc = +0;  acc = fl(acc + fl(fl(s0 x0 + s1 x1) + fl(s2 x2 + s3 x3)))
//
// A quad has 16 values, in pairs of opposite sign (rounding is symmetric): 8 are a table, built once for each input
// position and shared by all taps and output channels. A lane's nibble is 3 bits of index and the sign in bit 3.
// This header holds plain data and declarations only: files compiled for different CPUs may all include it.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/cpu.h"

namespace xnorkit::fsgemm {

constexpr int32_t kPanelChannels = 64;
constexpr int32_t kQuad = 4;
constexpr int32_t kTableFloats = 8;
constexpr int32_t kWordQuads = 8;  // nibbles of one lane's word

struct Tile {
  int32_t taps, quads;    // quads of one tap's row
  int32_t pixels, lanes;  // lanes: 1..kPanelChannels, how many of them matter
  const uint8_t* rows;    // tables of (tap, pixel): rows + offsets[tap * offset_stride + pixel]
  const uint32_t* offsets;
  size_t offset_stride;
  const uint32_t* weights;  // (taps, ceil(quads / kWordQuads), kPanelChannels), first quad in the low nibble
  float* out;               // (pixels, kPanelChannels), written
};

struct Kernel {
  const char* name;
  Isa isa;
  void (*run)(const Tile& tile);
};

void run_scalar(const Tile& tile);
void run_avx2(const Tile& tile);

// The nibble of four weight bits, bit 1 = -1: the first sign is taken out of the table.
constexpr uint32_t nibble_of(uint32_t bits) { return (bits & 1) << 3 | ((bits >> 1 ^ (bits & 1 ? 7u : 0u)) & 7); }

// Tables of `count` rows, dst_stride bytes apart, of `channels` floats each, src_stride floats apart.
void prepare(const float* x, size_t src_stride, int32_t count, int32_t channels, uint8_t* dst, size_t dst_stride);

// Fastest first; the last row runs everywhere.
inline constexpr Kernel kKernels[] = {
#if defined(__x86_64__)
    {"fsgemm_f32b1f32_8x8_avx2", Isa::avx2, run_avx2},
#endif
    {"fsgemm_f32b1f32_1x64_scalar", Isa::scalar, run_scalar},
};

}  // namespace xnorkit::fsgemm
