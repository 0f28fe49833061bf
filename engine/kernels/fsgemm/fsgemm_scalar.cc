// Plain C++, the oracle of the family.
#include "kernels/fsgemm/fsgemm.h"

namespace xnorkit::fsgemm {
namespace {

// Bit 0, 1, 2 of an entry's index: the sign of x1, x2, x3 against x0's.
void sums_of(const float* x, float* sums) {
  const float sum = x[0] + x[1], difference = x[0] - x[1], after = x[2] + x[3], across = x[2] - x[3];
  sums[0] = sum + after;
  sums[1] = difference + after;
  sums[2] = sum - across;
  sums[3] = difference - across;
  sums[4] = sum + across;
  sums[5] = difference + across;
  sums[6] = sum - after;
  sums[7] = difference - after;
}

}  // namespace

size_t work_bytes_scalar(int32_t) { return 0; }

void run_scalar(const Tile& t) {
  const int32_t words = (t.quads + kWordQuads - 1) / kWordQuads;
  for (int32_t pixel = 0; pixel < t.pixels; ++pixel) {
    float* out = t.out + static_cast<size_t>(pixel) * t.out_stride;
    for (int32_t lane = 0; lane < t.lanes; ++lane) out[lane] = 0;
    for (int32_t tap = 0; tap < t.taps; ++tap) {
      const uint8_t* row = t.rows + t.offsets[static_cast<size_t>(tap) * t.offset_stride + static_cast<size_t>(pixel)];
      for (int32_t quad = 0; quad < t.quads; ++quad) {
        float sums[8];
        sums_of(reinterpret_cast<const float*>(row) + kQuad * quad, sums);
        const uint32_t* word = t.weights + (size_t(tap) * words + quad / kWordQuads) * t.lane_stride;
        for (int32_t lane = 0; lane < t.lanes; ++lane) {
          const uint32_t nibble = word[lane] >> (4 * (quad % kWordQuads));
          const float value = sums[nibble & 7];
          out[lane] += nibble & 8 ? -value : value;
        }
      }
    }
  }
}

}  // namespace xnorkit::fsgemm
