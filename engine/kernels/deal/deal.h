// A panel of hashed weights, made where it is used: kernels/fgemm's layout, [inputs][16 channels]. The law:
// base/hashing.h.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/cpu.h"

namespace xnorkit::deal {

constexpr int32_t kLanes = 16;

// to[i][lane] = +- values[bucket], of the weight first + lane * row_step + i (mod 2^32), hashed.
struct Panel {
  const float* values;
  uint32_t buckets, start;  // start: mix(seed)
  uint32_t first, row_step;
  int32_t inputs;
  float* to;
};

struct Kernel {
  const char* name;
  Isa isa;
  void (*run)(const Panel&);
};

void run_scalar(const Panel&);
void run_avx2(const Panel&);

// Fastest first; the last row runs everywhere.
inline constexpr Kernel kKernels[] = {
#if defined(__x86_64__)
    {"deal_f32_16_avx2", Isa::avx2, run_avx2},
#endif
    {"deal_f32_16_scalar", Isa::scalar, run_scalar},
};

}  // namespace xnorkit::deal
