// NEON, 2 pixels x 32 channels (two passes for a panel of 64). A lane is one channel and 32 inputs: eor, cnt, and an
// 8-bit add, three operations for 128 multiply-adds; the 8-bit sums are folded into int32 counts once in 31 dwords.
//
// Bounds: cnt is at most 8, 31 * 8 = 248 <= 255; a count is at most taps * channels < 2^31.
// Registers: 16 sums, 2 broadcasts, 1 weight, 1 or 2 counts of 32. Two pixels share a weight load: 10 loads to 48
// operations. The two-pixel table of pairs_avx2.cc would take 8 operations for 384, a load for each group and pixel
// pair, and its widening; docs/decisions/0007-other-instruction-sets.md.
#include "kernels/bgemm/rows.h"

#if defined(XNORKIT_NEON)
#include <string.h>

#include "base/neon.h"
#include "kernels/bgemm/lanes32.h"

namespace xnorkit::bgemm {
namespace {

constexpr int32_t kTileLanes = 32, kVectorLanes = 4;
constexpr size_t kFoldDwords = 31;

int32_t lanes_of(int32_t out_channels) {
  return out_channels > 16 ? kTileLanes : out_channels > 8 ? 16 : out_channels > 4 ? 8 : 4;
}

size_t panel_bytes(int32_t taps, int32_t channels, int32_t out_channels) {
  return lanes32_panel_bytes(taps, channels, out_channels, lanes_of(out_channels));
}

void pack(const uint8_t* rows, int32_t taps, int32_t channels, int32_t out_channels, uint8_t* dst) {
  lanes32_pack(rows, taps, channels, out_channels, lanes_of(out_channels), dst);
}

// Adds the 8-bit sums of P pixels to their int32 counts and clears them.
template <int P, int V>
[[gnu::always_inline]] inline void fold(uint8x16_t (&sums)[P][V], int32_t* counts) {
#pragma GCC unroll 2
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
      uint32_t* at = reinterpret_cast<uint32_t*>(counts + p * kPanelChannels + v * kVectorLanes);
      vst1q_u32(at, vpadalq_u16(vld1q_u32(at), vpaddlq_u8(sums[p][v])));
      sums[p][v] = vdupq_n_u8(0);
    }
  }
}

// One dword of P pixels against V vectors, two vectors at a time: that is what in-order cores overlap.
template <int P, int V>
[[gnu::always_inline]] inline void step(const int32_t* const (&rows)[P], size_t i, const uint8_t* weights,
                                        uint8x16_t (&sums)[P][V]) {
  constexpr int kTogether = V < 2 ? V : 2;
  uint8x16_t a[P];
#pragma GCC unroll 2
  for (int p = 0; p < P; ++p) a[p] = vreinterpretq_u8_s32(vld1q_dup_s32(rows[p] + i));
#pragma GCC unroll 8
  for (int v = 0; v < V; v += kTogether) {
    uint8x16_t x[kTogether][P];
#pragma GCC unroll 2
    for (int k = 0; k < kTogether; ++k) {
      const uint8x16_t w = vld1q_u8(weights + (v + k) * 16);
#pragma GCC unroll 2
      for (int p = 0; p < P; ++p) x[k][p] = veorq_u8(a[p], w);
    }
#pragma GCC unroll 2
    for (int k = 0; k < kTogether; ++k) {
#pragma GCC unroll 2
      for (int p = 0; p < P; ++p) x[k][p] = vcntq_u8(x[k][p]);
    }
#pragma GCC unroll 2
    for (int k = 0; k < kTogether; ++k) {
#pragma GCC unroll 2
      for (int p = 0; p < P; ++p) sums[p][v + k] = vaddq_u8(sums[p][v + k], x[k][p]);
    }
  }
}

// counts: zeros, of the first pixel; a pixel's lie kPanelChannels apart.
template <int P, int V>
void tile(const Block& block, int32_t entry, const uint8_t* weights, int32_t* counts) {
  const size_t count = dwords_of(block.channels);
  uint8x16_t sums[P][V];
#pragma GCC unroll 2
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) sums[p][v] = vdupq_n_u8(0);
  }
  size_t room = kFoldDwords;
  for (int32_t tap = 0; tap < block.taps; ++tap) {
    const int32_t* rows[P];
#pragma GCC unroll 2
    for (int p = 0; p < P; ++p) rows[p] = row_of(block, tap, entry + p);
    for (size_t done = 0; done < count;) {
      const size_t end = count - done < room ? count : done + room;
      room -= end - done;
      for (; done < end; ++done, weights += V * 16) {
        step<P, V>(rows, done, weights, sums);
      }
      if (room > 0) continue;
      fold<P, V>(sums, counts);
      room = kFoldDwords;
    }
  }
  fold<P, V>(sums, counts);
}

