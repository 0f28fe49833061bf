// VPOPCNTD, 4 pixels x 64 channels. A lane is one channel and 32 inputs, so a dword of activations, broadcast by its
// load, meets 16 channels a register: xor, popcount, add, and the sums are the int32 counts of 16 channels in order.
//
// Registers: 16 sums, 4 weights, 1 broadcast, 1 count = 22 of 32. Ports (Ice Lake and later: 512-bit operations on p0
// and p5, popcount on p5 alone): 3 operations for 16 * 32 multiply-adds on two ports, 341 multiply-adds a cycle; a
// carry-save tree saves popcounts but spends as many ternary operations, and the look-up loop of pairs_avx512bw.cc does
// no more than 384 before widening and unpacking. Docs: docs/decisions/0007-other-instruction-sets.md.
//
// Bound: a count is at most taps * channels < 2^31.
#include "kernels/bgemm/rows.h"

#if defined(XNORKIT_AVX512)
#include "kernels/bgemm/lanes32.h"
#include "kernels/bgemm/lanes_avx512.h"

namespace xnorkit::bgemm {
namespace {

constexpr int32_t kVectorLanes = 16;

int32_t lanes_of(int32_t out_channels) { return out_channels > 32 ? 64 : out_channels > 16 ? 32 : 16; }

size_t panel_bytes(int32_t taps, int32_t channels, int32_t out_channels) {
  return lanes32_panel_bytes(taps, channels, out_channels, lanes_of(out_channels));
}

void pack(const uint8_t* rows, int32_t taps, int32_t channels, int32_t out_channels, uint8_t* dst) {
  lanes32_pack(rows, taps, channels, out_channels, lanes_of(out_channels), dst);
}

// Sums go from registers to one tile's counts on the stack; nothing is kept between calls. No scratch size is 0.
size_t work_bytes() { return 64; }

// Epilogue of pixel i from its V * 16 counts.
void store(const Block& block, int32_t i, const int32_t* counts, int32_t lanes) {
  if (block.pixels[i] < 0) return;
  const uint8_t* edge = edge_of(block, i);
  uint8_t* out = out_of(block, i);
  if (block.store != Store::bits) {
    for (int32_t first = 0; first < block.out_channels; first += kVectorLanes) {
      store_values16(block, edge, load(counts + first), first, out);
    }
    return;
  }
  uint64_t bits = 0;
  for (int32_t first = 0; first < lanes; first += kVectorLanes) {
    const __mmask16 reached = _mm512_cmpge_epi32_mask(load(counts + first), load(edge + first * 4));
    bits |= static_cast<uint64_t>(reached) << first;
  }
  store_mask(block, bits, out);
}

template <int P, int V>
void tile(const Block& block, int32_t entry) {
  const size_t count = dwords_of(block.channels);
  const uint8_t* weights = block.weights;
  __m512i sums[P][V];
#pragma GCC unroll 4
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sums[p][v] = _mm512_setzero_si512();
  }
  for (int32_t tap = 0; tap < block.taps; ++tap) {
    const int32_t* rows[P];
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) rows[p] = row_of(block, tap, entry + p);
    for (size_t i = 0; i < count; ++i, weights += V * 64) {
      __m512i w[V];
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) w[v] = load(weights + v * 64);
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) {
        const __m512i a = _mm512_set1_epi32(rows[p][i]);
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
          sums[p][v] = _mm512_add_epi32(sums[p][v], _mm512_popcnt_epi32(_mm512_xor_si512(a, w[v])));
        }
      }
    }
  }
  alignas(64) int32_t counts[P][V * kVectorLanes];
#pragma GCC unroll 4
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) save(counts[p] + v * kVectorLanes, sums[p][v]);
  }
  for (int p = 0; p < P; ++p) store(block, entry + p, counts[p], V * kVectorLanes);
}

template <int V>
void count(const Block& block) {
  int32_t entry = 0;
  for (; entry + 4 <= block.entries; entry += 4) tile<4, V>(block, entry);
  for (; entry + 2 <= block.entries; entry += 2) tile<2, V>(block, entry);
  if (entry < block.entries) tile<1, V>(block, entry);
}

void run(const Block& block) {
  switch (lanes_of(block.out_channels) / kVectorLanes) {
    case 1: return count<1>(block);
    case 2: return count<2>(block);
    default: return count<4>(block);
  }
}

}  // namespace

const Kernel kAvx512vpopcnt = {
    "bgemm_b1b1i32_4x64_avx512vpopcnt",
    Isa::avx512vpopcnt,
    1,
    4,
    INT32_MAX,
    word_row_bytes,
    panel_bytes,
    work_bytes,
    pack,
    word_prepare,
    word_prepare_alone,
    run,
};

}  // namespace xnorkit::bgemm
#endif
