// One plane of signs times float32, without multiplication. Per tap, quads of channels join the accumulator in order:
//
//   acc = +0;  acc = fl(acc + fl(fl(s0 x0 + s1 x1) + fl(s2 x2 + s3 x3)))
//
// A quad has 16 values, in pairs of opposite sign (rounding is symmetric): 8 sums, and a nibble of a weight is 3 bits
// of index and the sign in bit 3. This header holds plain data and declarations only: files compiled for different CPUs
// may all include it.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/cpu.h"

namespace xnorkit::fsgemm {

constexpr int32_t kQuad = 4;
constexpr int32_t kWordQuads = 8;     // nibbles of one lane's word
constexpr int32_t kLaneMultiple = 8;  // of lane_stride
constexpr int32_t kMaxPixels = 64;

struct Tile {
  int32_t taps, quads;    // quads of one tap's row
  int32_t pixels, lanes;  // 1..kMaxPixels; output channels
  const uint8_t* rows;    // quads * kQuad floats of (tap, pixel): rows + offsets[tap * offset_stride + pixel]
  const uint32_t* offsets;
  size_t offset_stride;
  const uint32_t* weights;  // (taps, ceil(quads / kWordQuads), lane_stride), first quad in the low nibble
  int32_t lane_stride;      // a multiple of kLaneMultiple, at least `lanes`
  float* out;               // (pixels, lanes), written, pixels out_stride apart
  size_t out_stride;
  void* work;  // work_bytes(lane_stride), 64-byte aligned
};

struct Kernel {
  const char* name;
  Isa isa;
  size_t (*work_bytes)(int32_t lane_stride);
  void (*run)(const Tile& tile);
};

size_t work_bytes_scalar(int32_t lane_stride);
size_t work_bytes_avx2(int32_t lane_stride);
void run_scalar(const Tile& tile);
void run_avx2(const Tile& tile);

// The nibble of four weight bits, bit 1 = -1: the first sign is taken out of the sums.
constexpr uint32_t nibble_of(uint32_t bits) { return (bits & 1) << 3 | ((bits >> 1 ^ (bits & 1 ? 7u : 0u)) & 7); }

// Fastest first; the last row runs everywhere.
inline constexpr Kernel kKernels[] = {
#if defined(__x86_64__)
    {"fsgemm_f32b1f32_16x4_avx2", Isa::avx2, work_bytes_avx2, run_avx2},
#endif
    {"fsgemm_f32b1f32_1x1_scalar", Isa::scalar, work_bytes_scalar, run_scalar},
};

}  // namespace xnorkit::fsgemm
