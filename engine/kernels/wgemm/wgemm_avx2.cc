// Two bytes for a subset sum of four codes: T <= 4 * 255 = 1020 = low + 32 * high with low, high <= 31, so eight groups
// of each fit a byte (8 * 31 = 248). Codes of at most four bits have T <= 60: one byte, 255 / (4 (2^bits - 1)) groups.
//
//   a group, 32 channels:   vpshufb(table, nibbles) and vpaddb, twice (low, high) or once
//   then, every such many:  vpunpck(low, high), vpmaddubsw by (1, 32): 16-bit sums, in order of channels
//   every 64 groups:        64 * 1020 = 65280 < 2^16: widened to 32 bits, shifted, taken from the result
//
// Weights are unpacked to one nibble per byte once for all pixels of a call. Registers: 2 pixels x 64 channels x (low,
// high), or 4 pixels x 64 channels of one byte, are 8 accumulators; 2 weights, 2 tables, 1 product.
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "kernels/wgemm/wgemm.h"

namespace xnorkit::wgemm {
namespace {

constexpr int32_t kChunk = 64;  // groups: their sum fits 16 unsigned bits
constexpr size_t kVector = 32;

struct Work {
  alignas(64) uint8_t weights[kChunk][2][kVector];  // a nibble per byte: lanes 0..31, 32..63
};

inline __m256i load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
inline void save(void* p, __m256i v) { _mm256_storeu_si256(static_cast<__m256i*>(p), v); }
inline __m256i table_at(const uint8_t* table) {
  return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(table)));
}

inline bool two_tables(int32_t bits) { return bits > 4; }
inline int32_t groups_per_byte(int32_t bits) { return two_tables(bits) ? 8 : 255 / (4 * ((1 << bits) - 1)); }

size_t row_bytes(int32_t groups, int32_t bits) {
  const size_t bytes = static_cast<size_t>(groups) * (two_tables(bits) ? 32 : 16);
  return kHeaderBytes + (bytes + 31) / 32 * 32;
}

// The 16 subset sums of codes 4 * kGroup .. + 3, in 16-bit lanes, entry e in lane e: bit i of e takes code i.
template <int kGroup>
inline __m256i subset_sums(__m256i sixteen) {
  const __m256i low = _mm256_set1_epi64x(0x0101010000010000);
  const __m256i high = _mm256_setr_epi64x(0, 0x0001000100010001, 0x0100010001000100, 0x0101010101010101);
  const __m256i first = _mm256_shuffle_epi8(sixteen, _mm256_set1_epi16(4 * kGroup + 256 * (4 * kGroup + 1)));
  const __m256i second = _mm256_shuffle_epi8(sixteen, _mm256_set1_epi16(4 * kGroup + 2 + 256 * (4 * kGroup + 3)));
  return _mm256_add_epi16(_mm256_maddubs_epi16(first, low), _mm256_maddubs_epi16(second, high));
}

template <int kGroup, bool kTwo>
inline void save_table(__m256i sixteen, uint8_t* tables) {
  const __m256i sums = subset_sums<kGroup>(sixteen);
  if (kTwo) {
    const __m256i low = _mm256_and_si256(sums, _mm256_set1_epi16(31)), high = _mm256_srli_epi16(sums, 5);
    const __m256i both = _mm256_permute4x64_epi64(_mm256_packus_epi16(low, high), 0xd8);
    _mm256_store_si256(reinterpret_cast<__m256i*>(tables + 32 * kGroup), both);
  } else {
    const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    _mm_store_si128(reinterpret_cast<__m128i*>(tables + 16 * kGroup), bytes);
  }
}

template <bool kTwo>
inline void prepare_row(const uint8_t* codes, int32_t channels, __m128i most, uint8_t* dst) {
  uint8_t* tables = dst + kHeaderBytes;
  __m128i total = _mm_setzero_si128();
  for (int32_t first = 0; first < channels; first += 16, tables += kTwo ? 128 : 64) {
    alignas(16) uint8_t last[16] = {};
    const uint8_t* from = codes + first;
    const int32_t left = channels - first;
    if (left < 16) from = static_cast<const uint8_t*>(memcpy(last, from, static_cast<size_t>(left)));
    const __m128i x = _mm_min_epu8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)), most);
    total = _mm_add_epi64(total, _mm_sad_epu8(x, _mm_setzero_si128()));
    const __m256i sixteen = _mm256_broadcastsi128_si256(x);
    save_table<0, kTwo>(sixteen, tables);
    if (left > 4) save_table<1, kTwo>(sixteen, tables);
    if (left > 8) save_table<2, kTwo>(sixteen, tables);
    if (left > 12) save_table<3, kTwo>(sixteen, tables);
  }
  const int32_t sum = _mm_cvtsi128_si32(total) + _mm_extract_epi32(total, 2);
  memcpy(dst, &sum, sizeof sum);
}

void prepare(const uint8_t* codes, size_t src_stride, int32_t count, int32_t channels, int32_t bits, uint8_t* dst,
             size_t dst_stride) {
  const __m128i most = _mm_set1_epi8(static_cast<char>((1 << bits) - 1));
  for (int32_t i = 0; i < count; ++i, codes += src_stride, dst += dst_stride) {
    two_tables(bits) ? prepare_row<true>(codes, channels, most, dst) : prepare_row<false>(codes, channels, most, dst);
  }
}

