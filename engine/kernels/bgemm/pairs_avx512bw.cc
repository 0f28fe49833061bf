// The two-pixel look-up of pairs_avx2.cc, 64 channels a register: 8 pixels x 64 channels. The table, the two byte sums
// (s, and s >> 4 as 16-bit lanes) and the bounds are derived there; in short, with s = T + T + T over three groups,
//
//   V = sum of s, X = sum of (s >> 4), bytes mod 256;   H1 = X1;  L1 = V1 - 16 H1;  H0 = X0 - 16 L1;  L0 = V0 - 16 H0
//
// where L and H are the counts of an entry's first and second pixel, even lanes 0 and odd lanes 1, each at most 248.
//
// Cost of 3 groups x 8 pixels x 64 channels: 12 shuffles (p5), 20 adds and shifts (p0, p5), 15 loads: 16 cycles for
// 6144 multiply-adds, 384 a cycle. Registers: 8 sums, 3 weights, 2 temporaries.
#include "base/arch.h"

#if defined(XNORKIT_AVX512)
#include "kernels/bgemm/pair_tables.h"
#include "kernels/bgemm/pairs_avx512bw.h"

namespace xnorkit::bgemm::avx512bw {
namespace {

inline __m128i load16(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }

// Offsets of T for 16 bytes of two pixels: nibbles interleave to group order, times 16 bytes.
inline void prepare_bytes(__m128i a, __m128i b, uint8_t* dst) {
  const __m128i low = _mm_set1_epi8(0x0f);
  const __m128i even = _mm_or_si128(_mm_and_si128(a, low), _mm_slli_epi16(_mm_and_si128(b, low), 4));
  const __m128i odd = _mm_or_si128(_mm_and_si128(_mm_srli_epi16(a, 4), low), _mm_andnot_si128(low, b));
  const __m256i first = _mm256_slli_epi16(_mm256_cvtepu8_epi16(_mm_unpacklo_epi8(even, odd)), 4);
  const __m256i second = _mm256_slli_epi16(_mm256_cvtepu8_epi16(_mm_unpackhi_epi8(even, odd)), 4);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst), first);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + 32), second);
}

inline void prepare_one(const uint8_t* a, const uint8_t* b, size_t bytes, uint8_t* dst) {
  const __m128i zero = _mm_setzero_si128();
  size_t i = 0;
  for (; i + 16 <= bytes; i += 16) prepare_bytes(a ? load16(a + i) : zero, b ? load16(b + i) : zero, dst + i * 4);
  if (i == bytes) return;
  uint8_t left[16] = {}, right[16] = {}, offsets[64];
  if (a != nullptr) memcpy(left, a + i, bytes - i);
  if (b != nullptr) memcpy(right, b + i, bytes - i);
  prepare_bytes(load16(left), load16(right), offsets);
  memcpy(dst + i * 4, offsets, (bytes - i) * 4);
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

inline void unpack(const uint8_t* packed, int32_t groups, Work* work) {
  const __m512i low = _mm512_set1_epi8(0x0f);
  for (int32_t g = 0; g < groups; g += 2, packed += kVector) {
    const __m512i both = load(packed);
    save(work->weights[g], _mm512_and_si512(both, low));
    save(work->weights[g + 1], _mm512_and_si512(_mm512_srli_epi16(both, 4), low));
  }
}

// The byte sums of P entries: V and X of the derivation.
template <int P>
struct Sums {
  __m512i plain[P], shifted[P];
};

// G <= 3 groups: s = T + .. + T; plain += s; shifted += s >> 4.
template <int P, int G>
[[gnu::always_inline]] inline void step(const uint16_t* const (&offsets)[P], const uint8_t (*weights)[kVector],
                                        Sums<P>& sums) {
  const uint8_t* tables = kPairTables.pair[0];
  __m512i w[G];
#pragma GCC unroll 3
  for (int g = 0; g < G; ++g) w[g] = load(weights[g]);
#pragma GCC unroll 4
  for (int p = 0; p < P; ++p) {
    __m512i s = _mm512_setzero_si512();
#pragma GCC unroll 3
    for (int g = 0; g < G; ++g) {
      const __m512i table = _mm512_broadcast_i32x4(load16(tables + offsets[p][g]));
      const __m512i counts = _mm512_shuffle_epi8(table, w[g]);
      s = g == 0 ? counts : _mm512_add_epi8(s, counts);
    }
    sums.plain[p] = _mm512_add_epi8(sums.plain[p], s);
    sums.shifted[p] = _mm512_add_epi8(sums.shifted[p], _mm512_srli_epi16(s, 4));
  }
}

// Adds (or, in the first chunk, writes) the 64 counts of both pixels of an entry.
inline void widen(__m512i plain, __m512i shifted, uint16_t* counts, bool first) {
  const __m512i low = _mm512_set1_epi16(0x00ff);
  const __m512i h1 = _mm512_srli_epi16(shifted, 8);
  const __m512i v = _mm512_sub_epi16(plain, _mm512_slli_epi16(h1, 12));  // high byte: V1 - 16 H1
  const __m512i l1 = _mm512_srli_epi16(v, 8);
  const __m512i h0 = _mm512_and_si512(_mm512_sub_epi16(shifted, _mm512_slli_epi16(l1, 4)), low);
  const __m512i l0 = _mm512_and_si512(_mm512_sub_epi16(v, _mm512_slli_epi16(h0, 4)), low);
  const __m512i sums[4] = {l0, l1, h0, h1};
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i, counts += 32) {
    save(counts, first ? sums[i] : _mm512_add_epi16(load(counts), sums[i]));
  }
}

