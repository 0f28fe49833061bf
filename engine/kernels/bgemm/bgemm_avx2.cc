// Table look-up binary GEMM, two pixels to a table: 4 pixels x 64 channels.
//
// Lanes are output channels, one byte each. A group is 4 inputs. For the nibbles a, b of one group of two pixels, the
// 16-byte table
//
//   T[a, b][w] = popcount(a ^ w) + 16 * popcount(b ^ w)
//
// answers for any weight nibble w, so one vpshufb counts 4 inputs x 32 channels x 2 pixels. A prepared row holds, per
// group, the byte offset of T[a, b] in the 256 tables (4 KiB), so the loop does no bit work on activations.
//
// Three groups add up to at most 12 in each nibble: s = T + T + T, byte = L + 16 H, no carry. Splitting every s into
// nibbles would cost two masks; instead two byte sums run, of s and of s shifted right by 4 as 16-bit lanes:
//
//   16-bit lane of s: bytes s0 = L0 + 16 H0 (low), s1 = L1 + 16 H1 (high).   s >> 4: low byte H0 + 16 L1, high byte H1
//   V = sum of s, X = sum of (s >> 4), all bytes mod 256; below, L0 H0 L1 H1 are the sums wanted, each at most 255
//   H1 = X1;   L1 = V1 - 16 H1;   H0 = X0 - 16 L1;   L0 = V0 - 16 H0          (mod 256: exact)
//
// Bound: a chunk of kChunk = 62 groups sums to at most 248 <= 255. After each chunk the four counts are added to 16-bit
// counters, exact while K = taps * channels <= 65534, which also leaves 65535 as a limit that no count reaches.
//
// Cost of 3 groups x 2 x 2 pixels x 64 channels: 12 shuffles + 20 adds/shifts + 6 table loads, 3072 multiply-adds.
//
// Weights stay packed, two groups a byte; one chunk of a panel is unpacked to 4 KiB of scratch and used for the whole
// block, so tables, weights, rows and counters of the inner loop live in L1.
//
// Lane order: the 16-bit split sends even bytes and odd bytes to different registers, and packs/movemask interleave
// 128-bit halves. Channel c of 32 sits in byte 16 * (c / 16) + 2 * (c % 8) + (c / 8) % 2; then even bytes are channels
// 0-7 16-23, odd bytes 8-15 24-31, and everything is stored in channel order without a permutation.
#include "kernels/bgemm/rows.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

namespace xnorkit::bgemm {
namespace {

constexpr int32_t kChunk = 62;  // groups; even, because a byte of packed weights holds two
constexpr int32_t kVectorChannels = 32;
constexpr size_t kVector = 32;

struct Tables {
  alignas(64) uint8_t pair[256][16];  // T[a + 16 b][w]
  alignas(64) uint8_t single[16];     // popcount(w)

  constexpr Tables() : pair{}, single{} {
    for (unsigned index = 0; index < 256; ++index) {
      for (unsigned w = 0; w < 16; ++w)
        pair[index][w] = static_cast<uint8_t>(bits(index % 16 ^ w) + 16 * bits(index / 16 ^ w));
    }
    for (unsigned w = 0; w < 16; ++w) single[w] = static_cast<uint8_t>(bits(w));
  }
  static constexpr unsigned bits(unsigned x) { return (x & 1) + (x >> 1 & 1) + (x >> 2 & 1) + (x >> 3 & 1); }
};
constexpr Tables kTables;

inline int32_t groups_of(int32_t channels) { return (channels + 3) / 4; }
inline int32_t vectors_of(int32_t out_channels) { return out_channels > kVectorChannels ? 2 : 1; }
inline __m256i load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
inline void save(void* p, __m256i v) { _mm256_storeu_si256(static_cast<__m256i*>(p), v); }
inline __m256i table_at(const uint8_t* table) {
  return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(table)));
}

// One uint16 offset per nibble, whole bytes.
size_t row_bytes(int32_t channels) { return (static_cast<size_t>(channels) + 7) / 8 * 4; }

