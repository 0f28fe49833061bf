// One plane of binary weights times uint8 codes, by table: for a block of pixels and a panel of at most 64 output
// channels
//
//   out[pixel][o] = from[pixel] - (T << shift),   T = sum of the codes x whose weight bit is 1 (= -1)
//
// so that sum of s x = sum of x - 2 T. The 16 subset sums of four codes ("a group") form a table, built once for each
// input position and shared by all taps and output channels; the four weight bits of a lane choose an entry.
// This header holds plain data and declarations only: files compiled for different CPUs may all include it.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/cpu.h"

namespace xnorkit::wgemm {

constexpr int32_t kPanelChannels = 64;
constexpr int32_t kGroupInputs = 4;
constexpr int32_t kMaxPixels = 64;   // of one call
constexpr size_t kGroupBytes = 32;   // of a panel: a nibble for each lane, low nibbles are lanes 0..31
constexpr size_t kHeaderBytes = 32;  // of a prepared row: int32 sum of its codes, then the tables

struct Tile {
  int32_t taps, groups;  // groups of one tap's row
  int32_t bits;          // of a code; the rows were prepared with the same number
  int32_t pixels;        // 1..kMaxPixels
  int32_t lanes;         // 1..kPanelChannels, how many of them matter
  int32_t shift;
  const uint8_t* rows;  // prepared row of (tap, pixel): rows + offsets[tap * offset_stride + pixel]
  const uint32_t* offsets;
  size_t offset_stride;
  const uint8_t* weights;  // (taps, groups, kGroupBytes), 32-byte aligned
  const int32_t* from;     // (pixels), or null: out itself
  int32_t* out;            // (pixels, kPanelChannels)
  void* work;              // work_bytes, 64-byte aligned
};

struct Kernel {
  const char* name;
  Isa isa;
  size_t work_bytes;
  // A prepared row, a multiple of 32 bytes; all zeros is the row of zero codes.
  size_t (*row_bytes)(int32_t groups, int32_t bits);
  // `count` rows, dst_stride bytes apart, of `channels` codes each, src_stride apart; codes above 2^bits - 1 count as
  // that.
  void (*prepare)(const uint8_t* codes, size_t src_stride, int32_t count, int32_t channels, int32_t bits, uint8_t* dst,
                  size_t dst_stride);
  void (*run)(const Tile& tile);
};

extern const Kernel kScalar;
extern const Kernel kAvx2;

// Fastest first; the last row runs everywhere.
inline constexpr const Kernel* kKernels[] = {
#if defined(__x86_64__)
    &kAvx2,
#endif
    &kScalar,
};

}  // namespace xnorkit::wgemm
