// The 256 tables of the two-pixel look-up (derived in pairs_avx2.cc): plain data, one copy in each file that includes
// it.
#pragma once
#include <cstdint>

namespace xnorkit::bgemm {
namespace {

struct PairTables {
  alignas(64) uint8_t pair[256][16];  // T[a + 16 b][w] = popcount(a ^ w) + 16 popcount(b ^ w)

  constexpr PairTables() : pair{} {
    for (unsigned index = 0; index < 256; ++index) {
      for (unsigned w = 0; w < 16; ++w)
        pair[index][w] = static_cast<uint8_t>(bits(index % 16 ^ w) + 16 * bits(index / 16 ^ w));
    }
  }
  static constexpr unsigned bits(unsigned x) { return (x & 1) + (x >> 1 & 1) + (x >> 2 & 1) + (x >> 3 & 1); }
};
constexpr PairTables kPairTables;

}  // namespace
}  // namespace xnorkit::bgemm
