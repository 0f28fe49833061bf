// Plain C++: sixteen sums in an array, which any compiler keeps in vectors.
#include "kernels/kmap/kmap.h"

namespace xnorkit {
namespace {

constexpr int32_t kLanes = 16;

float magnitude(float v) { return __builtin_fabsf(v); }

}  // namespace

void abs_mean_scalar(const AbsMeanArgs& args) {
  const float* x = args.x;
  for (size_t p = 0; p < args.pixels; ++p, x += args.channels) {
    float sums[kLanes] = {};
    int32_t c = 0;
    for (; c + kLanes <= args.channels; c += kLanes)
      for (int32_t l = 0; l < kLanes; ++l) sums[l] += magnitude(x[c + l]);
    for (int32_t l = 0; c + l < args.channels; ++l) sums[l] += magnitude(x[c + l]);
    for (int32_t half = kLanes / 2; half > 0; half /= 2)
      for (int32_t l = 0; l < half; ++l) sums[l] += sums[l + half];
    args.out[p] = sums[0] / static_cast<float>(args.channels);
  }
}

}  // namespace xnorkit
