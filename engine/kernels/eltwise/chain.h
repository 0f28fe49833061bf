// A chain of elementwise steps over rows that still lie in the cache: every value is loaded once, taken through all
// steps in registers, and stored as float, as the bit of its sign, or both. Each step rounds as its own op does
// (eltwise.h), so a chain has the bits of the ops it replaces, on every ISA.
//
//   affine     fl(fl(v * a[c]) + b[c])        relu      v > 0 ? v : +0
//   prelu      v >= 0 ? v : fl(a[c] * v)      hardtanh  min(max(v, -1), 1), NaN stays
//   add        fl(v + a[pixel, c])            scale_map fl(v * a[pixel])
//   branch     v stays; the bits are those of fl(fl(v * a[c]) + b[c]), not of the value after all steps
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/cpu.h"

namespace xnorkit {

enum class ChainKind : uint8_t { none, affine, prelu, relu, hardtanh, add, scale_map, branch, sign };

inline constexpr int32_t kMaxChain = 8;

struct ChainStep {
  ChainKind kind;
  const float* a;  // at the first channel of the rows at hand; add: and at the first pixel, rows `stride` apart
  const float* b;
};

// Rows of x, of add's maps and of out lie `stride` floats apart; first channels are multiples of 8 of the whole row.
struct ChainArgs {
  const float* x;
  size_t stride;
  size_t pixels;
  int32_t channels;
  const ChainStep* steps;
  int32_t count;
  int32_t store;  // out takes the values after this many steps; -1: it is not written
  float* out;     // may be x, or the map of an add before the store
  uint8_t* bits;  // bit = value after all steps < 0, or of the one branch; tails clear; null: not written
  size_t bits_stride;
};

void chain_scalar(const ChainArgs&);
void chain_avx2(const ChainArgs&);

struct ChainKernel {
  const char* name;
  Isa isa;
  void (*run)(const ChainArgs&);
};

// Fastest first; the last row runs everywhere.
inline constexpr ChainKernel kChainKernels[] = {
#if defined(__x86_64__)
    {"chain_f32_8_avx2", Isa::avx2, chain_avx2},
#endif
    {"chain_f32_scalar", Isa::scalar, chain_scalar},
};

}  // namespace xnorkit
