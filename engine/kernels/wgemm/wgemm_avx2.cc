// Two bytes for a subset sum of four codes: T <= 4 * 255 = 1020 = low + 32 * high with low, high <= 31, so eight groups
// of each fit a byte (8 * 31 = 248). Codes of at most four bits have T <= 60: one byte, 255 / (4 (2^bits - 1)) groups.
//
//   a group, 32 channels:   vpshufb(table, nibbles) and vpaddb, twice (low, high) or once
//   then, every such many:  vpunpck(low, high), vpmaddubsw by (1, 32): 16-bit sums, in order of channels
//   every 64 groups:        64 * 1020 = 65280 < 2^16: widened to 32 bits, shifted, taken from the result
//
// A "run" is that many groups of one tap; runs go by groups first, then taps, so that the tables of neighbouring pixels
// are still in the first-level cache. 64 groups of weights at a time are unpacked to one nibble per byte, for all
// pixels. Registers: 2 pixels x 64 channels x (low, high), or 4 pixels x 64 channels of one byte, are 8 accumulators;
// 2 weights, 2 tables, 1 product.
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "kernels/wgemm/wgemm.h"

namespace xnorkit::wgemm {
namespace {

constexpr int32_t kChunk = 64;           // groups: their sum fits 16 unsigned bits
constexpr int32_t kWhole = 8, kFew = 4;  // groups without a branch: a run of two tables, a step of one
constexpr size_t kVector = 32;

// Groups of one tap whose byte sums fit a byte.
struct Run {
  const uint32_t* offsets;  // of the tap's rows, by pixel
  size_t table;             // of the first group, from the row
  int32_t groups;
};

struct Work {
  alignas(64) uint8_t weights[kChunk][2][kVector];  // a nibble per byte: lanes 0..31, 32..63
  Run runs[kChunk];
  int32_t count;
};

// A new value for all the compiler knows: additions stay in order (it would make a tree of them, and spill its leaves).
inline void hold(__m256i& v) { asm("" : "+x"(v)); }

inline __m256i load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
inline void save(void* p, __m256i v) { _mm256_storeu_si256(static_cast<__m256i*>(p), v); }
inline __m256i table_at(const uint8_t* table) {
  return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(table)));
}

inline bool two_tables(int32_t bits) { return bits > 4; }
inline int32_t groups_per_byte(int32_t bits) {
  return two_tables(bits) ? kWhole : 255 / (4 * ((1 << bits) - 1)) / kFew * kFew;
}

size_t row_bytes(int32_t groups, int32_t bits) {
  const size_t pairs = (static_cast<size_t>(groups) + 1) / 2;  // tables are made two at a time
  return kHeaderBytes + pairs * (two_tables(bits) ? 64 : 32);
}

