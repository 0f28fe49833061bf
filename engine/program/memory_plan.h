// Places buffers that live at different times into one arena.
#pragma once
#include <cstddef>
#include <vector>

namespace xnorkit {

// A buffer of one image: live from step `first` to step `last`, both included.
struct Buffer {
  size_t bytes = 0;
  int first = 0, last = 0;
  size_t offset = 0;  // set by plan_memory, a multiple of kAlignment

  bool meets(const Buffer& other) const { return first <= other.last && other.first <= last; }
};

// Greedy by size: the largest buffers first, each at the lowest offset of the tightest gap left by placed buffers that
// live at the same time. Returns the arena's bytes for one image. A batch of N scales offsets and sizes by N.
size_t plan_memory(std::vector<Buffer>& buffers);

// Lower bound of any plan: the most bytes that are live at one step.
size_t live_bytes(const std::vector<Buffer>& buffers);

}  // namespace xnorkit