// Panel: (groups of all taps / 2, vectors, 32) bytes; low nibble = even group.
size_t panel_bytes(int32_t taps, int32_t channels, int32_t out_channels) {
  const size_t groups = static_cast<size_t>(taps) * static_cast<size_t>(groups_of(channels));
  return (groups + 1) / 2 * static_cast<size_t>(vectors_of(out_channels)) * kVector;
}

struct Work {
  alignas(64) uint8_t weights[kChunk][2][kVector];                  // one chunk of the panel, a nibble per byte
  alignas(64) uint16_t counts[kBlockEntries * 2 * kPanelChannels];  // (entries, 2 pixels, vectors, even | odd, 16)
};

size_t work_bytes() { return sizeof(Work); }

void pack(const uint8_t* rows, int32_t taps, int32_t channels, int32_t out_channels, uint8_t* dst) {
  const size_t row = (static_cast<size_t>(channels) + 7) / 8;
  const size_t groups = static_cast<size_t>(groups_of(channels));
  const size_t vectors = static_cast<size_t>(vectors_of(out_channels));
  for (size_t o = 0; o < static_cast<size_t>(out_channels); ++o) {
    const size_t c = o % kVectorChannels;
    const size_t lane = o / kVectorChannels * kVector + 16 * (c / 16) + 2 * (c % 8) + c / 8 % 2;
    for (size_t tap = 0; tap < static_cast<size_t>(taps); ++tap) {
      const uint8_t* bytes = rows + (o * static_cast<size_t>(taps) + tap) * row;
      for (size_t g = 0; g < groups; ++g) {
        const size_t flat = tap * groups + g;
        const unsigned nibble = static_cast<unsigned>(bytes[g / 2]) >> (4 * (g % 2)) & 15u;
        dst[flat / 2 * vectors * kVector + lane] |= static_cast<uint8_t>(nibble << (4 * (flat % 2)));
      }
    }
  }
}

// Offsets of T for 16 (or the low 8) bytes of two pixels: nibbles interleave to group order, times 16 bytes.
inline void prepare_bytes(__m128i a, __m128i b, uint8_t* dst, bool both_halves) {
  const __m128i low = _mm_set1_epi8(0x0f);
  const __m128i even = _mm_or_si128(_mm_and_si128(a, low), _mm_slli_epi16(_mm_and_si128(b, low), 4));
  const __m128i odd = _mm_or_si128(_mm_and_si128(_mm_srli_epi16(a, 4), low), _mm_andnot_si128(low, b));
  save(dst, _mm256_slli_epi16(_mm256_cvtepu8_epi16(_mm_unpacklo_epi8(even, odd)), 4));
  if (both_halves) save(dst + 32, _mm256_slli_epi16(_mm256_cvtepu8_epi16(_mm_unpackhi_epi8(even, odd)), 4));
}

inline void prepare_one(const uint8_t* a, const uint8_t* b, size_t bytes, uint8_t* dst) {
  const __m128i zero = _mm_setzero_si128();
  size_t i = 0;
  for (; i + 16 <= bytes; i += 16) {
    const __m128i left = a ? _mm_loadu_si128(reinterpret_cast<const __m128i*>(a + i)) : zero;
    const __m128i right = b ? _mm_loadu_si128(reinterpret_cast<const __m128i*>(b + i)) : zero;
    prepare_bytes(left, right, dst + i * 4, true);
  }
  for (; i + 8 <= bytes; i += 8) {
    const __m128i left = a ? _mm_loadl_epi64(reinterpret_cast<const __m128i*>(a + i)) : zero;
    const __m128i right = b ? _mm_loadl_epi64(reinterpret_cast<const __m128i*>(b + i)) : zero;
    prepare_bytes(left, right, dst + i * 4, false);
  }
  uint16_t* offsets = reinterpret_cast<uint16_t*>(dst);
  for (; i < bytes; ++i) {
    const unsigned left = a ? a[i] : 0u, right = b ? b[i] : 0u;
    offsets[2 * i] = static_cast<uint16_t>(((left & 15u) | (right & 15u) << 4) * 16);
    offsets[2 * i + 1] = static_cast<uint16_t>(((left >> 4) | (right & 0xf0u)) * 16);
  }
}

