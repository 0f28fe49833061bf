// Buffers that live at the same time never share a byte; the arena is near its lower bound.
#include "program/memory_plan.h"

#include "base/aligned.h"
#include "base/check.h"
#include "base/random.h"

using namespace xnorkit;

namespace {

bool apart(const std::vector<Buffer>& buffers, size_t total) {
  for (const Buffer& a : buffers) {
    if (a.offset % kAlignment != 0 || a.offset + a.bytes > total) return false;
    for (const Buffer& b : buffers) {
      if (&a == &b || !a.meets(b)) continue;
      if (a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes) return false;
    }
  }
  return true;
}

void random_plans() {
  Random r{13};
  size_t bound_sum = 0, total_sum = 0;
  for (int i = 0; i < 400; ++i) {
    std::vector<Buffer> buffers(static_cast<size_t>(r.between(1, 60)));
    for (Buffer& b : buffers) {
      b.bytes = static_cast<size_t>(r.between(1, 5000));
      b.first = r.between(0, 40);
      b.last = b.first + r.between(0, 8);
    }
    const size_t total = plan_memory(buffers), bound = live_bytes(buffers);
    CHECK(apart(buffers, total), "plan %d overlaps", i);
    CHECK(total >= bound, "plan %d: %zu below its lower bound %zu", i, total, bound);
    bound_sum += bound;
    total_sum += total;
  }
  CHECK(total_sum * 10 <= bound_sum * 11, "%zu bytes are more than 10 %% above %zu", total_sum, bound_sum);
}

void a_chain_needs_its_largest_pair() {
  std::vector<Buffer> buffers;
  for (int i = 0; i < 20; ++i) buffers.push_back({static_cast<size_t>(64 * (i % 5 + 1)), i, i + 1});
  const size_t total = plan_memory(buffers);
  CHECK(total == 64 * (4 + 5), "%zu bytes", total);
}

}  // namespace

int main() {
  random_plans();
  a_chain_needs_its_largest_pair();
  std::vector<Buffer> none;
  CHECK(plan_memory(none) == 0, "no buffers");
  return test::check_summary();
}
