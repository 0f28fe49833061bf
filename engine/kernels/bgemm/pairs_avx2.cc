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
// Bound: a chunk of kChunk = 60 groups sums to at most 240 <= 255. After each chunk the four counts are added to 16-bit
// counters, exact while K = taps * channels <= 65534, which also leaves 65535 as a limit that no count reaches.
//
// Cost of 3 groups x 2 x 2 pixels x 64 channels: 12 shuffles + 20 adds/shifts + 6 table loads, 3072 multiply-adds.
//
// One chunk of a panel is unpacked to 4 KiB of scratch and used for the whole block, so that tables, weights, rows and
// counters of the inner loop live in L1.
#if defined(__x86_64__)
#include "kernels/bgemm/lanes_avx2.h"
#include "kernels/bgemm/pair_tables.h"

namespace xnorkit::bgemm::avx2 {
namespace {

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

inline void unpack_row(__m256i row, uint8_t (*weights)[2][kVector], int v) {
  const __m256i low = _mm256_set1_epi8(0x0f);
  save(weights[0][v], _mm256_and_si256(row, low));
  save(weights[1][v], _mm256_and_si256(_mm256_srli_epi16(row, 4), low));
}

// Groups [begin, begin + groups) of a panel, begin even. Odd rows of a panel of one tap are differences from the row
// before (a template argument: 3x3 layers would lose 1 %).
template <int V, bool Differences>
inline void unpack(const uint8_t* panel, int32_t begin, int32_t groups, Work* work) {
  constexpr size_t stride = V * kVector;
  const int32_t rows = (groups + 1) / 2, lead = begin / 2 % 2;
#pragma GCC unroll 2
  for (int v = 0; v < V; ++v) {
    const uint8_t* packed = panel + static_cast<size_t>(begin / 2) * stride + static_cast<size_t>(v) * kVector;
    const auto odd_row = [&](__m256i row, const uint8_t* before) {
      return Differences ? _mm256_xor_si256(row, load(before)) : row;
    };
    if (lead) unpack_row(odd_row(load(packed), packed - stride), work->weights, v);
    int32_t row = lead;
    for (; row + 2 <= rows; row += 2) {
      const uint8_t* even = packed + static_cast<size_t>(row) * stride;
      unpack_row(load(even), work->weights + 2 * row, v);
      unpack_row(odd_row(load(even + stride), even), work->weights + 2 * row + 2, v);
    }
    if (row < rows) unpack_row(load(packed + static_cast<size_t>(row) * stride), work->weights + 2 * row, v);
  }
}

// The byte sums of one entry x V vectors: V and X of the derivation.
template <int V>
struct Sums {
  __m256i plain[V], shifted[V];
};

// G <= 3 groups: s = T + .. + T; plain += s; shifted += s >> 4.
template <int V, int G>
[[gnu::always_inline]] inline void step(const uint16_t* offsets, const uint8_t (*weights)[2][kVector], Sums<V>* sums) {
  const uint8_t* tables = kPairTables.pair[0];
  __m256i s[V];
#pragma GCC unroll 3
  for (int g = 0; g < G; ++g) {
    const __m256i table = table_at(tables + offsets[g]);
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
      const __m256i counts = _mm256_shuffle_epi8(table, load(weights[g][v]));
      s[v] = g == 0 ? counts : _mm256_add_epi8(s[v], counts);
    }
  }
#pragma GCC unroll 2
  for (int v = 0; v < V; ++v) {
    sums->plain[v] = _mm256_add_epi8(sums->plain[v], s[v]);
    sums->shifted[v] = _mm256_add_epi8(sums->shifted[v], _mm256_srli_epi16(s[v], 4));
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

// The same for P entries, which share the weights in L1.
template <int P, int V, int G>
[[gnu::always_inline]] inline void step_all(const uint16_t* const (&offsets)[P], const uint8_t (*weights)[2][kVector],
                                            Sums<V> (&sums)[P]) {
#pragma GCC unroll 2
  for (int p = 0; p < P; ++p) step<V, G>(offsets[p], weights, &sums[p]);
}

template <int P, int V>
void tile(const Block& block, const Segment* segments, int32_t segment_count, int32_t entry, Work* work, bool first) {
  Sums<V> sums[P];
  for (int p = 0; p < P; ++p) {
    for (int v = 0; v < V; ++v) sums[p].plain[v] = sums[p].shifted[v] = _mm256_setzero_si256();
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
      step_all<P, V, 3>(offsets, weights, sums);
      for (int p = 0; p < P; ++p) offsets[p] += 3;
    }
    if (n == 2) step_all<P, V, 2>(offsets, weights, sums);
    if (n == 1) step_all<P, V, 1>(offsets, weights, sums);
    weights += n;
  }
  for (int p = 0; p < P; ++p) {
    uint16_t* counts = work->counts + static_cast<size_t>(entry + p) * 2 * V * kVectorChannels;
    for (int v = 0; v < V; ++v) {
      widen(sums[p].plain[v], sums[p].shifted[v], counts + v * kVectorChannels, counts + (V + v) * kVectorChannels,
            first);
    }
  }
}

// The size of the fewest equal parts of at most `most`, rounded up to `unit`s.
inline int32_t parts_of(int32_t total, int32_t most, int32_t unit = 6) {
  const int32_t parts = (total + most - 1) / most;
  return ((total + parts - 1) / parts + unit - 1) / unit * unit;
}

// Groups of a chunk, at most kChunk and even, best whole taps or an equal part of one: then all chunks have the same
// few segments and trip counts, and no branch is mispredicted. Chunks never pass the end of `span` groups.
struct Chunks {
  int32_t span, chunk;
};

inline Chunks chunks_of(int32_t taps, int32_t groups) {
  const int32_t total = taps * groups;
  if (groups % 2 != 0) return {total, parts_of(total, kChunk)};
  if (groups > kChunk) return {groups, parts_of(groups, kChunk)};
  return {total, parts_of(taps, kChunk / groups, 1) * groups};
}

template <int V>
void count_vectors(const Block& block, Work* work) {
  const int32_t groups = groups_of(block.channels), total = groups * block.taps;
  const Chunks chunks = chunks_of(block.taps, groups);
  Segment segments[kChunk];
  for (int32_t begin = 0; begin < total;) {
    const int32_t left = chunks.span - begin % chunks.span;
    const int32_t end = begin + (left < chunks.chunk ? left : chunks.chunk);
    const int32_t count = split(begin, end, groups, segments);
    block.taps == 1 ? unpack<V, true>(block.weights, begin, end - begin, work)
                    : unpack<V, false>(block.weights, begin, end - begin, work);
    int32_t entry = 0;
    for (; entry + 2 <= block.entries; entry += 2) tile<2, V>(block, segments, count, entry, work, begin == 0);
    if (entry < block.entries) tile<1, V>(block, segments, count, entry, work, begin == 0);
    begin = end;
  }
}

}  // namespace

void prepare_pairs(const Source* sources, int32_t count, int32_t channels, uint8_t* dst, size_t dst_stride) {
  const size_t bytes = (static_cast<size_t>(channels) + 7) / 8;
  for (int32_t i = 0; i < count; ++i) {
    prepare_one(sources[i].a, sources[i].b, bytes, dst + static_cast<size_t>(i) * dst_stride);
  }
}

void count_pairs(const Block& block, Work* work) {
  vectors_of(block.out_channels) == 2 ? count_vectors<2>(block, work) : count_vectors<1>(block, work);
}

}  // namespace xnorkit::bgemm::avx2
#endif
