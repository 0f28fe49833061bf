// Peaks: how many multiply-adds a second this core's arithmetic units allow when nothing waits for memory. Each loop is
// the inner step of a kernel family with all operands in registers and enough independent sums to hide latencies; a
// kernel's share of its peak says what loads, tails and epilogues cost.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/cpu.h"

namespace xnorkit {

// A row of the table: run(n) does n * multiply_adds of them and returns the sum of all sums, so that none may be left
// out; peak_test.cc knows the value.
struct Peak {
  const char* name;
  Isa isa;
  const char* kind;  // of arithmetic: "binary", "int8" or "float32"
  int64_t multiply_adds;
  uint64_t (*run)(int64_t iterations);
};

uint64_t peak_popcount_scalar(int64_t iterations);
uint64_t peak_popcount_popcnt(int64_t iterations);
uint64_t peak_lookup_avx2(int64_t iterations);
uint64_t peak_maddubs_avx2(int64_t iterations);
uint64_t peak_maddwd_avx2(int64_t iterations);
uint64_t peak_muladd_avx2(int64_t iterations);

// Sum of the 64-bit words of a buffer: as fast as it can be read.
uint64_t read_words(const uint64_t* words, size_t count);

inline constexpr Peak kPeaks[] = {
#if defined(__x86_64__)
    // One vpshufb counts 4 inputs of 2 pixels for 32 channels.
    {"peak_lookup_avx2", Isa::avx2, "binary", 8 * 256, peak_lookup_avx2},
    {"peak_popcount_popcnt", Isa::popcnt, "binary", 8 * 64, peak_popcount_popcnt},
    {"peak_maddubs_avx2", Isa::avx2, "int8", 8 * 32, peak_maddubs_avx2},
    // What is exact for every uint8 x int8: maddubs adds pairs in 16 bits, where two products may not fit.
    {"peak_maddwd_avx2", Isa::avx2, "int8", 8 * 16, peak_maddwd_avx2},
    {"peak_muladd_avx2", Isa::avx2, "float32", 8 * 8, peak_muladd_avx2},
#endif
    {"peak_popcount_scalar", Isa::scalar, "binary", 8 * 64, peak_popcount_scalar},
};

}  // namespace xnorkit