template <int P>
void tile(const Block& block, const Segment* segments, int32_t segment_count, int32_t entry, Work* work, bool first) {
  Sums<P> sums;
#pragma GCC unroll 4
  for (int p = 0; p < P; ++p) sums.plain[p] = sums.shifted[p] = _mm512_setzero_si512();
  const uint8_t (*weights)[kVector] = work->weights;
  for (int32_t i = 0; i < segment_count; ++i) {
    const uint16_t* offsets[P];
    const uint32_t* rows = block.offsets + static_cast<size_t>(segments[i].tap) * block.offset_stride + entry;
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) {
      offsets[p] = reinterpret_cast<const uint16_t*>(block.rows + rows[p]) + segments[i].first;
    }
    int32_t n = segments[i].groups;
    for (; n >= 3; n -= 3, weights += 3) {
      step<P, 3>(offsets, weights, sums);
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) offsets[p] += 3;
    }
    if (n == 2) step<P, 2>(offsets, weights, sums);
    if (n == 1) step<P, 1>(offsets, weights, sums);
    weights += n;
  }
#pragma GCC unroll 4
  for (int p = 0; p < P; ++p) {
    widen(sums.plain[p], sums.shifted[p], work->counts + static_cast<size_t>(entry + p) * 2 * kPanelChannels, first);
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
  const int32_t groups = (block.channels + 3) / 4, total = groups * block.taps;
  const int32_t chunks = (total + kChunk - 1) / kChunk;
  const int32_t chunk = ((total + chunks - 1) / chunks + 1) / 2 * 2;
  Segment segments[kChunk];
  for (int32_t begin = 0; begin < total; begin += chunk) {
    const int32_t end = begin + chunk < total ? begin + chunk : total;
    const int32_t count = split(begin, end, groups, segments);
    unpack(block.weights + static_cast<size_t>(begin / 2) * kVector, end - begin, work);
    int32_t entry = 0;
    for (; entry + 4 <= block.entries; entry += 4) tile<4>(block, segments, count, entry, work, begin == 0);
    for (; entry + 2 <= block.entries; entry += 2) tile<2>(block, segments, count, entry, work, begin == 0);
    if (entry < block.entries) tile<1>(block, segments, count, entry, work, begin == 0);
  }
}

}  // namespace xnorkit::bgemm::avx512bw
#endif
