// Plain C++, the oracle of the narrow dense kernels.
#include <cstring>

#include "kernels/fgemm/narrow.h"

namespace xnorkit {
namespace {

inline float widen(uint16_t bits) {
  const uint32_t word = static_cast<uint32_t>(bits) << 16;
  float value;
  memcpy(&value, &word, sizeof value);
  return value;
}
inline float widen(int8_t value) { return static_cast<float>(value); }

template <typename T, NarrowWeight kWeight>
void tile(const NarrowTile& t) {
  for (int32_t p = 0; p < t.pixels; ++p) {
    const float* x = t.x + static_cast<size_t>(p) * t.x_stride;
    const T* w = static_cast<const T*>(t.weight);
    for (int32_t block = 0; block < t.blocks; ++block) {
      float acc[kFgemmLanes] = {};
      for (int32_t k = 0; k < t.depth; ++k, w += kFgemmLanes)
        for (int lane = 0; lane < kFgemmLanes; ++lane) acc[lane] += x[k] * widen(w[narrow_position(kWeight, lane)]);
      for (int lane = 0; lane < kFgemmLanes; ++lane) {
        const size_t at = static_cast<size_t>(block * kFgemmLanes + lane);
        const float sum = kWeight == NarrowWeight::i8 ? acc[lane] * t.scale[at] : acc[lane];
        t.out[static_cast<size_t>(p) * t.out_stride + at] = sum + t.bias[at];
      }
    }
  }
}

}  // namespace

void fgemm_bf16_scalar(const NarrowTile& t) { tile<uint16_t, NarrowWeight::bf16>(t); }
void fgemm_i8_scalar(const NarrowTile& t) { tile<int8_t, NarrowWeight::i8>(t); }

}  // namespace xnorkit
