#include "kernels/codes/codes.h"

namespace xnorkit::codes {
namespace {

constexpr int32_t kBlock = 64;  // channels counted at once

}  // namespace

void multithreshold(const MultithresholdArgs& a) {
  const int32_t* x = a.x;
  uint8_t* out = a.out;
  for (size_t p = 0; p < a.pixels; ++p, x += a.channels, out += a.channels) {
    for (int32_t first = 0; first < a.channels; first += kBlock) {
      const int32_t count = a.channels - first < kBlock ? a.channels - first : kBlock;
      int32_t reached[kBlock] = {};
      const int32_t* threshold = a.threshold + first;
      for (int32_t level = 0; level < a.levels; ++level, threshold += a.channels)
        for (int32_t c = 0; c < count; ++c) reached[c] += x[first + c] >= threshold[c];
      for (int32_t c = 0; c < count; ++c) {
        const int32_t code = a.flipped[first + c] ? a.levels - reached[c] : reached[c];
        out[first + c] = static_cast<uint8_t>(code);
      }
    }
  }
}

void quantize(const QuantizeArgs& a) {
  const float most = static_cast<float>(a.levels);
  const float* x = a.x;
  uint8_t* out = a.out;
  for (size_t p = 0; p < a.pixels; ++p, x += a.channels, out += a.channels) {
    for (int32_t c = 0; c < a.channels; ++c) {
      float y = x[c] * a.scale[c] + a.bias[c];
      y = y > 0 ? y : 0;  // NaN fails the comparison
      y = y < most ? y : most;
      out[c] = static_cast<uint8_t>(static_cast<int32_t>(y));  // of y >= 0: floor
    }
  }
}

}  // namespace xnorkit::codes
