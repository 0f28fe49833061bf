// Plain C++, the oracle of the family: the compiler puts the 16 lanes into whatever vectors the baseline ISA has.
#include "kernels/fgemm/fgemm.h"

namespace xnorkit {
namespace {

template <int P>
void tile(const FgemmTile& t) {
  const size_t depth = static_cast<size_t>(t.taps) * static_cast<size_t>(t.run);
  for (int32_t block = 0; block < t.blocks; ++block) {
    const float* w = t.weight + static_cast<size_t>(block) * depth * kFgemmLanes;
    const float* bias = t.bias + block * kFgemmLanes;
    float acc[P][kFgemmLanes] = {};
    for (int32_t tap = 0; tap < t.taps; ++tap) {
      const float* const* rows = t.rows + tap * P;
      for (int32_t c = 0; c < t.run; ++c, w += kFgemmLanes)
        for (int p = 0; p < P; ++p)
          for (int lane = 0; lane < kFgemmLanes; ++lane) acc[p][lane] += rows[p][c] * w[lane];
    }
    for (int p = 0; p < P; ++p)
      for (int lane = 0; lane < kFgemmLanes; ++lane)
        t.out[static_cast<size_t>(p) * t.out_stride + static_cast<size_t>(block * kFgemmLanes + lane)] =
            acc[p][lane] + bias[lane];
  }
}

// P pixels from the first on.
template <int P>
void pixels_of_row(const FgemmRow& t, int32_t first) {
  float acc[P][kFgemmLanes] = {};
  float* out = t.out + static_cast<size_t>(first) * t.out_stride;
  const float* x = t.x + static_cast<size_t>(first) * t.pixel_step;
  for (int p = 0; t.resume && p < P; ++p)
    for (int lane = 0; lane < kFgemmLanes; ++lane) acc[p][lane] = out[static_cast<size_t>(p) * t.out_stride + lane];
  const float* w = t.weight;
  for (int32_t tap = 0; tap < t.taps; ++tap, x += t.tap_step)
    for (int32_t c = 0; c < t.run; ++c, w += kFgemmLanes)
      for (int p = 0; p < P; ++p)
        for (int lane = 0; lane < kFgemmLanes; ++lane)
          acc[p][lane] += x[static_cast<size_t>(p) * t.pixel_step + static_cast<size_t>(c)] * w[lane];
  for (int p = 0; p < P; ++p)
    for (int lane = 0; lane < kFgemmLanes; ++lane)
      out[static_cast<size_t>(p) * t.out_stride + lane] = t.bias ? acc[p][lane] + t.bias[lane] : acc[p][lane];
}

}  // namespace

void fgemm_row_scalar(const FgemmRow& t) {
  int32_t p = 0;
  for (; p + 2 <= t.pixels; p += 2) pixels_of_row<2>(t, p);
  if (p < t.pixels) pixels_of_row<1>(t, p);
}

void fgemm_many_scalar(const FgemmTile& t) { tile<2>(t); }
void fgemm_one_scalar(const FgemmTile& t) { tile<1>(t); }

}  // namespace xnorkit
