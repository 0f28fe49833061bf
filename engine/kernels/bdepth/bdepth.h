// Depthwise binary convolution, one output for each channel. Lanes are bits: a machine word holds one tap of as many
// channels as it has bits, and the taps are added by carry-save adders into bit planes. Groups of a few channels are
// the same with more taps, each of other bits of the group.
//
//   pc[pixel, c] = sum over taps of a[pixel, tap, c] ^ w[tap, c];   bit = (pc >= limit[c]) ^ flip[c]
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/cpu.h"

namespace xnorkit::bdepth {

constexpr int32_t kMaxPlanes = 8;
constexpr size_t kRepeat = 32;                       // bytes: the longest word, to which narrow weights repeat
constexpr int32_t kMaxTaps = (1 << kMaxPlanes) - 2;  // limits reach taps + 1: never

// Pixels of one output row. Tail bits of activations, weights and flip are 0, tail limits are taps + 1.
struct Row {
  int32_t pixels, taps;
  int32_t planes;           // of counts and limits: 2^planes > taps + 1
  size_t bytes;             // of one pixel's channels
  const uint8_t* band;      // first pixel's window; no tap is outside
  size_t step;              // bytes from a window to the next
  const uint32_t* offsets;  // (taps): from a window's begin, in bytes
  size_t period;            // of weights, limits and flip: bytes, or kRepeat where bytes divides it and step is bytes
  const uint8_t* weights;   // (taps, period), repeating every `bytes`
  // Bits, where limits is not null; else counts.
  const uint8_t* limits;   // (classes, planes, period): complements of the limits' bit planes, lowest first
  const int32_t* classes;  // (pixels)
  const int32_t* alike;    // (pixels): how many from this one on have its class
  const uint8_t* flip;     // (period)
  uint8_t* out;            // bits: (pixels, bytes); counts: (pixels, 8 * bytes) uint8
};

// A row of the kernel table.
struct Kernel {
  const char* name;
  Isa isa;
  void (*run)(const Row& row);
};

// The table, in ascending ISA order.
extern const Kernel* const kKernels[];
extern const int32_t kKernelCount;

// The best kernel not above isa.
const Kernel* select(Isa isa);

}  // namespace xnorkit::bdepth