void prepare(const Source* sources, int32_t count, int32_t channels, uint8_t* dst, size_t dst_stride) {
  const size_t bytes = (static_cast<size_t>(channels) + 7) / 8;
  for (int32_t i = 0; i < count; ++i) {
    prepare_one(sources[i].a, sources[i].b, bytes, dst + static_cast<size_t>(i) * dst_stride);
  }
}

// Part of a chunk inside one tap.
struct Segment {
  int32_t tap, first, groups;
};

// Groups [begin, end) of the panel, counted over all taps, as segments.
inline int32_t split(int32_t begin, int32_t end, int32_t groups, Segment* segments) {
  int32_t count = 0;
  for (int32_t g = begin; g < end; ++count) {
    const int32_t tap = g / groups, first = g - tap * groups;
    const int32_t n = groups - first < end - g ? groups - first : end - g;
    segments[count] = {tap, first, n};
    g += n;
  }
  return count;
}

template <int V>
inline void unpack(const uint8_t* packed, int32_t groups, Work* work) {
  const __m256i low = _mm256_set1_epi8(0x0f);
  for (int32_t g = 0; g < groups; g += 2) {
    for (int v = 0; v < V; ++v) {
      const __m256i both = load(packed + (static_cast<size_t>(g / 2) * V + static_cast<size_t>(v)) * kVector);
      save(work->weights[g][v], _mm256_and_si256(both, low));
      save(work->weights[g + 1][v], _mm256_and_si256(_mm256_srli_epi16(both, 4), low));
    }
  }
}

// The byte sums of P entries x V vectors: V and X of the derivation.
template <int P, int V>
struct Sums {
  __m256i plain[P][V], shifted[P][V];
};

// G <= 3 groups: s = T + .. + T; plain += s; shifted += s >> 4.
template <int P, int V, int G>
[[gnu::always_inline]] inline void step(const uint16_t* const (&offsets)[P], const uint8_t (*weights)[2][kVector],
                                        Sums<P, V>& sums) {
  const uint8_t* tables = kTables.pair[0];
#pragma GCC unroll 2
  for (int p = 0; p < P; ++p) {
    __m256i s[V];
#pragma GCC unroll 3
    for (int g = 0; g < G; ++g) {
      const __m256i table = table_at(tables + offsets[p][g]);
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) {
        const __m256i counts = _mm256_shuffle_epi8(table, load(weights[g][v]));
        s[v] = g == 0 ? counts : _mm256_add_epi8(s[v], counts);
      }
    }
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
      sums.plain[p][v] = _mm256_add_epi8(sums.plain[p][v], s[v]);
      sums.shifted[p][v] = _mm256_add_epi8(sums.shifted[p][v], _mm256_srli_epi16(s[v], 4));
    }
  }
}

// Adds (or, in the first chunk, writes) the four 16-bit counts of one entry and vector.
inline void widen(__m256i plain, __m256i shifted, uint16_t* left, uint16_t* right, bool first) {
  const __m256i low = _mm256_set1_epi16(0x00ff);
  const __m256i h1 = _mm256_srli_epi16(shifted, 8);
  const __m256i v = _mm256_sub_epi16(plain, _mm256_slli_epi16(h1, 12));  // high byte: V1 - 16 H1
  const __m256i l1 = _mm256_srli_epi16(v, 8);
  const __m256i h0 = _mm256_and_si256(_mm256_sub_epi16(shifted, _mm256_slli_epi16(l1, 4)), low);
  const __m256i l0 = _mm256_and_si256(_mm256_sub_epi16(v, _mm256_slli_epi16(h0, 4)), low);
  const __m256i counts[4] = {l0, l1, h0, h1};
  uint16_t* const at[4] = {left, left + 16, right, right + 16};
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) save(at[i], first ? counts[i] : _mm256_add_epi16(load(at[i]), counts[i]));
}

