// Sums of magnitudes for XNOR-Net's K map: out[p] = (sum over c of |x[p, c]|) / channels.
//
// Order of additions, on every ISA: sixteen sums from +0, channel c added to sum c mod 16 in order; then sum l takes
// sum l + 8, l + 4, l + 2, l + 1; one division. A sum is never -0, so adding |0| for missing channels changes nothing.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/cpu.h"

namespace xnorkit {

struct AbsMeanArgs {
  const float* x;  // `pixels` rows of `channels`
  size_t pixels;
  int32_t channels;
  float* out;
};

void abs_mean_scalar(const AbsMeanArgs&);
void abs_mean_avx2(const AbsMeanArgs&);

struct AbsMeanKernel {
  const char* name;
  Isa isa;
  void (*run)(const AbsMeanArgs&);
};

// Fastest first; the last row runs everywhere.
inline constexpr AbsMeanKernel kAbsMeanKernels[] = {
#if defined(__x86_64__)
    {"abs_mean_f32_16_avx2", Isa::avx2, abs_mean_avx2},
#endif
    {"abs_mean_f32_16_scalar", Isa::scalar, abs_mean_scalar},
};

}  // namespace xnorkit