// Tables of groups 2 * kPair (low halves of the vectors) and 2 * kPair + 1 (high halves) of 16 codes. Bit i of an
// entry's index takes code i; 16-bit sums of entries 0..7, then 8..15, which are the same with code 3.
template <int kPair, bool kTwo>
inline void save_tables(__m256i sixteen, uint8_t* tables) {
  const __m256i ends =
      _mm256_setr_epi64x(0x0100010001000100, 0x0100010001000100, 0x0504050405040504, 0x0504050405040504);
  const __m256i begin = _mm256_add_epi8(ends, _mm256_set1_epi8(8 * kPair));
  const __m256i first = _mm256_shuffle_epi8(sixteen, begin);
  const __m256i second = _mm256_shuffle_epi8(sixteen, _mm256_add_epi8(begin, _mm256_set1_epi8(2)));
  const __m256i low_codes = _mm256_set1_epi64x(0x0101010000010000);
  const __m256i without = _mm256_broadcastsi128_si256(_mm_setr_epi16(0, 0, 0, 0, 1, 1, 1, 1));
  const __m256i with = _mm256_or_si256(without, _mm256_set1_epi16(256));
  const __m256i half = _mm256_maddubs_epi16(first, low_codes);
  const __m256i x = _mm256_add_epi16(half, _mm256_maddubs_epi16(second, without));
  const __m256i y = _mm256_add_epi16(half, _mm256_maddubs_epi16(second, with));
  if (!kTwo) return save(tables + 32 * kPair, _mm256_packus_epi16(x, y));
  const __m256i five = _mm256_set1_epi16(31);
  const __m256i low = _mm256_packus_epi16(_mm256_and_si256(x, five), _mm256_and_si256(y, five));
  const __m256i high = _mm256_packus_epi16(_mm256_srli_epi16(x, 5), _mm256_srli_epi16(y, 5));
  __m128i* to = reinterpret_cast<__m128i*>(tables + 64 * kPair);
  _mm_store_si128(to, _mm256_castsi256_si128(low));
  _mm_store_si128(to + 1, _mm256_castsi256_si128(high));
  _mm_store_si128(to + 2, _mm256_extracti128_si256(low, 1));
  _mm_store_si128(to + 3, _mm256_extracti128_si256(high, 1));
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
    save_tables<0, kTwo>(sixteen, tables);
    if (left > 8) save_tables<1, kTwo>(sixteen, tables);
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

// out[0..31] = from - (sums << shift), from: out, or one value; sums hold channels 0-7 16-23, and 8-15 24-31.
inline void take(int32_t* out, const int32_t* from, const __m256i* sums, __m128i shift) {
  const __m128i parts[4] = {_mm256_castsi256_si128(sums[0]), _mm256_castsi256_si128(sums[1]),
                            _mm256_extracti128_si256(sums[0], 1), _mm256_extracti128_si256(sums[1], 1)};
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m256i wide = _mm256_sll_epi32(_mm256_cvtepu16_epi32(parts[i]), shift);
    const __m256i before = from != nullptr ? _mm256_set1_epi32(*from) : load(out + 8 * i);
    save(out + 8 * i, _mm256_sub_epi32(before, wide));
  }
}

// One group: P pixels x V vectors of 32 channels.
template <int P, int V, bool kTwo>
inline __attribute__((always_inline)) void look_up(const uint8_t* nibbles, const uint8_t* const* table, size_t at,
                                                   __m256i (&low)[P][V], __m256i (&high)[P][V]) {
  __m256i w[V];
#pragma GCC unroll 2
  for (int v = 0; v < V; ++v) w[v] = load(nibbles + v * kVector);
#pragma GCC unroll 4
  for (int p = 0; p < P; ++p) {
    const __m256i first = table_at(table[p] + at);
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
      low[p][v] = _mm256_add_epi8(low[p][v], _mm256_shuffle_epi8(first, w[v]));
      hold(low[p][v]);
    }
    if (!kTwo) continue;
    const __m256i second = table_at(table[p] + at + 16);
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
      high[p][v] = _mm256_add_epi8(high[p][v], _mm256_shuffle_epi8(second, w[v]));
      hold(high[p][v]);
    }
  }
}

template <int P, int V, bool kTwo>
inline __attribute__((always_inline)) void add_run(const uint8_t* nibbles, const uint8_t** table, int32_t groups,
                                                   __m256i (&low)[P][V], __m256i (&high)[P][V]) {
  constexpr size_t kTableBytes = kTwo ? 32 : 16;
  if (kTwo && groups == kWhole) {
#pragma GCC unroll 8
    for (int s = 0; s < kWhole; ++s) look_up<P, V, kTwo>(nibbles + s * 2 * kVector, table, s * kTableBytes, low, high);
    return;
  }
  for (; !kTwo && groups >= kFew; groups -= kFew, nibbles += kFew * 2 * kVector) {
#pragma GCC unroll 4
    for (int s = 0; s < kFew; ++s) look_up<P, V, kTwo>(nibbles + s * 2 * kVector, table, s * kTableBytes, low, high);
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) table[p] += kFew * kTableBytes;
  }
  for (size_t at = 0; groups > 0; --groups, nibbles += 2 * kVector, at += kTableBytes)
    look_up<P, V, kTwo>(nibbles, table, at, low, high);
}

