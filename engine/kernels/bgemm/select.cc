#include <cstring>

#include "kernels/bgemm/bgemm.h"
#include "kernels/bgemm/rows.h"

namespace xnorkit::bgemm {

const Kernel* const kKernels[] = {
    &kScalar,
#if defined(__x86_64__)
    &kPopcnt,
    &kAvx2,
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

const Kernel* find(const char* name) {
  for (const Kernel* kernel : kKernels) {
    if (std::strcmp(kernel->name, name) == 0) return kernel;
  }
  return nullptr;
}

}  // namespace xnorkit::bgemm
