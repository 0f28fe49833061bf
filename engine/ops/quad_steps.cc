#include "ops/quad_steps.h"

#include <algorithm>
#include <array>

namespace xnorkit {
namespace {

using Step = std::array<int8_t, 4 * kQgemmLanes>;

// Moves from `rest` what one pair of a step can hold.
void take_pair(int8_t* rest, int8_t* step) {
  const int32_t sign = rest[0] < 0 ? -1 : 1, room = kQgemmPairWeight - sign * rest[0];
  step[0] = rest[0];
  step[1] = static_cast<int8_t>(sign * std::min(sign * rest[1], room));  // no limit on the other sign
  rest[0] = 0;
  rest[1] = static_cast<int8_t>(rest[1] - step[1]);
}

bool any(const Step& step) {
  return std::any_of(step.begin(), step.end(), [](int8_t w) { return w != 0; });
}

}  // namespace

Status QuadSteps::create(const ConvShape& g, int64_t tap_step, const int8_t* weight) {
  std::vector<Step> steps;
  first_ = {0};
  for (int32_t o = 0; o < g.out_channels; o += kQgemmLanes) {
    const int32_t lanes = std::min(kQgemmLanes, g.out_channels - o);
    for (int32_t tap = 0; tap < g.taps; ++tap)
      for (int32_t k = 0; k < g.run; k += 4) {
        Step rest{};
        for (int32_t lane = 0; lane < lanes; ++lane)
          std::copy_n(weight + (int64_t{o + lane} * g.taps + tap) * g.run + k, std::min<int32_t>(4, g.run - k),
                      rest.begin() + lane * 4);
        for (; any(rest); offsets_.push_back(static_cast<int32_t>(tap * tap_step + k))) {
          Step& step = steps.emplace_back();
          for (size_t i = 0; i < step.size(); i += 2) take_pair(rest.data() + i, step.data() + i);
        }
      }
    first_.push_back(static_cast<int32_t>(offsets_.size()));
  }
  const size_t bytes = steps.size() * sizeof(Step);
  if (!weight_.allocate(bytes)) {
    return Status::error(Code::limit, "[qconv2d] memory: got %zu bytes refused, expected them for the weights", bytes);
  }
  if (bytes > 0) std::memcpy(weight_.as<int8_t>(), steps.data(), bytes);
  return {};
}

}  // namespace xnorkit