// All runs of the work for P pixels x V vectors.
template <int P, int V, bool kTwo>
inline __attribute__((always_inline)) void pixels(const Tile& t, int32_t pixel, const Work& work, const int32_t* from) {
  const __m256i weights = _mm256_set1_epi16(kTwo ? 32 * 256 + 1 : 1), zero = _mm256_setzero_si256();
  __m256i sums[P][V][2];
#pragma GCC unroll 4
  for (int p = 0; p < P; ++p)
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) sums[p][v][0] = sums[p][v][1] = zero;
  const uint8_t* nibbles = work.weights[0][0];
  for (const Run* run = work.runs; run < work.runs + work.count; ++run) {
    __m256i low[P][V], high[P][V];
    const uint8_t* table[P];
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) {
      table[p] = t.rows + run->offsets[pixel + p] + run->table;
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) low[p][v] = high[p][v] = zero;
    }
    add_run<P, V, kTwo>(nibbles, table, run->groups, low, high);
    nibbles += static_cast<size_t>(run->groups) * 2 * kVector;
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
    for (int v = 0; v < V; ++v)
      take(t.out + (pixel + p) * kPanelChannels + 32 * v, from == nullptr ? from : from + pixel + p, sums[p][v], shift);
}

template <int P, int V, bool kTwo>
void all_pixels(const Tile& t, const Work& work, const int32_t* from) {
  int32_t pixel = 0;
  for (; pixel + P <= t.pixels; pixel += P) pixels<P, V, kTwo>(t, pixel, work, from);
  for (; pixel < t.pixels; ++pixel) pixels<1, V, kTwo>(t, pixel, work, from);
}

void flush(const Tile& t, Work* work, const int32_t** from) {
  if (two_tables(t.bits)) {
    t.lanes > 32 ? all_pixels<2, 2, true>(t, *work, *from) : all_pixels<4, 1, true>(t, *work, *from);
  } else {
    t.lanes > 32 ? all_pixels<4, 2, false>(t, *work, *from) : all_pixels<4, 1, false>(t, *work, *from);
  }
  work->count = 0;
  *from = nullptr;
}

// One run's weights.
void unpack(const uint8_t* packed, int32_t groups, uint8_t (*to)[2][kVector]) {
  const __m256i nibble = _mm256_set1_epi8(15);
  for (int32_t g = 0; g < groups; ++g) {
    const __m256i both = load(packed + static_cast<size_t>(g) * kGroupBytes);
    save(to[g][0], _mm256_and_si256(both, nibble));
    save(to[g][1], _mm256_and_si256(_mm256_srli_epi16(both, 4), nibble));
  }
}

void run(const Tile& t) {
  Work* work = static_cast<Work*>(t.work);
  const size_t table_bytes = two_tables(t.bits) ? 32 : 16;
  const int32_t most = groups_per_byte(t.bits);
  const int32_t* from = t.from;
  int32_t done = 0;
  work->count = 0;
  for (int32_t group = 0; group < t.groups; group += most) {
    const int32_t groups = t.groups - group < most ? t.groups - group : most;
    for (int32_t tap = 0; tap < t.taps; ++tap, done += groups) {
      if (done + groups > kChunk) flush(t, work, &from), done = 0;
      unpack(t.weights + (static_cast<size_t>(tap) * t.groups + group) * kGroupBytes, groups, work->weights + done);
      work->runs[work->count++] = {t.offsets + static_cast<size_t>(tap) * t.offset_stride,
                                   kHeaderBytes + static_cast<size_t>(group) * table_bytes, groups};
    }
  }
  if (work->count > 0) flush(t, work, &from);
}

}  // namespace

const Kernel kAvx2 = {"wgemm_u8b1i32_2x64_avx2", Isa::avx2, sizeof(Work), row_bytes, prepare, run};

}  // namespace xnorkit::wgemm
#endif
