#if defined(__x86_64__)
#include "kernels/peak/peak.h"

namespace xnorkit {

uint64_t peak_popcount_popcnt(int64_t iterations) {
  uint64_t sums[4] = {}, a = 0x9e3779b97f4a7c15u, w0 = 1, w1 = 2, w2 = 3, w3 = 4;
  for (int64_t i = 0; i < iterations; ++i) {
    for (int half = 0; half < 2; ++half) {
      asm volatile("" : "+r"(a), "+r"(w0), "+r"(w1), "+r"(w2), "+r"(w3));
      sums[0] += static_cast<uint64_t>(__builtin_popcountll(a ^ w0));
      sums[1] += static_cast<uint64_t>(__builtin_popcountll(a ^ w1));
      sums[2] += static_cast<uint64_t>(__builtin_popcountll(a ^ w2));
      sums[3] += static_cast<uint64_t>(__builtin_popcountll(a ^ w3));
    }
  }
  return sums[0] + sums[1] + sums[2] + sums[3];
}

}  // namespace xnorkit
#endif
