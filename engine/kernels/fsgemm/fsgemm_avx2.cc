// Lanes are pixels. The 16 values of a quad are a table of vectors, 16 pixels each; a weight's nibble is the offset of
// its entry, and one vaddps from memory adds four signed inputs of eight pixels to an output channel:
//
//   for each tap, for every kChunk quads:  weights become offsets; for each tile of 16 pixels: tables, then
//     for each 4 channels, each quad:      4 offsets, 8 vaddps; registers: 8 accumulators
//
// A table costs 16 additions and negations of 8 pixels, a channel's share of it one: it pays from a few dozen channels.
// One or two pixels that are left take lanes of 8 channels instead: vpermps chooses, vxorps signs, vaddps adds.
#include "kernels/fsgemm/fsgemm.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace xnorkit::fsgemm {
namespace {

constexpr int32_t kLanes = 8, kChunk = 16, kTilePixels = 16, kTiles = kMaxPixels / kTilePixels;
constexpr int32_t kChannels = 4;  // at a time
constexpr int32_t kFew = 2;       // pixels that do not fill a tile
constexpr size_t kEntries = 16, kEntryFloats = kTilePixels;
constexpr int kEntryShift = 6;  // of an entry's bytes

// Parts of a tile's work, after it: offsets (lane_stride / 8, kChunk, 8), then accumulators (tile, lane_stride, 16).
struct Work {
  alignas(64) float table[kChunk][kEntries][kEntryFloats];
  alignas(64) float few[kChunk][8];
};

struct Chunk {
  const uint32_t* offsets;  // of the tap's rows, by pixel
  const uint32_t* weights;  // of its first word
  size_t at;                // its first quad's bytes from a row
  int32_t quads;
  bool first;
};

inline uint32_t* offsets_of(const Tile& t) {
  return reinterpret_cast<uint32_t*>(static_cast<uint8_t*>(t.work) + sizeof(Work));
}
inline float* sums_of(const Tile& t, int32_t tile) {
  const size_t stride = static_cast<size_t>(t.lane_stride);
  return reinterpret_cast<float*>(offsets_of(t) + stride * kChunk) + static_cast<size_t>(tile) * stride * kTilePixels;
}

// Bit 0, 1, 2 of an entry's index: the sign of x1, x2, x3 against x0's.
inline void entries_of(__m256 x0, __m256 x1, __m256 x2, __m256 x3, __m256* entries) {
  const __m256 sum = _mm256_add_ps(x0, x1), difference = _mm256_sub_ps(x0, x1);
  const __m256 after = _mm256_add_ps(x2, x3), across = _mm256_sub_ps(x2, x3);
  entries[0] = _mm256_add_ps(sum, after);
  entries[1] = _mm256_add_ps(difference, after);
  entries[2] = _mm256_sub_ps(sum, across);
  entries[3] = _mm256_sub_ps(difference, across);
  entries[4] = _mm256_add_ps(sum, across);
  entries[5] = _mm256_add_ps(difference, across);
  entries[6] = _mm256_sub_ps(sum, after);
  entries[7] = _mm256_sub_ps(difference, after);
}

// Vector `half` of the chunk's tables, for `count` pixels from `pixel`; lanes beyond them repeat the last.
void fill_tables(const Tile& t, const Chunk& chunk, int32_t pixel, int32_t count, int32_t half, Work* work) {
  const uint8_t* rows[kLanes];
  for (int32_t p = 0; p < kLanes; ++p) rows[p] = t.rows + chunk.offsets[pixel + (p < count ? p : count - 1)] + chunk.at;
  const __m256 minus = _mm256_castsi256_ps(_mm256_set1_epi32(INT32_MIN));
  for (int32_t quad = 0; quad < chunk.quads; ++quad) {
    __m256 r[4], entries[8];
    for (int i = 0; i < 4; ++i) {
      const float* low = reinterpret_cast<const float*>(rows[i]) + kQuad * quad;
      const float* high = reinterpret_cast<const float*>(rows[i + 4]) + kQuad * quad;
      r[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(low)), _mm_loadu_ps(high), 1);
    }
    const __m256 t0 = _mm256_unpacklo_ps(r[0], r[1]), t1 = _mm256_unpackhi_ps(r[0], r[1]);
    const __m256 t2 = _mm256_unpacklo_ps(r[2], r[3]), t3 = _mm256_unpackhi_ps(r[2], r[3]);
    entries_of(_mm256_shuffle_ps(t0, t2, 0x44), _mm256_shuffle_ps(t0, t2, 0xee), _mm256_shuffle_ps(t1, t3, 0x44),
               _mm256_shuffle_ps(t1, t3, 0xee), entries);
    for (int e = 0; e < 8; ++e) {
      _mm256_store_ps(work->table[quad][e] + kLanes * half, entries[e]);
      _mm256_store_ps(work->table[quad][e + 8] + kLanes * half, _mm256_xor_ps(entries[e], minus));
    }
  }
}

