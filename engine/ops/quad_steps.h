// int8 weights as steps of four bytes for `qgemm_quads_*`, which adds two pairs of products in 16 bits: exact only
// where weights of one sign in a pair amount to at most 128. What is above that goes into a second step over the same
// four inputs, so any weights are exact; those of trained layers, and all of 7 bits (-64..64), seldom or never need it.
#pragma once
#include <vector>

#include "base/aligned.h"
#include "base/status.h"
#include "kernels/qgemm/qgemm.h"
#include "ops/tiling.h"
#include "ops/window_geometry.h"

namespace xnorkit {

class QuadSteps {
 public:
  // weight: (O, taps, run). Tap t's inputs lie at `tap_step` * t of a pixel's first. XK_LIMIT when memory is refused.
  Status create(const ConvShape& g, int64_t tap_step, const int8_t* weight);

  // Steps of all blocks of 16 channels; those with zeros only are left out.
  int64_t count() const { return static_cast<int64_t>(offsets_.size()); }
  size_t bytes() const { return weight_.bytes() + offsets_.size() * sizeof offsets_[0]; }

  // The block's share of a QgemmQuads.
  int32_t steps(int32_t block) const { return first_[block + 1] - first_[block]; }
  const int32_t* offsets(int32_t block) const { return offsets_.data() + first_[block]; }
  const int8_t* weight(int32_t block) const { return weight_.as<int8_t>() + int64_t{first_[block]} * 4 * kQgemmLanes; }

 private:
  std::vector<int32_t> offsets_, first_;
  AlignedBuffer weight_;
};

// Vector operations for 16 channels of a pixel: by steps (2 products, 2 widenings, 2 additions), by pairs.
inline int64_t quads_cost(const QuadSteps& steps) { return 6 * steps.count(); }
inline int64_t pairs_cost(const ConvShape& g) {
  return 4 * ceil_div(g.run, 2) * g.taps * ceil_div(g.out_channels, kQgemmLanes);
}

}  // namespace xnorkit
