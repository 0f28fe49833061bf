// Binary GEMM with indirect rows: popcounts of a ^ w for a block of pixels times a panel of at most 64 output channels,
// then the epilogue. Contract between ops/ (shapes, geometry) and the kernels (pointers and tiles).
//
//   pc[pixel, o] = sum over taps and channels of popcount(a ^ w);   acc = edge[o] - 2 * pc
//
// edge[o] is K = taps * channels less the pixel's border correction, so zero padding costs nothing in the inner loop.
// This header holds plain data and declarations only: files compiled for different CPUs may all include it.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/cpu.h"

namespace xnorkit::bgemm {

constexpr int32_t kPanelChannels = 64;  // output channels of one panel
constexpr int32_t kMaxUnit = 512;       // most channels of one unit of a prepared row
constexpr int32_t kBlockEntries = 32;   // most entries of one block

enum class Store : uint8_t { i32, bits, f32 };

// The bytes of one pixel, or of two where Kernel::entry_pixels is 2. Null: zeros. Tail bits are 0.
struct Source {
  const uint8_t* a;
  const uint8_t* b;
};

// One call's work. An entry has one prepared row for each tap; its Kernel::entry_pixels pixels share them.
struct Block {
  int32_t taps;
  int32_t channels;      // of one tap's row, in bits; rows were prepared with the same number
  int32_t out_channels;  // 1..kPanelChannels
  int32_t entries;       // 1..kBlockEntries
  bool alone;            // one entry of one pixel, one tap; its row comes from prepare_alone
  Store store;
  const uint8_t* rows;  // row of (tap, entry): rows + offsets[tap * offset_stride + entry]
  const uint32_t* offsets;
  size_t offset_stride;
  const uint8_t* weights;  // packed panel, 32-byte aligned
  // Results of pixel i of (entries, entry_pixels) go to out + pixels[i] * out_stride; pixels[i] < 0: nowhere. Its edge
  // is edges + classes[i] * edge_stride: int32, or limits for bits. out and edges are of the panel's first channel.
  const int32_t* pixels;
  const int32_t* classes;
  uint8_t* out;
  size_t out_stride;
  const uint8_t* edges;
  size_t edge_stride;
  uint64_t flip;       // bits: XORed
  const float* scale;  // f32: of the panel's first channel; kPanelChannels readable
  const float* bias;   // f32: the same
  void* work;          // work_bytes, 64-byte aligned
};

// A row of the kernel table. `channels` below are the bits of one tap's row.
struct Kernel {
  const char* name;
  Isa isa;
  int32_t entry_pixels;  // pixels sharing one prepared row
  int32_t limit_bytes;   // bits: bit = pc >= limit; uint16 or int32 limits, kPanelChannels readable
  int64_t max_bits;      // largest taps * channels

  // A whole number of units, each for the same number of channels, at most kMaxUnit of them: where channels fill the
  // last unit, rows behind each other are the row of their concatenation, which pack and run may take as one tap.
  size_t (*row_bytes)(int32_t channels);
  size_t (*panel_bytes)(int32_t taps, int32_t channels, int32_t out_channels);
  size_t (*work_bytes)();
  // rows: (out_channels, taps, ceil(channels / 8)) bytes, tail bits 0; dst: panel_bytes of zeros. For run with the same
  // taps and channels.
  void (*pack)(const uint8_t* rows, int32_t taps, int32_t channels, int32_t out_channels, uint8_t* dst);
  // count rows, dst_stride >= row_bytes apart, each of row_bytes. b is ignored if entry_pixels is 1.
  void (*prepare)(const Source* sources, int32_t count, int32_t channels, uint8_t* dst, size_t dst_stride);
  // The row of a pixel that has its block to itself (Block::alone).
  void (*prepare_alone)(const uint8_t* a, int32_t channels, uint8_t* dst);
  void (*run)(const Block& block);
};

// Whether rows of that many channels fill their last unit.
bool rows_join(const Kernel& kernel, int32_t channels);

// The table, in ascending ISA order.
extern const Kernel* const kKernels[];
extern const int32_t kKernelCount;

// The best kernel not above isa that can sum `bits` = taps * channels.
const Kernel* select(Isa isa, int64_t bits);

// The row of that name, or null.
const Kernel* find(const char* name);

}  // namespace xnorkit::bgemm