void unpack(const uint8_t* packed, int32_t groups, Work* work) {
  const __m256i nibble = _mm256_set1_epi8(15);
  for (int32_t g = 0; g < groups; ++g) {
    const __m256i both = load(packed + static_cast<size_t>(g) * kGroupBytes);
    save(work->weights[g][0], _mm256_and_si256(both, nibble));
    save(work->weights[g][1], _mm256_and_si256(_mm256_srli_epi16(both, 4), nibble));
  }
}

// out[0..31] -= sums << shift; sums hold channels 0-7 16-23, and 8-15 24-31.
inline void take(int32_t* out, const __m256i* sums, __m128i shift) {
  const __m128i parts[4] = {_mm256_castsi256_si128(sums[0]), _mm256_castsi256_si128(sums[1]),
                            _mm256_extracti128_si256(sums[0], 1), _mm256_extracti128_si256(sums[1], 1)};
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m256i wide = _mm256_sll_epi32(_mm256_cvtepu16_epi32(parts[i]), shift);
    save(out + 8 * i, _mm256_sub_epi32(load(out + 8 * i), wide));
  }
}

// Groups [begin, begin + count) of the flat (tap, group) order, at most kChunk, for P pixels x V vectors of 32
// channels.
template <int P, int V, bool kTwo>
inline __attribute__((always_inline)) void chunk(const Tile& t, int32_t pixel, int32_t begin, int32_t count,
                                                 const Work& work) {
  constexpr int kTableBytes = kTwo ? 32 : 16;
  const int32_t most = groups_per_byte(t.bits);
  const __m256i weights = _mm256_set1_epi16(kTwo ? 32 * 256 + 1 : 1), zero = _mm256_setzero_si256();
  __m256i sums[P][V][2];
#pragma GCC unroll 4
  for (int p = 0; p < P; ++p)
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) sums[p][v][0] = sums[p][v][1] = zero;
  const uint8_t* nibbles = work.weights[0][0];
  int32_t tap = begin / t.groups, group = begin % t.groups;
  while (count > 0) {
    __m256i low[P][V], high[P][V];
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p)
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) low[p][v] = high[p][v] = zero;
    for (int32_t room = most; room > 0 && count > 0;) {
      const uint32_t* offsets = t.offsets + static_cast<size_t>(tap) * t.offset_stride + pixel;
      const uint8_t* table[P];
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p)
        table[p] = t.rows + offsets[p] + kHeaderBytes + static_cast<size_t>(group) * kTableBytes;
      int32_t steps = t.groups - group;
      if (steps > room) steps = room;
      if (steps > count) steps = count;
      room -= steps;
      count -= steps;
      group += steps;
      if (group == t.groups) group = 0, ++tap;
      for (int32_t s = 0; s < steps; ++s, nibbles += 2 * kVector) {
        __m256i w[V];
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) w[v] = load(nibbles + v * kVector);
#pragma GCC unroll 4
        for (int p = 0; p < P; ++p) {
          const __m256i first = table_at(table[p]);
#pragma GCC unroll 2
          for (int v = 0; v < V; ++v) low[p][v] = _mm256_add_epi8(low[p][v], _mm256_shuffle_epi8(first, w[v]));
          if (kTwo) {
            const __m256i second = table_at(table[p] + 16);
#pragma GCC unroll 2
            for (int v = 0; v < V; ++v) high[p][v] = _mm256_add_epi8(high[p][v], _mm256_shuffle_epi8(second, w[v]));
          }
          table[p] += kTableBytes;
        }
      }
    }
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p)
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) {
        const __m256i a = _mm256_unpacklo_epi8(low[p][v], high[p][v]), b = _mm256_unpackhi_epi8(low[p][v], high[p][v]);
        sums[p][v][0] = _mm256_add_epi16(sums[p][v][0], kTwo ? _mm256_maddubs_epi16(a, weights) : a);
        sums[p][v][1] = _mm256_add_epi16(sums[p][v][1], kTwo ? _mm256_maddubs_epi16(b, weights) : b);
      }
  }
  const __m128i shift = _mm_cvtsi32_si128(t.shift);
#pragma GCC unroll 4
  for (int p = 0; p < P; ++p)
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) take(t.out + (pixel + p) * kPanelChannels + 32 * v, sums[p][v], shift);
}

template <int P, int V, bool kTwo>
void chunks(const Tile& t, int32_t begin, int32_t count, const Work& work) {
  int32_t pixel = 0;
  for (; pixel + P <= t.pixels; pixel += P) chunk<P, V, kTwo>(t, pixel, begin, count, work);
  for (; pixel < t.pixels; ++pixel) chunk<1, V, kTwo>(t, pixel, begin, count, work);
}

void run(const Tile& t) {
  Work* work = static_cast<Work*>(t.work);
  const int32_t groups = t.taps * t.groups;
  for (int32_t begin = 0; begin < groups; begin += kChunk) {
    const int32_t count = groups - begin < kChunk ? groups - begin : kChunk;
    unpack(t.weights + static_cast<size_t>(begin) * kGroupBytes, count, work);
    if (two_tables(t.bits)) {
      t.lanes > 32 ? chunks<2, 2, true>(t, begin, count, *work) : chunks<4, 1, true>(t, begin, count, *work);
    } else {
      t.lanes > 32 ? chunks<4, 2, false>(t, begin, count, *work) : chunks<4, 1, false>(t, begin, count, *work);
    }
  }
}

}  // namespace

const Kernel kAvx2 = {"wgemm_u8b1i32_2x64_avx2", Isa::avx2, sizeof(Work), row_bytes, prepare, run};

}  // namespace xnorkit::wgemm
#endif
