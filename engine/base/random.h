// SplitMix64: the tests' and benchmarks' source of reproducible numbers.
#pragma once
#include <cstddef>
#include <cstdint>

namespace xnorkit {

struct Random {
  uint64_t state;

  uint64_t next() {
    uint64_t z = (state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // Uniform enough in low..high.
  int32_t between(int32_t low, int32_t high) {
    const uint64_t span = static_cast<uint64_t>(int64_t{high} - low) + 1;
    return static_cast<int32_t>(low + static_cast<int64_t>(next() % span));
  }
  // count random bits, tail bits of the last byte 0.
  void fill_bits(uint8_t* dst, size_t count) {
    for (size_t i = 0; i < (count + 7) / 8; ++i) dst[i] = static_cast<uint8_t>(next());
    if (count % 8 != 0) dst[count / 8] &= static_cast<uint8_t>((1u << (count % 8)) - 1);
  }
};

}  // namespace xnorkit