template <int P, int V>
void tile(const Block& block, const Segment* segments, int32_t segment_count, int32_t entry, Work* work, bool first) {
  Sums<P, V> sums;
  for (int p = 0; p < P; ++p) {
    for (int v = 0; v < V; ++v) sums.plain[p][v] = sums.shifted[p][v] = _mm256_setzero_si256();
  }
  const uint8_t (*weights)[2][kVector] = work->weights;
  for (int32_t i = 0; i < segment_count; ++i) {
    const uint16_t* offsets[P];
    const uint32_t* rows = block.offsets + static_cast<size_t>(segments[i].tap) * block.offset_stride + entry;
    for (int p = 0; p < P; ++p) {
      offsets[p] = reinterpret_cast<const uint16_t*>(block.rows + rows[p]) + segments[i].first;
    }
    int32_t n = segments[i].groups;
    for (; n >= 3; n -= 3, weights += 3) {
      step<P, V, 3>(offsets, weights, sums);
      for (int p = 0; p < P; ++p) offsets[p] += 3;
    }
    if (n == 2) step<P, V, 2>(offsets, weights, sums);
    if (n == 1) step<P, V, 1>(offsets, weights, sums);
    weights += n;
  }
  for (int p = 0; p < P; ++p) {
    uint16_t* counts = work->counts + static_cast<size_t>(entry + p) * 2 * V * kVectorChannels;
    for (int v = 0; v < V; ++v) {
      widen(sums.plain[p][v], sums.shifted[p][v], counts + v * kVectorChannels, counts + (V + v) * kVectorChannels,
            first);
    }
  }
}

template <int V>
void count_pairs(const Block& block, Work* work) {
  const int32_t groups = groups_of(block.channels), total = groups * block.taps;
  const int32_t chunks = (total + kChunk - 1) / kChunk;
  const int32_t chunk = ((total + chunks - 1) / chunks + 1) / 2 * 2;
  Segment segments[kChunk];
  for (int32_t begin = 0; begin < total; begin += chunk) {
    const int32_t end = begin + chunk < total ? begin + chunk : total;
    const int32_t count = split(begin, end, groups, segments);
    unpack<V>(block.weights + static_cast<size_t>(begin / 2) * V * kVector, end - begin, work);
    int32_t entry = 0;
    for (; entry + 2 <= block.entries; entry += 2) tile<2, V>(block, segments, count, entry, work, begin == 0);
    if (entry < block.entries) tile<1, V>(block, segments, count, entry, work, begin == 0);
  }
}

// A single pixel (dense layers at batch 1) streams the weights once, so tables have nothing to share. A byte of packed
// weights is 8 inputs of one channel: x = weights ^ the activation byte in all lanes, and the bits of 8 such x are
// added by carry-save adders, bit position by bit position (Harley-Seal; Mula, Kurz, Lemire, "Faster population counts
// using AVX2 instructions", 2016):  sum of popcount(x) = 8 popcount(eights) + 4 popcount(fours) + 2 popcount(twos) +
// popcount(ones). Bounds: a popcount is at most 8, so 31 of them, or 7 bytes left over and ones, fit in a byte.
constexpr int32_t kAloneBlock = 8;   // bytes of activations to one tree
constexpr int32_t kAloneChunk = 31;  // trees to one 8-bit sum

// a + b + c, bit by bit: low becomes the sum, the carry is returned.
inline __m256i add3(__m256i* low, __m256i b, __m256i c) {
  const __m256i half = _mm256_xor_si256(*low, b);
  const __m256i carry = _mm256_or_si256(_mm256_and_si256(*low, b), _mm256_and_si256(half, c));
  *low = _mm256_xor_si256(half, c);
  return carry;
}

inline __m256i popcount_bytes(__m256i x) {
  const __m256i low = _mm256_set1_epi8(0x0f), table = table_at(kTables.single);
  return _mm256_add_epi8(_mm256_shuffle_epi8(table, _mm256_and_si256(x, low)),
                         _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(x, 4), low)));
}

