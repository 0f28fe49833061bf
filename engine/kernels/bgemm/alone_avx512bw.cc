// A single pixel streams the weights once, so a table has nothing to share: the carry-save adders of alone_avx2.cc, 64
// channels a register. A full adder is two ternary operations, a + b + c = (a ^ b ^ c) + 2 majority(a, b, c).
//
//   sum of popcount(x) = 8 popcount(eights) + 4 popcount(fours) + 2 popcount(twos) + popcount(ones)
//
// Bounds: a byte's popcount is at most 8, so 31 of them, or 7 bytes left over and ones, fit in a byte.
#include "base/arch.h"

#if defined(XNORKIT_AVX512)
#include "kernels/bgemm/pairs_avx512bw.h"

namespace xnorkit::bgemm::avx512bw {
namespace {

constexpr int32_t kTreeBytes = 8;  // bytes of activations to one tree
constexpr int32_t kSumTrees = 31;  // trees to one 8-bit sum
constexpr int kParity = 0x96, kMajority = 0xe8;

// low + b + c, bit by bit: low becomes the sum, the carry is returned.
inline __m512i add3(__m512i* low, __m512i b, __m512i c) {
  const __m512i carry = _mm512_ternarylogic_epi64(*low, b, c, kMajority);
  *low = _mm512_ternarylogic_epi64(*low, b, c, kParity);
  return carry;
}

alignas(16) constexpr uint8_t kPopcounts[16] = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4};

inline __m512i popcount_bytes(__m512i x) {
  const __m512i low = _mm512_set1_epi8(0x0f);
  const __m512i table = _mm512_broadcast_i32x4(_mm_load_si128(reinterpret_cast<const __m128i*>(kPopcounts)));
  return _mm512_add_epi8(_mm512_shuffle_epi8(table, _mm512_and_si512(x, low)),
                         _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi16(x, 4), low)));
}

struct Tree {
  __m512i ones, twos, fours, sum;  // sum: bytes, popcounts of eights
};

// x(i): the i-th of 8 vectors to add.
template <class X>
[[gnu::always_inline]] inline void add8(Tree* tree, X x) {
  __m512i fours[2];
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    const __m512i first = add3(&tree->ones, x(4 * i), x(4 * i + 1));
    const __m512i second = add3(&tree->ones, x(4 * i + 2), x(4 * i + 3));
    fours[i] = add3(&tree->twos, first, second);
  }
  tree->sum = _mm512_add_epi8(tree->sum, popcount_bytes(add3(&tree->fours, fours[0], fours[1])));
}

// 16-bit counts of even and odd lanes.
struct Halves {
  __m512i even, odd;
};
inline void add_bytes(Halves* counts, __m512i bytes, unsigned shift) {
  const __m512i even = _mm512_and_si512(bytes, _mm512_set1_epi16(0x00ff)), odd = _mm512_srli_epi16(bytes, 8);
  counts->even = _mm512_add_epi16(counts->even, _mm512_slli_epi16(even, shift));
  counts->odd = _mm512_add_epi16(counts->odd, _mm512_slli_epi16(odd, shift));
}

}  // namespace

// Each byte in 4 copies, to be broadcast by a load.
void prepare_alone(const uint8_t* a, int32_t channels, uint8_t* dst) {
  uint32_t* words = reinterpret_cast<uint32_t*>(dst);
  for (int32_t i = 0; i < (channels + 7) / 8; ++i) words[i] = a[i] * 0x01010101u;
}

void count_alone(const Block& block, Work* work) {
  const __m512i zero = _mm512_setzero_si512();
  const int32_t* bytes = reinterpret_cast<const int32_t*>(block.rows + block.offsets[0]);
  const uint8_t* weights = block.weights;
  const auto x = [&](int k) {
    return _mm512_xor_si512(_mm512_set1_epi32(bytes[k]), load(weights + static_cast<size_t>(k) * kVector));
  };
  Tree tree = {zero, zero, zero, zero};
  Halves counts = {zero, zero};
  int32_t left = (block.channels + 7) / 8;
  while (left >= kTreeBytes) {
    const int32_t n = left / kTreeBytes < kSumTrees ? left / kTreeBytes : kSumTrees;
    for (int32_t i = 0; i < n; ++i, bytes += kTreeBytes, weights += kTreeBytes * kVector) add8(&tree, x);
    add_bytes(&counts, tree.sum, 3);
    tree.sum = zero;
    left -= n * kTreeBytes;
  }
  __m512i rest = zero;  // at most 7 bytes
  for (int32_t k = 0; k < left; ++k) rest = _mm512_add_epi8(rest, popcount_bytes(x(k)));
  add_bytes(&counts, _mm512_add_epi8(rest, popcount_bytes(tree.ones)), 0);
  add_bytes(&counts, popcount_bytes(tree.twos), 1);
  add_bytes(&counts, popcount_bytes(tree.fours), 2);
  save(work->counts, counts.even);
  save(work->counts + 32, counts.odd);
}

}  // namespace xnorkit::bgemm::avx512bw
#endif
