// A single pixel streams the weights once (dense layers at batch 1), so tables have nothing to share. A byte of packed
// weights is 8 inputs of one channel: x = weights ^ the activation byte in all lanes, and the bits of 8 such x are
// added by carry-save adders, bit position by bit position (Harley-Seal; Mula, Kurz, Lemire, "Faster population counts
// using AVX2 instructions", 2016):  sum of popcount(x) = 8 popcount(eights) + 4 popcount(fours) + 2 popcount(twos) +
// popcount(ones). Bounds: a popcount is at most 8, so 31 of them, or 7 bytes left over and ones, fit in a byte.
//
// The adders take two bits x, y as x and x ^ y, and give their two carries in the same form: 8 operations for what two
// full adders do in 10 (Demenkov, Kojevnikov, Kulikov, Yaroslavtsev, "New upper bounds on the Boolean circuit
// complexity of symmetric functions", 2010). The panel's rows are stored in this form already (lanes_avx2.h).
#if defined(__x86_64__)
#include "kernels/bgemm/lanes_avx2.h"

namespace xnorkit::bgemm::avx2 {
namespace {

constexpr int32_t kAloneBlock = 8;   // bytes of activations to one tree
constexpr int32_t kAloneChunk = 31;  // trees to one 8-bit sum
constexpr size_t kAhead = 2048;  // bytes of weights to prefetch; from L3 6 % faster than without, half cold up to 15 %

// Two bits a, b of each place, as a and a ^ b.
struct Pair {
  __m256i one, differ;
};

// low + x + y, bit by bit: low becomes the sum, the carry is returned. Carry and sum differ where not all three agree.
inline __m256i add_pair(__m256i* low, Pair xy) {
  const __m256i mixed = _mm256_or_si256(_mm256_xor_si256(xy.one, *low), xy.differ);
  *low = _mm256_xor_si256(*low, xy.differ);
  return _mm256_xor_si256(mixed, *low);
}

// low + the four bits of two pairs: low becomes the sum, the two carries are returned. Of the second carry only its
// difference from the first is needed: carry = mixed ^ sum, twice, and mixed ^ differ leaves no `or` in the second.
inline Pair add_pairs(__m256i* low, Pair first, Pair second) {
  const __m256i middle = _mm256_xor_si256(*low, first.differ);
  const __m256i mixed = _mm256_or_si256(_mm256_xor_si256(first.one, *low), first.differ);
  const __m256i rest = _mm256_andnot_si256(second.differ, _mm256_xor_si256(second.one, middle));
  *low = _mm256_xor_si256(middle, second.differ);
  return {_mm256_xor_si256(mixed, middle), _mm256_xor_si256(mixed, rest)};
}

alignas(16) constexpr uint8_t kPopcounts[16] = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4};

inline __m256i popcount_bytes(__m256i x) {
  const __m256i low = _mm256_set1_epi8(0x0f), table = table_at(kPopcounts);
  return _mm256_add_epi8(_mm256_shuffle_epi8(table, _mm256_and_si256(x, low)),
                         _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(x, 4), low)));
}

struct Tree {
  __m256i ones, twos, fours, sum;  // sum: bytes, popcounts of eights
};

// Four bytes of activations into `ones` of V trees, which share the broadcasts: loads would be the limit otherwise.
template <int V>
[[gnu::always_inline]] inline void add4(Tree (&trees)[V], const int32_t* bytes, const uint8_t* weights,
                                        Pair (&carries)[V]) {
  __m256i a[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) a[i] = _mm256_set1_epi32(bytes[i]);
#pragma GCC unroll 2
  for (size_t v = 0; v < V; ++v) {
    __m256i x[4];
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; ++i) x[i] = _mm256_xor_si256(a[i], load(weights + (i * V + v) * kVector));
    carries[v] = add_pairs(&trees[v].ones, {x[0], x[1]}, {x[2], x[3]});
  }
}

