// 32, then 8 channels in registers through all steps; what is left of a row goes one by one with the same operations.
#include "kernels/eltwise/chain.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace xnorkit {
namespace {

#define XK_INLINE inline __attribute__((always_inline))

template <int N, typename F>
XK_INLINE void each(__m256 (&v)[N], F f) {
#pragma GCC unroll 8
  for (int i = 0; i < N; ++i) v[i] = f(v[i], static_cast<size_t>(i) * 8);
}

template <int N>
XK_INLINE void pack(__m256 (&v)[N], uint8_t* bits) {
  each<N>(v, [=](__m256 x, size_t i) {
    const __m256 below = _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_LT_OQ);
    bits[i / 8] = static_cast<uint8_t>(_mm256_movemask_ps(below));
    return x;
  });
}

template <int N>
XK_INLINE void apply(const ChainStep& s, size_t stride, size_t p, size_t c, uint8_t* bits, __m256 (&v)[N]) {
  const float *a = s.a + c, *b = s.b + c;
  switch (s.kind) {
    case ChainKind::affine:
      each<N>(v, [=](__m256 x, size_t i) {
        return _mm256_add_ps(_mm256_mul_ps(x, _mm256_loadu_ps(a + i)), _mm256_loadu_ps(b + i));
      });
      return;
    case ChainKind::prelu:
      each<N>(v, [=](__m256 x, size_t i) {
        const __m256 keep = _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_GE_OQ);
        return _mm256_blendv_ps(_mm256_mul_ps(_mm256_loadu_ps(a + i), x), x, keep);
      });
      return;
    case ChainKind::relu:  // NaN, -0: the second, +0
      each<N>(v, [](__m256 x, size_t) { return _mm256_max_ps(x, _mm256_setzero_ps()); });
      return;
    case ChainKind::hardtanh:  // NaN: the second, x
      each<N>(v,
              [](__m256 x, size_t) { return _mm256_min_ps(_mm256_set1_ps(1), _mm256_max_ps(_mm256_set1_ps(-1), x)); });
      return;
    case ChainKind::add: {
      const float* map = a + p * stride;
      each<N>(v, [=](__m256 x, size_t i) { return _mm256_add_ps(x, _mm256_loadu_ps(map + i)); });
      return;
    }
    case ChainKind::scale_map: {
      const __m256 factor = _mm256_set1_ps(s.a[p]);
      each<N>(v, [=](__m256 x, size_t) { return _mm256_mul_ps(x, factor); });
      return;
    }
    case ChainKind::branch: {
      __m256 w[N];
      each<N>(w, [&](__m256, size_t i) {
        return _mm256_add_ps(_mm256_mul_ps(v[i / 8], _mm256_loadu_ps(a + i)), _mm256_loadu_ps(b + i));
      });
      pack<N>(w, bits);
      return;
    }
    case ChainKind::none:
    case ChainKind::sign: return;
  }
}

template <int N>
XK_INLINE void lanes(const ChainArgs& args, bool signs, size_t p, size_t c) {
  __m256 v[N];
  const size_t at = p * args.stride + c;
  uint8_t* bits = args.bits == nullptr ? nullptr : args.bits + p * args.bits_stride + c / 8;
  each<N>(v, [&](__m256, size_t i) { return _mm256_loadu_ps(args.x + at + i); });
  for (int32_t s = 0;; ++s) {
    if (s == args.store) each<N>(v, [&](__m256 x, size_t i) { return _mm256_storeu_ps(args.out + at + i, x), x; });
    if (s == args.count) break;
    apply<N>(args.steps[s], args.stride, p, c, bits, v);
  }
  if (signs) pack<N>(v, bits);
}

float step_of(const ChainStep& s, size_t stride, size_t p, size_t c, float v) {
  switch (s.kind) {
    case ChainKind::affine: return v * s.a[c] + s.b[c];
    case ChainKind::prelu: return v >= 0 ? v : s.a[c] * v;
    case ChainKind::relu: return v > 0 ? v : 0.0f;
    case ChainKind::hardtanh: return v < -1 ? -1.0f : v > 1 ? 1.0f : v;
    case ChainKind::add: return v + s.a[p * stride + c];
    case ChainKind::scale_map: return v * s.a[p];
    case ChainKind::branch:
    case ChainKind::none:
    case ChainKind::sign: break;
  }
  return v;
}

// Channels c .. channels - 1, fewer than 8.
void tail(const ChainArgs& args, bool signs, size_t p, size_t c) {
  unsigned byte = 0;
  for (size_t i = c; i < static_cast<size_t>(args.channels); ++i) {
    float v = args.x[p * args.stride + i];
    bool below = false;
    for (int32_t s = 0;; ++s) {
      if (s == args.store) args.out[p * args.stride + i] = v;
      if (s == args.count) break;
      const ChainStep& step = args.steps[s];
      if (step.kind == ChainKind::branch) below = v * step.a[i] + step.b[i] < 0;
      v = step_of(step, args.stride, p, i, v);
    }
    byte |= static_cast<unsigned>(signs ? v < 0 : below) << (i - c);
  }
  if (args.bits != nullptr) args.bits[p * args.bits_stride + c / 8] = static_cast<uint8_t>(byte);
}

}  // namespace

void chain_avx2(const ChainArgs& args) {
  const size_t channels = static_cast<size_t>(args.channels);
  bool signs = args.bits != nullptr;
  for (int32_t s = 0; s < args.count; ++s) signs &= args.steps[s].kind != ChainKind::branch;
  for (size_t p = 0; p < args.pixels; ++p) {
    size_t c = 0;
    for (; c + 64 <= channels; c += 64) lanes<8>(args, signs, p, c);
    for (; c + 32 <= channels; c += 32) lanes<4>(args, signs, p, c);
    for (; c + 8 <= channels; c += 8) lanes<1>(args, signs, p, c);
    if (c < channels) tail(args, signs, p, c);
  }
}

}  // namespace xnorkit
#endif
