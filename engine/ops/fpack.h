// Float weights as kernels/fgemm reads them: [group][block][depth][16 channels], and biases [group][block][16]; zeros
// behind the last channel of a group.
#pragma once
#include "base/aligned.h"
#include "ops/tiling.h"
#include "ops/window_geometry.h"

namespace xnorkit {

class FloatPanels {
 public:
  // weight: (O, kH, kW, C/groups); bias: (O) or null. XK_LIMIT when memory is refused.
  Status create(const char* where, const ConvShape& g, const float* weight, const float* bias) {
    depth_ = g.depth;
    blocks_ = static_cast<int32_t>(ceil_div(g.group_outputs, kLanes));
    const size_t lanes = static_cast<size_t>(g.groups) * static_cast<size_t>(blocks_) * kLanes;
    const size_t bytes = lanes * static_cast<size_t>(depth_) * sizeof(float);
    if (!weight_.allocate(bytes) || !bias_.allocate(lanes * sizeof(float))) {
      return Status::error(Code::limit, "[%s] memory: got %zu bytes refused, expected them for the weights", where,
                           bytes);
    }
    for (int32_t o = 0; o < g.out_channels; ++o) {
      const int32_t group = o / g.group_outputs, at = o % g.group_outputs;
      const size_t index = static_cast<size_t>(group) * static_cast<size_t>(blocks_) + static_cast<size_t>(at / kLanes);
      float* to = weight_.as<float>() + index * static_cast<size_t>(depth_) * kLanes + at % kLanes;
      for (int64_t k = 0; k < depth_; ++k) to[k * kLanes] = weight[o * depth_ + k];
      if (bias) bias_.as<float>()[index * kLanes + static_cast<size_t>(at % kLanes)] = bias[o];
    }
    return {};
  }

  int32_t blocks() const { return blocks_; }  // of one group
  size_t bytes() const { return weight_.bytes() + bias_.bytes(); }
  const float* block(int32_t group, int32_t block) const {
    return weight_.as<float>() + (int64_t{group} * blocks_ + block) * depth_ * kLanes;
  }
  const float* bias(int32_t group, int32_t block) const {
    return bias_.as<float>() + (int64_t{group} * blocks_ + block) * kLanes;
  }

 private:
  int64_t depth_ = 0;
  int32_t blocks_ = 0;
  AlignedBuffer weight_, bias_;
};

}  // namespace xnorkit
