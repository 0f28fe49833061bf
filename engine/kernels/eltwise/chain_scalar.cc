// Plain C++: a step at a time over up to 64 channels in a small array, loops that any compiler vectorises.
#include "kernels/eltwise/chain.h"

namespace xnorkit {
namespace {

constexpr int32_t kPart = 64;

void pack(const float* v, int32_t n, uint8_t* bits) {
  for (int32_t first = 0; first < n; first += 8) {
    unsigned byte = 0;
    for (int32_t c = first; c < n && c < first + 8; ++c) byte |= static_cast<unsigned>(v[c] < 0) << (c - first);
    bits[first / 8] = static_cast<uint8_t>(byte);
  }
}

// Step `s` of `n` channels from `first` on, of pixel p.
void apply(const ChainArgs& args, const ChainStep& s, size_t p, int32_t first, int32_t n, float* v) {
  switch (s.kind) {
    case ChainKind::affine:
      for (int32_t c = 0; c < n; ++c) v[c] = v[c] * s.a[first + c] + s.b[first + c];
      return;
    case ChainKind::prelu:
      for (int32_t c = 0; c < n; ++c) v[c] = v[c] >= 0 ? v[c] : s.a[first + c] * v[c];
      return;
    case ChainKind::relu:
      for (int32_t c = 0; c < n; ++c) v[c] = v[c] > 0 ? v[c] : 0.0f;
      return;
    case ChainKind::hardtanh:
      for (int32_t c = 0; c < n; ++c) v[c] = v[c] < -1 ? -1.0f : v[c] > 1 ? 1.0f : v[c];
      return;
    case ChainKind::add: {
      const float* map = s.a + p * args.stride + static_cast<size_t>(first);
      for (int32_t c = 0; c < n; ++c) v[c] = v[c] + map[c];
      return;
    }
    case ChainKind::scale_map:
      for (int32_t c = 0; c < n; ++c) v[c] = v[c] * s.a[p];
      return;
    case ChainKind::branch: {
      float w[kPart];
      for (int32_t c = 0; c < n; ++c) w[c] = v[c] * s.a[first + c] + s.b[first + c];
      pack(w, n, args.bits + p * args.bits_stride + first / 8);
      return;
    }
    case ChainKind::none:
    case ChainKind::sign: return;
  }
}

bool has_branch(const ChainArgs& args) {
  for (int32_t s = 0; s < args.count; ++s)
    if (args.steps[s].kind == ChainKind::branch) return true;
  return false;
}

}  // namespace

void chain_scalar(const ChainArgs& args) {
  float v[kPart];
  const bool signs = args.bits != nullptr && !has_branch(args);
  for (size_t p = 0; p < args.pixels; ++p) {
    for (int32_t first = 0; first < args.channels; first += kPart) {
      const int32_t n = args.channels - first < kPart ? args.channels - first : kPart;
      const size_t at = p * args.stride + static_cast<size_t>(first);
      for (int32_t c = 0; c < n; ++c) v[c] = args.x[at + static_cast<size_t>(c)];
      for (int32_t s = 0; s <= args.count; ++s) {
        if (s == args.store)
          for (int32_t c = 0; c < n; ++c) args.out[at + static_cast<size_t>(c)] = v[c];
        if (s < args.count) apply(args, args.steps[s], p, first, n, v);
      }
      if (signs) pack(v, n, args.bits + p * args.bits_stride + first / 8);
    }
  }
}

}  // namespace xnorkit
