#include "kernels/bgemm/lanes32.h"

#include <cstring>

namespace xnorkit::bgemm {

size_t lanes32_panel_bytes(int32_t taps, int32_t channels, int32_t out_channels, int32_t lanes) {
  const size_t tiles = static_cast<size_t>((out_channels + lanes - 1) / lanes);
  return tiles * static_cast<size_t>(taps) * dwords_of(channels) * static_cast<size_t>(lanes) * 4;
}

void lanes32_pack(const uint8_t* rows, int32_t taps, int32_t channels, int32_t out_channels, int32_t lanes,
                  uint8_t* dst) {
  const size_t row_bytes = (static_cast<size_t>(channels) + 7) / 8, count = dwords_of(channels);
  const size_t tap_count = static_cast<size_t>(taps), lane_count = static_cast<size_t>(lanes);
  for (size_t o = 0; o < static_cast<size_t>(out_channels); ++o) {
    uint8_t* lane = dst + (o / lane_count * tap_count * count * lane_count + o % lane_count) * 4;
    for (size_t tap = 0; tap < tap_count; ++tap, rows += row_bytes) {
      for (size_t i = 0; i < count; ++i, lane += lane_count * 4) {
        const size_t left = row_bytes - i * 4;
        std::memcpy(lane, rows + i * 4, left < 4 ? left : 4);
      }
    }
  }
}

}  // namespace xnorkit::bgemm
