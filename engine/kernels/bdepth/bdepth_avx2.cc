// 256 channels a word.
#if defined(__x86_64__)
#include "kernels/bdepth/planes.h"

namespace xnorkit::bdepth {
namespace {

typedef uint64_t Wide __attribute__((vector_size(32)));

}  // namespace

const Kernel kAvx2 = {"bdepth_b1b1i32_1x256_avx2", Isa::avx2, run_words<Wide>};

}  // namespace xnorkit::bdepth
#endif
