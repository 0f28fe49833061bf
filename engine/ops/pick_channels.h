// Some channels of a value, in another order: slices, splits, channel shuffles.
#pragma once
#include "ops/op.h"

namespace xnorkit {

// Result j is of channel begin + (j mod groups) * (count / groups) + j / groups.
struct Pick {
  int32_t begin, count, groups;
};

// (H, W, C) to (H, W, count) of the same element type. XK_SHAPE where the channels end before, or count is no multiple
// of groups; XK_RANGE begin below 0, count or groups below 1.
Status pick_channels_output(const ValueType& input, const Pick& pick, ValueType* out);

// Bits move one by one unless whole bytes do. Errors as pick_channels_output.
Status make_pick_channels(const ValueType& input, const Pick& pick, OpPtr* out);

}  // namespace xnorkit