// Each byte in 4 copies, to be broadcast by a load.
void prepare_alone(const uint8_t* a, int32_t channels, uint8_t* dst) {
  uint32_t* words = reinterpret_cast<uint32_t*>(dst);
  for (int32_t i = 0; i < (channels + 7) / 8; ++i) words[i] = a[i] * 0x01010101u;
}

struct Tree {
  __m256i ones, twos, fours, sum;  // sum: bytes, popcounts of eights
};

// x(i): the i-th of 8 vectors to add.
template <class X>
[[gnu::always_inline]] inline void add8(Tree* tree, X x) {
  __m256i fours[2];
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    const __m256i first = add3(&tree->ones, x(4 * i), x(4 * i + 1));
    const __m256i second = add3(&tree->ones, x(4 * i + 2), x(4 * i + 3));
    fours[i] = add3(&tree->twos, first, second);
  }
  tree->sum = _mm256_add_epi8(tree->sum, popcount_bytes(add3(&tree->fours, fours[0], fours[1])));
}

// 16-bit counts of even and odd lanes.
struct Halves {
  __m256i even, odd;
};
inline void add_bytes(Halves* counts, __m256i bytes, int shift) {
  const __m256i even = _mm256_and_si256(bytes, _mm256_set1_epi16(0x00ff)), odd = _mm256_srli_epi16(bytes, 8);
  counts->even = _mm256_add_epi16(counts->even, _mm256_slli_epi16(even, shift));
  counts->odd = _mm256_add_epi16(counts->odd, _mm256_slli_epi16(odd, shift));
}

template <int V>
void count_alone(const Block& block, Work* work) {
  const __m256i zero = _mm256_setzero_si256();
  const int32_t* bytes = reinterpret_cast<const int32_t*>(block.rows + block.offsets[0]);
  const uint8_t* weights = block.weights;
  Tree trees[V];
  Halves counts[V];
  for (int v = 0; v < V; ++v) trees[v] = {zero, zero, zero, zero}, counts[v] = {zero, zero};
  int32_t left = (block.channels + 7) / 8;
  while (left >= kAloneBlock) {
    const int32_t n = left / kAloneBlock < kAloneChunk ? left / kAloneBlock : kAloneChunk;
    for (int32_t i = 0; i < n; ++i, bytes += kAloneBlock, weights += kAloneBlock * V * kVector) {
      for (int v = 0; v < V; ++v) {
        add8(&trees[v], [&](int k) {
          return _mm256_xor_si256(_mm256_set1_epi32(bytes[k]),
                                  load(weights + static_cast<size_t>(k * V + v) * kVector));
        });
      }
    }
    for (int v = 0; v < V; ++v) {
      add_bytes(&counts[v], trees[v].sum, 3);
      trees[v].sum = zero;
    }
    left -= n * kAloneBlock;
  }
  for (int v = 0; v < V; ++v) {
    __m256i rest = zero;  // at most 7 bytes
    for (int32_t k = 0; k < left; ++k) {
      const __m256i both = load(weights + static_cast<size_t>(k * V + v) * kVector);
      rest = _mm256_add_epi8(rest, popcount_bytes(_mm256_xor_si256(_mm256_set1_epi32(bytes[k]), both)));
    }
    add_bytes(&counts[v], _mm256_add_epi8(rest, popcount_bytes(trees[v].ones)), 0);
    add_bytes(&counts[v], popcount_bytes(trees[v].twos), 1);
    add_bytes(&counts[v], popcount_bytes(trees[v].fours), 2);
    save(work->counts + v * kVectorChannels, counts[v].even);
    save(work->counts + v * kVectorChannels + 16, counts[v].odd);
  }
}

