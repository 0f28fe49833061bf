// The two hashes of HashedNets. The law: reference/hashing.py.
#pragma once
#include <cstdint>

namespace xnorkit {

// MurmurHash3's finalizer, a bijection of 32-bit words.
constexpr uint32_t mix(uint32_t x) {
  x = (x ^ x >> 16) * 0x85EBCA6Bu;
  x = (x ^ x >> 13) * 0xC2B2AE35u;
  return x ^ x >> 16;
}

struct Dealt {
  uint32_t bucket;
  bool negative;
};

// Of weight `index`; start = mix(seed).
constexpr Dealt dealt(uint32_t index, uint32_t start, uint32_t buckets) {
  const uint32_t x = start + index;
  return {static_cast<uint32_t>(uint64_t{mix(x)} * buckets >> 32), (mix(~x) >> 31) != 0};
}

}  // namespace xnorkit
