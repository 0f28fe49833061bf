// 64 channels a word, on any CPU; and the choice.
#include "kernels/bdepth/planes.h"

namespace xnorkit::bdepth {

const Kernel kScalar = {"bdepth_b1b1i32_1x64_scalar", Isa::scalar, run_words<uint64_t>};

const Kernel* const kKernels[] = {
    &kScalar,
#if defined(__x86_64__)
    &kAvx2,
#endif
};
const int32_t kKernelCount = sizeof kKernels / sizeof kKernels[0];

const Kernel* select(Isa isa) {
  const Kernel* best = kKernels[0];
  for (const Kernel* kernel : kKernels) {
    if (kernel->isa <= isa) best = kernel;
  }
  return best;
}

}  // namespace xnorkit::bdepth
