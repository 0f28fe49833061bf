#include "program/memory_plan.h"

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "base/aligned.h"

namespace xnorkit {
namespace {

size_t best_offset(const Buffer& buffer, std::vector<const Buffer*>& placed) {
  std::sort(placed.begin(), placed.end(), [](const Buffer* a, const Buffer* b) { return a->offset < b->offset; });
  size_t end = 0, best = 0, best_gap = SIZE_MAX;
  for (const Buffer* other : placed) {
    if (!other->meets(buffer)) continue;
    if (other->offset > end) {
      const size_t gap = other->offset - end;
      if (gap >= buffer.bytes && gap < best_gap) {
        best = end;
        best_gap = gap;
      }
    }
    end = std::max(end, other->offset + other->bytes);
  }
  return best_gap == SIZE_MAX ? end : best;
}

}  // namespace

size_t plan_memory(std::vector<Buffer>& buffers) {
  std::vector<size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return buffers[a].bytes > buffers[b].bytes; });
  std::vector<const Buffer*> placed;
  size_t total = 0;
  for (const size_t i : order) {
    buffers[i].bytes = align_up(buffers[i].bytes);
    buffers[i].offset = best_offset(buffers[i], placed);
    placed.push_back(&buffers[i]);
    total = std::max(total, buffers[i].offset + buffers[i].bytes);
  }
  return total;
}

size_t live_bytes(const std::vector<Buffer>& buffers) {
  size_t most = 0;
  for (const Buffer& at : buffers) {  // the maximum is reached where some buffer begins
    size_t sum = 0;
    for (const Buffer& b : buffers)
      if (b.first <= at.first && at.first <= b.last) sum += b.bytes;
    most = std::max(most, sum);
  }
  return most;
}

}  // namespace xnorkit
