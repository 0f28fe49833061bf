// Plain C++, the oracle of the family, and the tables of every row.
#include <cstring>

#include "kernels/fsgemm/fsgemm.h"

namespace xnorkit::fsgemm {
namespace {

// Bit 0, 1, 2 of an entry's index: the sign of x1, x2, x3 against x0's.
void table_of(float x0, float x1, float x2, float x3, float* table) {
  const float sum = x0 + x1, difference = x0 - x1, after = x2 + x3, across = x2 - x3;
  table[0] = sum + after;
  table[1] = difference + after;
  table[2] = sum - across;
  table[3] = difference - across;
  table[4] = sum + across;
  table[5] = difference + across;
  table[6] = sum - after;
  table[7] = difference - after;
}

}  // namespace

void prepare(const float* x, size_t src_stride, int32_t count, int32_t channels, uint8_t* dst, size_t dst_stride) {
  for (int32_t i = 0; i < count; ++i, x += src_stride, dst += dst_stride) {
    float* table = reinterpret_cast<float*>(dst);
    int32_t c = 0;
    for (; c + kQuad <= channels; c += kQuad, table += kTableFloats)
      table_of(x[c], x[c + 1], x[c + 2], x[c + 3], table);
    if (c == channels) continue;
    float last[kQuad] = {};
    memcpy(last, x + c, static_cast<size_t>(channels - c) * sizeof(float));
    table_of(last[0], last[1], last[2], last[3], table);
  }
}

void run_scalar(const Tile& t) {
  const int32_t words = (t.quads + kWordQuads - 1) / kWordQuads;
  for (int32_t pixel = 0; pixel < t.pixels; ++pixel) {
    float acc[kPanelChannels] = {};
    const uint32_t* weights = t.weights;
    for (int32_t tap = 0; tap < t.taps; ++tap, weights += words * kPanelChannels) {
      const uint8_t* row = t.rows + t.offsets[static_cast<size_t>(tap) * t.offset_stride + static_cast<size_t>(pixel)];
      const float* table = reinterpret_cast<const float*>(row);
      for (int32_t quad = 0; quad < t.quads; ++quad, table += kTableFloats) {
        const uint32_t* word = weights + quad / kWordQuads * kPanelChannels;
        for (int32_t lane = 0; lane < kPanelChannels; ++lane) {
          const uint32_t nibble = word[lane] >> (4 * (quad % kWordQuads));
          const float value = table[nibble & 7];
          acc[lane] += nibble & 8 ? -value : value;
        }
      }
    }
    memcpy(t.out + pixel * kPanelChannels, acc, sizeof acc);
  }
}

}  // namespace xnorkit::fsgemm
