// Scalar POPCNT, register-blocked: 2 pixels x 4 channels hold 8 counters in general registers, so each activation word
// is loaded once for 4 channels and each weight word once for 2 pixels. Also the benchmarks' "scalar POPCNT".
#include <string.h>

#include "kernels/bgemm/rows.h"

#if defined(__x86_64__)
namespace xnorkit::bgemm {
namespace {

constexpr int32_t kTile = 4;

inline size_t words(int32_t channels) { return (static_cast<size_t>(channels) + 63) / 64; }
inline int32_t tiles(int32_t out_channels) { return (out_channels + kTile - 1) / kTile; }

// Panel: (tiles, taps, words, kTile) words.
size_t panel_bytes(int32_t taps, int32_t channels, int32_t out_channels) {
  return static_cast<size_t>(tiles(out_channels)) * static_cast<size_t>(taps) * words(channels) * kTile * 8;
}

void pack(const uint8_t* rows, int32_t taps, int32_t channels, int32_t out_channels, uint8_t* dst) {
  const size_t row_bytes = (static_cast<size_t>(channels) + 7) / 8;
  const size_t tap_words = static_cast<size_t>(taps) * words(channels);
  for (int32_t o = 0; o < out_channels; ++o) {
    uint8_t* tile = dst + static_cast<size_t>(o / kTile) * tap_words * kTile * 8 + static_cast<size_t>(o % kTile) * 8;
    for (int32_t tap = 0; tap < taps; ++tap) {
      const uint8_t* row =
          rows + (static_cast<size_t>(o) * static_cast<size_t>(taps) + static_cast<size_t>(tap)) * row_bytes;
      for (size_t byte = 0; byte < row_bytes; ++byte) {
        tile[(static_cast<size_t>(tap) * words(channels) + byte / 8) * kTile * 8 + byte % 8] = row[byte];
      }
    }
  }
}

// kWords: words of a tap's row when they are few, so that the loop over them unrolls; 0: any number.
template <int kPixels, int kWords>
inline void tile(const Block& block, int32_t entry, const uint64_t* w, int32_t* counts) {
  const size_t count = kWords != 0 ? static_cast<size_t>(kWords) : words(block.channels);
  int64_t sum[kPixels][kTile] = {};
  for (int32_t tap = 0; tap < block.taps; ++tap) {
    const uint32_t* offsets =
        block.offsets + static_cast<size_t>(tap) * block.offset_stride + static_cast<size_t>(entry);
    const uint64_t* a[kPixels];
    for (int p = 0; p < kPixels; ++p) a[p] = reinterpret_cast<const uint64_t*>(block.rows + offsets[p]);
    for (size_t i = 0; i < count; ++i, w += kTile) {
      for (int p = 0; p < kPixels; ++p) {
        for (int o = 0; o < kTile; ++o) sum[p][o] += __builtin_popcountll(a[p][i] ^ w[o]);
      }
    }
  }
  for (int p = 0; p < kPixels; ++p) {
    for (int o = 0; o < kTile; ++o) counts[p * kPanelChannels + o] = static_cast<int32_t>(sum[p][o]);
  }
}

template <int kWords>
void count(const Block& block) {
  const size_t tile_words = static_cast<size_t>(block.taps) * words(block.channels) * kTile;
  int32_t* counts = static_cast<int32_t*>(block.work);
  for (int32_t t = 0; t < tiles(block.out_channels); ++t) {
    const uint64_t* w = reinterpret_cast<const uint64_t*>(block.weights) + static_cast<size_t>(t) * tile_words;
    int32_t entry = 0;
    for (; entry + 2 <= block.entries; entry += 2) {
      tile<2, kWords>(block, entry, w, counts + entry * kPanelChannels + t * kTile);
    }
    if (entry < block.entries) tile<1, kWords>(block, entry, w, counts + entry * kPanelChannels + t * kTile);
  }
}

void run(const Block& block) {
  switch (words(block.channels)) {
    case 1: count<1>(block); break;
    case 2: count<2>(block); break;
    case 4: count<4>(block); break;
    default: count<0>(block); break;
  }
  word_store(block);
}

}  // namespace

const Kernel kPopcnt = {
    "bgemm_b1b1i32_2x4_popcnt",
    Isa::popcnt,
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
