#include "base/hashing.h"
#include "kernels/deal/deal.h"

namespace xnorkit::deal {

void run_scalar(const Panel& p) {
  float* to = p.to;
  for (int32_t i = 0; i < p.inputs; ++i)
    for (int32_t lane = 0; lane < kLanes; ++lane, ++to) {
      const uint32_t at = p.first + static_cast<uint32_t>(lane) * p.row_step + static_cast<uint32_t>(i);
      const Dealt one = dealt(at, p.start, p.buckets);
      *to = one.negative ? -p.values[one.bucket] : p.values[one.bucket];
    }
}

}  // namespace xnorkit::deal