template <int V>
void count(const Block& block) {
  const int32_t lanes = V * kVectorLanes;
  const size_t tile_bytes =
      static_cast<size_t>(block.taps) * dwords_of(block.channels) * static_cast<size_t>(lanes) * 4;
  int32_t* counts = static_cast<int32_t*>(block.work);
  memset(counts, 0, static_cast<size_t>(block.entries * kPanelChannels) * sizeof(int32_t));
  const uint8_t* weights = block.weights;
  for (int32_t first = 0; first < block.out_channels; first += lanes, weights += tile_bytes) {
    int32_t entry = 0;
    for (; entry + 2 <= block.entries; entry += 2) {
      tile<2, V>(block, entry, weights, counts + entry * kPanelChannels + first);
    }
    if (entry < block.entries) tile<1, V>(block, entry, weights, counts + entry * kPanelChannels + first);
  }
}

alignas(16) constexpr uint8_t kBitOfLane[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};

inline uint32x4_t reached(const int32_t* counts, const int32_t* limits) {
  return vcgeq_s32(vld1q_s32(counts), vld1q_s32(limits));
}

// Bits of 16 channels: comparisons narrowed to bytes, each byte its bit, added up by halves.
inline uint16_t bits16(const int32_t* counts, const int32_t* limits) {
  const uint16x8_t low = vcombine_u16(vmovn_u32(reached(counts, limits)), vmovn_u32(reached(counts + 4, limits + 4)));
  const uint16x8_t high =
      vcombine_u16(vmovn_u32(reached(counts + 8, limits + 8)), vmovn_u32(reached(counts + 12, limits + 12)));
  const uint8x16_t bits = vandq_u8(vcombine_u8(vmovn_u16(low), vmovn_u16(high)), vld1q_u8(kBitOfLane));
  return static_cast<uint16_t>(vaddv_u8(vget_low_u8(bits)) | vaddv_u8(vget_high_u8(bits)) << 8);
}

void store_bits(const Block& block, const uint8_t* edge, const int32_t* counts, uint8_t* out) {
  uint64_t bits = 0;
  for (int32_t first = 0; first < block.out_channels; first += 16) {
    const uint16_t part = bits16(counts + first, reinterpret_cast<const int32_t*>(edge) + first);
    bits |= static_cast<uint64_t>(part) << first;
  }
  bits ^= block.flip;
  if (block.out_channels < kPanelChannels) bits &= (uint64_t{1} << block.out_channels) - 1;
  memcpy(out, &bits, static_cast<size_t>(block.out_channels + 7) / 8);
}

// acc = edge - 2 * count of 4 channels, then int32 or float32 (product rounded, then sum rounded).
void store_values(const Block& block, const uint8_t* edge, const int32_t* counts, uint8_t* out) {
  for (int32_t first = 0; first < block.out_channels; first += kVectorLanes, out += 16) {
    const uint8x16_t base = vld1q_u8(edge + first * 4);
    const int32x4_t acc = vsubq_s32(vreinterpretq_s32_u8(base), vshlq_n_s32(vld1q_s32(counts + first), 1));
    uint8x16_t values = vreinterpretq_u8_s32(acc);
    if (block.store == Store::f32) {
      const float32x4_t product = vmulq_f32(vcvtq_f32_s32(acc), vld1q_f32(block.scale + first));
      values = vreinterpretq_u8_f32(vaddq_f32(product, vld1q_f32(block.bias + first)));
    }
    const int32_t left = block.out_channels - first;
    if (left >= kVectorLanes) {
      vst1q_u8(out, values);
    } else {
      uint8_t bytes[16];
      vst1q_u8(bytes, values);
      memcpy(out, bytes, static_cast<size_t>(left) * 4);
    }
  }
}

void run(const Block& block) {
  switch (lanes_of(block.out_channels) / kVectorLanes) {
    case 1: count<1>(block); break;
    case 2: count<2>(block); break;
    case 4: count<4>(block); break;
    default: count<8>(block); break;
  }
  const int32_t* counts = static_cast<const int32_t*>(block.work);
  for (int32_t i = 0; i < block.entries; ++i, counts += kPanelChannels) {
    if (block.pixels[i] < 0) continue;
    const uint8_t* edge = block.edges + static_cast<size_t>(block.classes[i]) * block.edge_stride;
    uint8_t* out = block.out + static_cast<size_t>(block.pixels[i]) * block.out_stride;
    block.store == Store::bits ? store_bits(block, edge, counts, out) : store_values(block, edge, counts, out);
  }
}

}  // namespace

const Kernel kNeon = {
    "bgemm_b1b1i32_2x32_neon",
    Isa::neon,
    1,
    4,
    INT32_MAX,
    word_row_bytes,
    panel_bytes,
    word_work_bytes,
    pack,
    word_prepare,
    word_prepare_alone,
    run,
};

}  // namespace xnorkit::bgemm
#endif
