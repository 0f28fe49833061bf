// Panels of 32-bit lanes: a lane is one output channel and 32 of its inputs. Shared by the kernels that count with a
// vector popcount; defined in lanes32.cc, compiled without flags. Prepared rows are the word kernels' (rows.h).
#pragma once
#include "kernels/bgemm/bgemm.h"

namespace xnorkit::bgemm {

// A panel is (tiles, taps, dwords, lanes) uint32: channel o is lane o % lanes of tile o / lanes.
size_t lanes32_panel_bytes(int32_t taps, int32_t channels, int32_t out_channels, int32_t lanes);
// As Kernel::pack.
void lanes32_pack(const uint8_t* rows, int32_t taps, int32_t channels, int32_t out_channels, int32_t lanes,
                  uint8_t* dst);

namespace {

inline size_t dwords_of(int32_t channels) { return (static_cast<size_t>(channels) + 31) / 32; }

// The dwords of entry's row of a tap.
inline const int32_t* row_of(const Block& block, int32_t tap, int32_t entry) {
  const size_t at = static_cast<size_t>(tap) * block.offset_stride + static_cast<size_t>(entry);
  return reinterpret_cast<const int32_t*>(block.rows + block.offsets[at]);
}

}  // namespace
}  // namespace xnorkit::bgemm