void unpack(const Tile& t, const Chunk& chunk) {
  const __m256i nibble = _mm256_set1_epi32(15 << kEntryShift);
  uint32_t* to = offsets_of(t);
  for (int32_t lane = 0; lane < t.lanes; lane += kLanes, to += kChunk * kLanes) {
    const uint32_t* weights = chunk.weights + lane;
    for (int32_t quad = 0; quad < chunk.quads; quad += kWordQuads, weights += t.lane_stride) {
      const __m256i word = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights));
      __m256i* at = reinterpret_cast<__m256i*>(to + quad * kLanes);
      _mm256_storeu_si256(at, _mm256_and_si256(_mm256_slli_epi32(word, kEntryShift), nibble));
      _mm256_storeu_si256(at + 1, _mm256_and_si256(_mm256_slli_epi32(word, kEntryShift - 4), nibble));
#pragma GCC unroll 6
      for (int i = 2; i < kWordQuads; ++i)
        _mm256_storeu_si256(at + i, _mm256_and_si256(_mm256_srli_epi32(word, 4 * i - kEntryShift), nibble));
    }
  }
}

// kHalves vectors of pixels x all channels, from the tables.
template <int kHalves>
void add_tables(const Tile& t, const Chunk& chunk, const Work* work, float* sums) {
  const uint32_t* offsets = offsets_of(t);
  for (int32_t lane = 0; lane < t.lanes; lane += kChannels, sums += kChannels * kTilePixels) {
    const uint32_t* at = offsets + lane / kLanes * kChunk * kLanes + lane % kLanes;
    const uint8_t* table = reinterpret_cast<const uint8_t*>(work->table);
    __m256 acc[kChannels][kHalves];
#pragma GCC unroll 8
    for (int i = 0; i < kChannels * kHalves; ++i) {
      const float* from = sums + i / kHalves * kTilePixels + i % kHalves * kLanes;
      acc[i / kHalves][i % kHalves] = chunk.first ? _mm256_setzero_ps() : _mm256_load_ps(from);
    }
    for (int32_t quad = 0; quad < chunk.quads; ++quad, at += kLanes, table += kEntries << kEntryShift) {
#pragma GCC unroll 4
      for (int i = 0; i < kChannels; ++i) {
        const float* entry = reinterpret_cast<const float*>(table + at[i]);
#pragma GCC unroll 2
        for (int h = 0; h < kHalves; ++h) acc[i][h] = _mm256_add_ps(acc[i][h], _mm256_load_ps(entry + kLanes * h));
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < kChannels * kHalves; ++i)
      _mm256_store_ps(sums + i / kHalves * kTilePixels + i % kHalves * kLanes, acc[i / kHalves][i % kHalves]);
  }
}

// One pixel, lanes of channels. Accumulators lie at sums[lane], lane_stride of them.
void add_pixel(const Tile& t, const Chunk& chunk, int32_t pixel, Work* work, float* sums) {
  const float* x = reinterpret_cast<const float*>(t.rows + chunk.offsets[pixel] + chunk.at);
  for (int32_t quad = 0; quad < chunk.quads; ++quad, x += kQuad) {
    const float sum = x[0] + x[1], difference = x[0] - x[1], after = x[2] + x[3], across = x[2] - x[3];
    const __m256 begin = _mm256_setr_ps(sum, difference, sum, difference, sum, difference, sum, difference);
    const __m256 end = _mm256_setr_ps(after, after, -across, -across, across, across, -after, -after);
    _mm256_store_ps(work->few[quad], _mm256_add_ps(begin, end));
  }
  const __m256i minus = _mm256_set1_epi32(INT32_MIN);
  for (int32_t lane = 0; lane < t.lanes; lane += kLanes) {
    const uint32_t* weights = chunk.weights + lane;
    __m256 acc = chunk.first ? _mm256_setzero_ps() : _mm256_load_ps(sums + lane);
    for (int32_t quad = 0; quad < chunk.quads; weights += t.lane_stride) {
      __m256i index = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights));
      const int32_t end = chunk.quads - quad < kWordQuads ? chunk.quads : quad + kWordQuads;
      for (; quad < end; ++quad, index = _mm256_srli_epi32(index, 4)) {
        const __m256 sign = _mm256_castsi256_ps(_mm256_and_si256(_mm256_slli_epi32(index, 28), minus));
        const __m256 value = _mm256_permutevar8x32_ps(_mm256_load_ps(work->few[quad]), index);
        acc = _mm256_add_ps(acc, _mm256_xor_ps(value, sign));
      }
    }
    _mm256_store_ps(sums + lane, acc);
  }
}