template <int V>
[[gnu::always_inline]] inline void add8(Tree (&trees)[V], const int32_t* bytes, const uint8_t* weights) {
  Pair first[V], second[V];
  add4<V>(trees, bytes, weights, first);
  add4<V>(trees, bytes + 4, weights + 4 * V * kVector, second);
#pragma GCC unroll 2
  for (int v = 0; v < V; ++v) {
    const Pair fours = add_pairs(&trees[v].twos, first[v], second[v]);
    trees[v].sum = _mm256_add_epi8(trees[v].sum, popcount_bytes(add_pair(&trees[v].fours, fours)));
  }
}

// Adds to the 16-bit counts (even lanes, odd lanes), which stay in memory: registers are for the trees.
inline void add_bytes(uint16_t* counts, __m256i bytes, int shift) {
  const __m256i even = _mm256_and_si256(bytes, _mm256_set1_epi16(0x00ff)), odd = _mm256_srli_epi16(bytes, 8);
  save(counts, _mm256_add_epi16(load(counts), _mm256_slli_epi16(even, shift)));
  save(counts + 16, _mm256_add_epi16(load(counts + 16), _mm256_slli_epi16(odd, shift)));
}

template <int V>
void count_vectors(const Block& block, Work* work) {
  const __m256i zero = _mm256_setzero_si256();
  const int32_t* bytes = reinterpret_cast<const int32_t*>(block.rows + block.offsets[0]);
  const uint8_t* weights = block.weights;
  Tree trees[V];
  uint16_t* counts[V];
#pragma GCC unroll 2
  for (int v = 0; v < V; ++v) {
    trees[v] = {zero, zero, zero, zero};
    counts[v] = work->counts + v * kVectorChannels;
    save(counts[v], zero);
    save(counts[v] + 16, zero);
  }
  int32_t left = (block.channels + 7) / 8;
  while (left >= kAloneBlock) {
    const int32_t n = left / kAloneBlock < kAloneChunk ? left / kAloneBlock : kAloneChunk;
    for (int32_t i = 0; i < n; ++i, bytes += kAloneBlock, weights += kAloneBlock * V * kVector) {
#pragma GCC unroll 8
      for (size_t line = 0; line < kAloneBlock * V * kVector; line += 64) {
        _mm_prefetch(reinterpret_cast<const char*>(weights + kAhead + line), _MM_HINT_T0);
      }
      add8<V>(trees, bytes, weights);
    }
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
      add_bytes(counts[v], trees[v].sum, 3);
      trees[v].sum = zero;
    }
    left -= n * kAloneBlock;
  }
#pragma GCC unroll 2
  for (int v = 0; v < V; ++v) {
    __m256i rest = zero, x = zero;  // at most 7 bytes, every second one stored as its difference from the one before
    for (int32_t k = 0; k < left; ++k) {
      const __m256i row = load(weights + static_cast<size_t>(k * V + v) * kVector);
      x = _mm256_xor_si256(k % 2 == 0 ? zero : x, _mm256_xor_si256(_mm256_set1_epi32(bytes[k]), row));
      rest = _mm256_add_epi8(rest, popcount_bytes(x));
    }
    add_bytes(counts[v], _mm256_add_epi8(rest, popcount_bytes(trees[v].ones)), 0);
    add_bytes(counts[v], popcount_bytes(trees[v].twos), 1);
    add_bytes(counts[v], popcount_bytes(trees[v].fours), 2);
  }
}

}  // namespace

// Each byte in 4 copies, to be broadcast by a load, in the form of the panel's rows.
void prepare_alone(const uint8_t* a, int32_t channels, uint8_t* dst) {
  uint32_t* words = reinterpret_cast<uint32_t*>(dst);
  for (int32_t i = 0; i < (channels + 7) / 8; ++i) {
    words[i] = static_cast<uint32_t>(i % 2 == 0 ? a[i] : a[i] ^ a[i - 1]) * 0x01010101u;
  }
}

void count_alone(const Block& block, Work* work) {
  vectors_of(block.out_channels) == 2 ? count_vectors<2>(block, work) : count_vectors<1>(block, work);
}

}  // namespace xnorkit::bgemm::avx2
#endif
