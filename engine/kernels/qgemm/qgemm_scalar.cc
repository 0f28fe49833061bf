// Plain C++, the oracle of the family.
#include "kernels/qgemm/qgemm.h"

namespace xnorkit {
namespace {

template <int P>
void tile(const QgemmTile& t) {
  const int8_t* w = t.weight;
  for (int32_t block = 0; block < t.blocks; ++block) {
    int32_t acc[P][kQgemmLanes] = {};
    for (int32_t pair = 0; pair < t.pairs; ++pair, w += 2 * kQgemmLanes)
      for (int p = 0; p < P; ++p) {
        const int16_t* x = t.x + static_cast<size_t>(p) * t.x_stride + 2 * static_cast<size_t>(pair);
        for (int lane = 0; lane < kQgemmLanes; ++lane) acc[p][lane] += x[0] * w[2 * lane] + x[1] * w[2 * lane + 1];
      }
    for (int p = 0; p < P; ++p)
      for (int lane = 0; lane < kQgemmLanes; ++lane)
        t.out[static_cast<size_t>(p) * t.out_stride + static_cast<size_t>(block * kQgemmLanes + lane)] = acc[p][lane];
  }
}

}  // namespace

void qgemm_many_scalar(const QgemmTile& t) { tile<2>(t); }
void qgemm_one_scalar(const QgemmTile& t) { tile<1>(t); }

void qgemm_row_scalar(const QgemmRow& t) {
  for (int32_t p = 0; p < t.pixels; ++p) {
    int32_t acc[kQgemmLanes] = {};
    const int16_t* x = t.x + static_cast<size_t>(p) * t.pixel_step;
    const int16_t* w = t.weight;
    for (int32_t tap = 0; tap < t.taps; ++tap, x += t.tap_step)
      for (int32_t pair = 0; pair < t.pairs; ++pair, w += 2 * kQgemmLanes)
        for (int lane = 0; lane < kQgemmLanes; ++lane)
          acc[lane] += x[2 * pair] * w[2 * lane] + x[2 * pair + 1] * w[2 * lane + 1];
    for (int lane = 0; lane < kQgemmLanes; ++lane) t.out[static_cast<size_t>(p) * t.out_stride + lane] = acc[lane];
  }
}

void qgemm_quads_scalar(const QgemmQuads& t) {
  for (int32_t p = 0; p < t.pixels; ++p) {
    int32_t acc[kQgemmLanes] = {};
    const int8_t* w = t.weight;
    for (int32_t step = 0; step < t.steps; ++step) {
      const uint8_t* x = t.x + static_cast<size_t>(p) * t.pixel_step + t.offsets[step];
      for (int lane = 0; lane < kQgemmLanes; ++lane)
        for (int i = 0; i < 4; ++i) acc[lane] += x[i] * *w++;
    }
    for (int lane = 0; lane < kQgemmLanes; ++lane) t.out[static_cast<size_t>(p) * t.out_stride + lane] = acc[lane];
  }
}

void qgemm_widen_scalar(const uint8_t* from, int64_t step, int32_t rows, int64_t count, int16_t* to) {
  for (int32_t row = 0; row < rows; ++row, from += step, to += count)
    for (int64_t i = 0; i < count; ++i) to[i] = from[i];
}

}  // namespace xnorkit
