// Every loop does all of its work: the sum of its sums is what the operands say.
#include "kernels/peak/peak.h"

#include <cstring>
#include <vector>

#include "base/check.h"

namespace xnorkit {
namespace {

constexpr uint64_t kBytes = 0x0101010101010101u, kWords = 0x0000000100000001u;

// n iterations with the operands of peak_avx2.cc: a is 1..4, twice.
uint64_t lookup_sum(uint64_t n) { return 4 * 2 * (1 + 2 + 3 + 4) * n * kBytes; }

uint64_t maddubs_sum(uint64_t n) { return 4 * (4 * (1 + 2 + 3 + 4) * (5 + 6)) * n * kWords; }

uint64_t maddwd_sum(uint64_t n) { return maddubs_sum(n) / 2; }

uint64_t muladd_sum(uint64_t n) {
  uint64_t sum = 0;
  for (const float w : {.5f, .25f})
    for (const float a : {1.f, 2.f, 3.f, 4.f}) {
      const float value = static_cast<float>(n) * a * w;
      uint32_t bits;
      std::memcpy(&bits, &value, sizeof bits);
      sum += 4 * kWords * bits;
    }
  return sum;
}

uint64_t popcount_sum(uint64_t n) {
  uint64_t sum = 0;
  for (uint64_t w = 1; w <= 4; ++w) sum += 2 * n * static_cast<uint64_t>(__builtin_popcountll(0x9e3779b97f4a7c15u ^ w));
  return sum;
}

uint64_t expected(const Peak& peak, uint64_t n) {
  if (std::strstr(peak.name, "lookup")) return lookup_sum(n);
  if (std::strstr(peak.name, "maddubs")) return maddubs_sum(n);
  if (std::strstr(peak.name, "maddwd")) return maddwd_sum(n);
  if (std::strstr(peak.name, "muladd")) return muladd_sum(n);
  return popcount_sum(n);
}

void test_every_loop_does_its_work() {
  for (const Peak& peak : kPeaks) {
    if (peak.isa > detect_isa()) continue;
    for (const int64_t n : {0, 1, 2, 3})  // three lookups of 80 fit a byte
      CHECK(peak.run(n) == expected(peak, static_cast<uint64_t>(n)), "%s, %lld iterations", peak.name,
            static_cast<long long>(n));
  }
}

void test_reading_takes_every_word() {
  for (size_t count = 0; count < 40; ++count) {
    std::vector<uint64_t> words(count);
    uint64_t sum = 0;
    for (size_t i = 0; i < count; ++i) sum += words[i] = (i + 1) * (i + 1);
    CHECK(read_words(words.data(), count) == sum, "%zu words", count);
  }
}

}  // namespace
}  // namespace xnorkit

int main() {
  xnorkit::test_every_loop_does_its_work();
  xnorkit::test_reading_takes_every_word();
  return xnorkit::test::check_summary();
}