void add_chunk(const Tile& t, const Chunk& chunk) {
  Work* work = static_cast<Work*>(t.work);
  if (t.pixels > kFew) unpack(t, chunk);
  int32_t pixel = 0;
  for (; t.pixels - pixel > kFew; pixel += kTilePixels) {
    const int32_t left = t.pixels - pixel;
    float* sums = sums_of(t, pixel / kTilePixels);
    fill_tables(t, chunk, pixel, left, 0, work);
    if (left <= kLanes) {
      add_tables<1>(t, chunk, work, sums);
      continue;
    }
    fill_tables(t, chunk, pixel + kLanes, left - kLanes, 1, work);
    add_tables<2>(t, chunk, work, sums);
  }
  float* sums = sums_of(t, pixel / kTilePixels);
  for (; pixel < t.pixels; ++pixel, sums += t.lane_stride) add_pixel(t, chunk, pixel, work, sums);
}

// Eight pixels of eight channels to eight channels of eight pixels.
inline void transpose(const float* sums, __m256* r) {
  __m256 a[8];
  for (int i = 0; i < 8; ++i) a[i] = _mm256_load_ps(sums + i * kTilePixels);
  for (int i = 0; i < 4; ++i) {
    r[2 * i] = _mm256_unpacklo_ps(a[2 * i], a[2 * i + 1]);
    r[2 * i + 1] = _mm256_unpackhi_ps(a[2 * i], a[2 * i + 1]);
  }
  for (int i = 0; i < 2; ++i)
    for (int k = 0; k < 2; ++k) {
      a[4 * i + 2 * k] = _mm256_shuffle_ps(r[4 * i + k], r[4 * i + k + 2], 0x44);
      a[4 * i + 2 * k + 1] = _mm256_shuffle_ps(r[4 * i + k], r[4 * i + k + 2], 0xee);
    }
  for (int i = 0; i < 4; ++i) {
    r[i] = _mm256_permute2f128_ps(a[i], a[i + 4], 0x20);
    r[i + 4] = _mm256_permute2f128_ps(a[i], a[i + 4], 0x31);
  }
}

// `count` channels of a vector, no byte after them.
inline void store(float* out, __m256 v, int32_t count) {
  if (count >= kLanes) return _mm256_storeu_ps(out, v);
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  _mm256_maskstore_ps(out, _mm256_cmpgt_epi32(_mm256_set1_epi32(count), lanes), v);
}

void store_all(const Tile& t) {
  int32_t pixel = 0;
  for (; t.pixels - pixel > kFew; pixel += kTilePixels) {
    const int32_t end = t.pixels - pixel < kTilePixels ? t.pixels : pixel + kTilePixels;
    const float* sums = sums_of(t, pixel / kTilePixels);
    for (int32_t lane = 0; lane < t.lanes; lane += kLanes, sums += kLanes * kTilePixels)
      for (int32_t first = pixel; first < end; first += kLanes) {
        __m256 rows[kLanes];
        transpose(sums + first - pixel, rows);
        for (int32_t p = 0; p < kLanes && first + p < end; ++p)
          store(t.out + static_cast<size_t>(first + p) * t.out_stride + lane, rows[p], t.lanes - lane);
      }
  }
  const float* sums = sums_of(t, pixel / kTilePixels);
  for (; pixel < t.pixels; ++pixel, sums += t.lane_stride)
    for (int32_t lane = 0; lane < t.lanes; lane += kLanes)
      store(t.out + static_cast<size_t>(pixel) * t.out_stride + lane, _mm256_load_ps(sums + lane), t.lanes - lane);
}

}  // namespace

size_t work_bytes_avx2(int32_t lane_stride) {
  return sizeof(Work) + static_cast<size_t>(lane_stride) * (kChunk + kTiles * kTilePixels) * sizeof(float);
}

void run_avx2(const Tile& t) {
  const uint32_t* weights = t.weights;
  for (int32_t tap = 0; tap < t.taps; ++tap) {
    const uint32_t* offsets = t.offsets + static_cast<size_t>(tap) * t.offset_stride;
    for (int32_t quad = 0; quad < t.quads; quad += kChunk) {
      const int32_t quads = t.quads - quad < kChunk ? t.quads - quad : kChunk;
      add_chunk(t, {offsets, weights, static_cast<size_t>(quad) * kQuad * sizeof(float), quads, tap + quad == 0});
      weights += (quads + kWordQuads - 1) / kWordQuads * t.lane_stride;
    }
  }
  store_all(t);
}

}  // namespace xnorkit::fsgemm
#endif
