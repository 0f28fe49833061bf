// The oracle: one pixel, one channel, 64-bit words, any CPU. Also what the word kernels share.
#include <bit>
#include <cstring>

#include "kernels/bgemm/rows.h"

namespace xnorkit::bgemm {
namespace {

size_t words(int32_t channels) { return (static_cast<size_t>(channels) + 63) / 64; }

// Panel: (out_channels, taps, words).
size_t panel_bytes(int32_t taps, int32_t channels, int32_t out_channels) {
  return static_cast<size_t>(out_channels) * static_cast<size_t>(taps) * words(channels) * 8;
}

void pack(const uint8_t* rows, int32_t taps, int32_t channels, int32_t out_channels, uint8_t* dst) {
  const size_t row_bytes = (static_cast<size_t>(channels) + 7) / 8;
  const size_t count = static_cast<size_t>(taps) * static_cast<size_t>(out_channels);
  for (size_t row = 0; row < count; ++row) {
    std::memcpy(dst + row * words(channels) * 8, rows + row * row_bytes, row_bytes);
  }
}

int32_t count_row(const uint8_t* a, const uint8_t* w, size_t count) {
  int32_t total = 0;
  for (size_t i = 0; i < count; ++i) {
    uint64_t left, right;
    std::memcpy(&left, a + i * 8, 8);
    std::memcpy(&right, w + i * 8, 8);
    total += std::popcount(left ^ right);
  }
  return total;
}

void run(const Block& block) {
  const size_t count = words(block.channels);
  int32_t* counts = static_cast<int32_t*>(block.work);
  for (int32_t entry = 0; entry < block.entries; ++entry) {
    const uint8_t* weights = block.weights;
    for (int32_t o = 0; o < block.out_channels; ++o) {
      int32_t total = 0;
      for (int32_t tap = 0; tap < block.taps; ++tap, weights += count * 8) {
        const uint32_t offset =
            block.offsets[static_cast<size_t>(tap) * block.offset_stride + static_cast<size_t>(entry)];
        total += count_row(block.rows + offset, weights, count);
      }
      counts[entry * kPanelChannels + o] = total;
    }
  }
  word_store(block);
}

// acc of every channel, wrapping: the true value fits, edge and 2 * pc alone may not.
int32_t accumulator(const uint8_t* edge, int32_t o, int32_t count) {
  uint32_t base;
  std::memcpy(&base, edge + o * 4, 4);
  return static_cast<int32_t>(base - 2 * static_cast<uint32_t>(count));
}

void store_bits(const Block& block, const uint8_t* edge, const int32_t* counts, uint8_t* out) {
  for (int32_t first = 0; first < block.out_channels; first += 8) {
    const int32_t left = block.out_channels - first < 8 ? block.out_channels - first : 8;
    unsigned byte = 0;
    for (int32_t i = 0; i < left; ++i) {
      int32_t limit;
      std::memcpy(&limit, edge + (first + i) * 4, 4);
      byte |= static_cast<unsigned>(counts[first + i] >= limit) << i;
    }
    out[first / 8] = static_cast<uint8_t>(byte ^ static_cast<unsigned>(block.flip >> first));
  }
}

void store_one(const Block& block, const uint8_t* edge, const int32_t* counts, uint8_t* out) {
  if (block.store == Store::bits) return store_bits(block, edge, counts, out);
  for (int32_t o = 0; o < block.out_channels; ++o) {
    const int32_t acc = accumulator(edge, o, counts[o]);
    const float value = block.store == Store::f32 ? static_cast<float>(acc) * block.scale[o] + block.bias[o] : 0.0f;
    std::memcpy(out + o * 4, block.store == Store::f32 ? static_cast<const void*>(&value) : &acc, 4);
  }
}

}  // namespace

size_t word_row_bytes(int32_t channels) { return words(channels) * 8; }

size_t word_work_bytes() { return static_cast<size_t>(kBlockEntries) * kPanelChannels * sizeof(int32_t); }

void word_prepare(const Source* sources, int32_t count, int32_t channels, uint8_t* dst, size_t dst_stride) {
  const size_t bytes = (static_cast<size_t>(channels) + 7) / 8, row_bytes = word_row_bytes(channels);
  for (int32_t i = 0; i < count; ++i, dst += dst_stride) {
    const uint8_t* a = sources[i].a;
    std::memset(dst + row_bytes - 8, 0, 8);
    if (a != nullptr) {
      std::memcpy(dst, a, bytes);
    } else {
      std::memset(dst, 0, row_bytes);
    }
  }
}

void word_prepare_alone(const uint8_t* a, int32_t channels, uint8_t* dst) {
  const Source source{a, nullptr};
  word_prepare(&source, 1, channels, dst, 0);
}

void word_store(const Block& block) {
  const int32_t* counts = static_cast<const int32_t*>(block.work);
  for (int32_t i = 0; i < block.entries; ++i) {
    if (block.pixels[i] < 0) continue;
    const uint8_t* edge = block.edges + static_cast<size_t>(block.classes[i]) * block.edge_stride;
    uint8_t* out = block.out + static_cast<size_t>(block.pixels[i]) * block.out_stride;
    store_one(block, edge, counts + i * kPanelChannels, out);
  }
}

const Kernel kScalar = {
    "bgemm_b1b1i32_1x1_scalar",
    Isa::scalar,
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
