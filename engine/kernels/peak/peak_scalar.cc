#include "kernels/peak/peak.h"

namespace xnorkit {

uint64_t peak_popcount_scalar(int64_t iterations) {
  uint64_t sums[4] = {}, a = 0x9e3779b97f4a7c15u;
  for (int64_t i = 0; i < iterations; ++i) {
    asm volatile("" : "+r"(a));  // new for all the compiler knows: nothing may leave the loop
    for (uint64_t k = 0; k < 8; ++k) sums[k % 4] += static_cast<uint64_t>(__builtin_popcountll(a ^ (1 + k % 4)));
  }
  return sums[0] + sums[1] + sums[2] + sums[3];
}

uint64_t read_words(const uint64_t* words, size_t count) {
  uint64_t sums[8] = {};
  size_t i = 0;
  for (; i + 8 <= count; i += 8)
    for (size_t k = 0; k < 8; ++k) sums[k] += words[i + k];
  for (; i < count; ++i) sums[0] += words[i];
  for (size_t k = 1; k < 8; ++k) sums[0] += sums[k];
  return sums[0];
}

}  // namespace xnorkit