// pc >= limit in unsigned 16-bit lanes: the saturated difference limit - pc is 0.
inline uint32_t threshold_bits(const uint16_t* counts, const uint8_t* limits) {
  const __m256i a = load(limits), b = load(limits + 32), zero = _mm256_setzero_si256();
  const __m256i even = _mm256_subs_epu16(_mm256_permute2x128_si256(a, b, 0x20), load(counts));
  const __m256i odd = _mm256_subs_epu16(_mm256_permute2x128_si256(a, b, 0x31), load(counts + 16));
  const __m256i mask = _mm256_packs_epi16(_mm256_cmpeq_epi16(even, zero), _mm256_cmpeq_epi16(odd, zero));
  return static_cast<uint32_t>(_mm256_movemask_epi8(mask));
}

template <int V>
inline void store_bits(const Block& block, const uint8_t* limits, const uint16_t* counts, uint8_t* out) {
  uint64_t bits = threshold_bits(counts, limits);
  if (V == 2) bits |= static_cast<uint64_t>(threshold_bits(counts + kVectorChannels, limits + 64)) << 32;
  bits ^= block.flip;
  if (block.out_channels == kPanelChannels) {
    memcpy(out, &bits, 8);
    return;
  }
  bits &= (uint64_t{1} << block.out_channels) - 1;
  memcpy(out, &bits, static_cast<size_t>(block.out_channels + 7) / 8);
}

// acc = edge - 2 * pc for 8 channels, then int32 or float32 (product rounded, then sum rounded).
inline __m256i values8(const Block& block, const uint8_t* edge, __m128i counts, int32_t first) {
  const __m256i twice = _mm256_slli_epi32(_mm256_cvtepu16_epi32(counts), 1);
  const __m256i acc = _mm256_sub_epi32(load(edge + first * 4), twice);
  if (block.store == Store::i32) return acc;
  const __m256 product = _mm256_mul_ps(_mm256_cvtepi32_ps(acc), _mm256_loadu_ps(block.scale + first));
  return _mm256_castps_si256(_mm256_add_ps(product, _mm256_loadu_ps(block.bias + first)));
}

inline void store_values(const Block& block, const uint8_t* edge, const uint16_t* counts, uint8_t* out) {
  for (int32_t first = 0; first < block.out_channels; first += 8, out += kVector) {
    const int32_t vector = first / kVectorChannels,
                  part = first / 8 % 4;  // part: even low, odd low, even high, odd high
    const uint16_t* at = counts + vector * kVectorChannels + part % 2 * 16 + part / 2 * 8;
    const __m256i values = values8(block, edge, _mm_loadu_si128(reinterpret_cast<const __m128i*>(at)), first);
    const int32_t left = block.out_channels - first;
    if (left >= 8) {
      save(out, values);
    } else {
      alignas(32) uint8_t bytes[kVector];
      save(bytes, values);
      memcpy(out, bytes, static_cast<size_t>(left) * 4);
    }
  }
}

template <int V>
void run_panel(const Block& block) {
  Work* work = static_cast<Work*>(block.work);
  block.alone ? count_alone<V>(block, work) : count_pairs<V>(block, work);
  const uint16_t* counts = work->counts;
  for (int32_t i = 0; i < block.entries * 2; ++i, counts += V * kVectorChannels) {
    if (block.pixels[i] < 0) continue;
    const uint8_t* edge = block.edges + static_cast<size_t>(block.classes[i]) * block.edge_stride;
    uint8_t* out = block.out + static_cast<size_t>(block.pixels[i]) * block.out_stride;
    block.store == Store::bits ? store_bits<V>(block, edge, counts, out) : store_values(block, edge, counts, out);
  }
}

void run(const Block& block) { vectors_of(block.out_channels) == 2 ? run_panel<2>(block) : run_panel<1>(block); }

}  // namespace

const Kernel kAvx2 = {
    "bgemm_b1b1i32_4x64_avx2",
    Isa::avx2,
    2,
    2,
    65534,
    row_bytes,
    panel_bytes,
    work_bytes,
    pack,
    prepare,
    prepare_alone,
    run,
};

}  // namespace xnorkit::bgemm
#endif
