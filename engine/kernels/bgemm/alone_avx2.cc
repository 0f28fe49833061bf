// A single pixel (dense layers at batch 1) streams the weights once, so tables have nothing to share. A byte of packed
// weights is 8 inputs of one channel: x = weights ^ the activation byte in all lanes, and the bits of 8 such x are
// added by carry-save adders, bit position by bit position (Harley-Seal; Mula, Kurz, Lemire, "Faster population counts
// using AVX2 instructions", 2016):  sum of popcount(x) = 8 popcount(eights) + 4 popcount(fours) + 2 popcount(twos) +
// popcount(ones). Bounds: a popcount is at most 8, so 31 of them, or 7 bytes left over and ones, fit in a byte.
#if defined(__x86_64__)
#include "kernels/bgemm/lanes_avx2.h"

namespace xnorkit::bgemm::avx2 {
namespace {

constexpr int32_t kAloneBlock = 8;   // bytes of activations to one tree
constexpr int32_t kAloneChunk = 31;  // trees to one 8-bit sum
constexpr size_t kAhead = 1024;      // bytes of weights to prefetch; the L3 then gives 77 GB/s instead of 57

// a + b + c, bit by bit: low becomes the sum, the carry is returned.
inline __m256i add3(__m256i* low, __m256i b, __m256i c) {
  const __m256i half = _mm256_xor_si256(*low, b);
  const __m256i carry = _mm256_or_si256(_mm256_and_si256(*low, b), _mm256_and_si256(half, c));
  *low = _mm256_xor_si256(half, c);
  return carry;
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

// Two of the first level and one of the second; weights `stride` bytes apart. Returns a carry of weight 4.
[[gnu::always_inline]] inline __m256i add4(Tree* tree, const int32_t* bytes, const uint8_t* weights, size_t stride) {
  __m256i x[4];
#pragma GCC unroll 4
  for (size_t i = 0; i < 4; ++i) x[i] = _mm256_xor_si256(_mm256_set1_epi32(bytes[i]), load(weights + i * stride));
  const __m256i first = add3(&tree->ones, x[0], x[1]);
  const __m256i second = add3(&tree->ones, x[2], x[3]);
  return add3(&tree->twos, first, second);
}

[[gnu::always_inline]] inline void add8(Tree* tree, const int32_t* bytes, const uint8_t* weights, size_t stride) {
  const __m256i first = add4(tree, bytes, weights, stride);
  const __m256i second = add4(tree, bytes + 4, weights + 4 * stride, stride);
  tree->sum = _mm256_add_epi8(tree->sum, popcount_bytes(add3(&tree->fours, first, second)));
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
#pragma GCC unroll 2
      for (size_t v = 0; v < V; ++v) {
        add8(&trees[v], bytes, weights + v * kVector, V * kVector);
        asm volatile("" ::: "memory");  // one tree after the other: two at once would not fit in the registers
      }
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
    __m256i rest = zero;  // at most 7 bytes
    for (int32_t k = 0; k < left; ++k) {
      const __m256i both = load(weights + static_cast<size_t>(k * V + v) * kVector);
      rest = _mm256_add_epi8(rest, popcount_bytes(_mm256_xor_si256(_mm256_set1_epi32(bytes[k]), both)));
    }
    add_bytes(counts[v], _mm256_add_epi8(rest, popcount_bytes(trees[v].ones)), 0);
    add_bytes(counts[v], popcount_bytes(trees[v].twos), 1);
    add_bytes(counts[v], popcount_bytes(trees[v].fours), 2);
  }
}

}  // namespace

// Each byte in 4 copies, to be broadcast by a load.
void prepare_alone(const uint8_t* a, int32_t channels, uint8_t* dst) {
  uint32_t* words = reinterpret_cast<uint32_t*>(dst);
  for (int32_t i = 0; i < (channels + 7) / 8; ++i) words[i] = a[i] * 0x01010101u;
}

void count_alone(const Block& block, Work* work) {
  vectors_of(block.out_channels) == 2 ? count_vectors<2>(block, work) : count_vectors<1>(block, work);
}

}  // namespace xnorkit::bgemm::avx2
#endif
