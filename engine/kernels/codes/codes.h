// From accumulators and floats to uint8 codes; x and out are `pixels` rows of `channels` elements.
//
//   multithreshold  code = count of k with x >= threshold[k][c], or levels less that where flipped[c] is not 0
//   quantize        code = min(max(floor(fl(fl(x * scale[c]) + bias[c])), 0), levels), NaN gives 0
//
// The compiler puts channels into whatever vectors the baseline has: thresholds lie level by level for that.
#pragma once
#include <cstddef>
#include <cstdint>

namespace xnorkit::codes {

struct MultithresholdArgs {
  const int32_t* x;
  uint8_t* out;
  size_t pixels;
  int32_t channels, levels;  // levels: 2^k - 1
  const int32_t* threshold;  // (levels, channels)
  const uint8_t* flipped;    // (channels), 0 or 255
};

struct QuantizeArgs {
  const float* x;
  uint8_t* out;
  size_t pixels;
  int32_t channels, levels;
  const float *scale, *bias;
};

void multithreshold(const MultithresholdArgs& args);
void quantize(const QuantizeArgs& args);

}  // namespace xnorkit::codes
