// How convolutions cut their work: a unit is up to kChunkPixels output pixels (of the whole batch, in order) times all
// output channels, or, when pixels are few as in a dense layer, times kStepBlocks blocks of 16 channels.
#pragma once
#include <algorithm>
#include <cstdint>

#include "ops/op.h"

namespace xnorkit {

inline constexpr int32_t kLanes = 16;
inline constexpr int32_t kStepBlocks = 4;    // blocks a kernel call takes: 64 channels
inline constexpr int32_t kChunkPixels = 24;  // a multiple of every kernel's pixels
inline constexpr int64_t kManyChunks = 8;    // from here on, pixels alone give every thread work

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

struct Tiling {
  int64_t pixels;  // of the batch
  int32_t blocks;  // of one group
  int64_t channel_parts;

  Tiling(int64_t all_pixels, int32_t all_blocks, int32_t groups) : pixels(all_pixels), blocks(all_blocks) {
    const bool split = groups == 1 && ceil_div(pixels, kChunkPixels) < kManyChunks;
    channel_parts = split ? ceil_div(blocks, kStepBlocks) : 1;
  }

  int64_t units() const { return ceil_div(pixels, kChunkPixels) * channel_parts; }

  struct Unit {
    int64_t first_pixel;
    int32_t count;
    int32_t first_block, last_block;
  };
  Unit unit(int64_t index) const {
    const int64_t first = index / channel_parts * kChunkPixels, part = index % channel_parts;
    const int32_t step = channel_parts == 1 ? blocks : kStepBlocks;
    const int32_t begin = static_cast<int32_t>(part) * step;
    return {first, static_cast<int32_t>(std::min<int64_t>(kChunkPixels, pixels - first)), begin,
            std::min(blocks, begin + step)};
  }

  // What the unit writes; one group's units take all channels.
  UnitBlock block(int64_t index, int32_t out_channels) const {
    const Unit u = unit(index);
    if (channel_parts == 1) return {u.first_pixel, u.count, 0, out_channels};
    return {u.first_pixel, u.count, u.first_block * kLanes, std::min(u.last_block * kLanes, out_channels)};
  }
};

}  // namespace xnorkit
