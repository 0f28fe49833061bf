// One suite for every row of the kernel table, wherever it runs: natively, under qemu, compiled through SIMDe, or on
// bare metal. Needs nothing but memcpy and memset, so that the same shapes from the same seeds run everywhere.
#pragma once
#include "kernels/bgemm/bgemm.h"

namespace xnorkit::bgemm {

// Where the suite's arrays come from: take returns `bytes` bytes, 64-byte aligned, no more, or null; release ends all.
struct Memory {
  void* (*take)(size_t bytes);
  void (*release)();
};

// A block's shape: pixels 1..64, out_channels 1..kPanelChannels; alone as Block::alone.
struct Shape {
  int32_t taps, channels, out_channels, pixels;
  bool alone;
  Store store;
};

struct Verdict {
  int64_t shapes, bytes;  // run; output bytes compared
  int64_t failures;       // shapes whose output differs, or whose memory was refused
  Shape first_failure;
};

// Runs the first `shapes` shapes of the stream `seed` on kernel and on the scalar row: every store, tails in channels
// and outputs, padded pixels, rows in any place, absent pixels; the whole output must be equal, untouched bytes too.
Verdict conform(const Kernel& kernel, int32_t shapes, uint64_t seed, const Memory& memory);

}  // namespace xnorkit::bgemm
