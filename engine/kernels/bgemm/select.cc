#include <cstring>

#include "kernels/bgemm/bgemm.h"
#include "kernels/bgemm/rows.h"

namespace xnorkit::bgemm {

const Kernel* const kKernels[] = {
    &kScalar,
#if defined(__x86_64__)
    &kPopcnt,   &kAvx2,
#endif
#if defined(XNORKIT_AVX512)
    &kAvx512bw, &kAvx512vpopcnt,
#endif
#if defined(XNORKIT_NEON)
    &kNeon,
#endif
};
const int32_t kKernelCount = sizeof kKernels / sizeof kKernels[0];

const Kernel* select(Isa isa, int64_t bits) {
  const Kernel* best = kKernels[0];
  for (const Kernel* kernel : kKernels) {
    if (kernel->isa <= isa && bits <= kernel->max_bits) best = kernel;
  }
  return best;
}

// Were there a gap in each row, kMaxUnit gaps would add up to a unit.
bool rows_join(const Kernel& kernel, int32_t channels) {
  return channels % 8 == 0 && channels <= INT32_MAX / kMaxUnit &&
         kernel.row_bytes(kMaxUnit * channels) == kMaxUnit * kernel.row_bytes(channels);
}

const Kernel* find(const char* name) {
  for (const Kernel* kernel : kKernels) {
    if (std::strcmp(kernel->name, name) == 0) return kernel;
  }
  return nullptr;
}

}  // namespace xnorkit::bgemm
