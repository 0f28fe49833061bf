// The loops of every kernel of this folder for words of any width. All is local to the including file, because each is
// compiled for another CPU.
//
// Full adder: a + b + c = low + 2 carry, 5 operations. Eight taps fold into the planes 1, 2, 4 and one carry of weight
// 8 by 7 of them; taps left over ripple up by half adders. Comparison from the lowest plane up, with n = ~limit:
//
//   ge <- count > limit in this bit, or equal in it and ge so far:   ge = (c & n) | ((c | n) & ge), at first 1
#pragma once
#include <string.h>

#include "kernels/bdepth/bdepth.h"

namespace xnorkit::bdepth {

extern const Kernel kScalar;
extern const Kernel kAvx2;

namespace {

struct Spread {
  uint64_t bytes[256];  // bit i of the index -> byte i

  constexpr Spread() : bytes{} {
    for (unsigned index = 0; index < 256; ++index) {
      for (unsigned i = 0; i < 8; ++i) bytes[index] |= uint64_t{index >> i & 1} << (8 * i);
    }
  }
};
constexpr Spread kSpread;

template <class W>
[[gnu::always_inline]] inline W add3(W* low, W b, W c) {
  const W half = *low ^ b, carry = (*low & b) | (half & c);
  *low = half ^ c;
  return carry;
}

// Adds a carry of weight 2^first.
template <int P, class W>
[[gnu::always_inline]] inline void ripple(W (&planes)[P], W carry, int first) {
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) {
    if (p < first) continue;
    const W next = planes[p] & carry;
    planes[p] ^= carry;
    carry = next;
  }
}

// x(tap): activations ^ weights.
template <int P, class W, class X>
[[gnu::always_inline]] inline void count(W (&planes)[P], int32_t taps, X x) {
  int32_t tap = 0;
  if constexpr (P >= 4) {
    for (; tap + 8 <= taps; tap += 8) {
      W fours[2];
#pragma GCC unroll 2
      for (int i = 0; i < 2; ++i) {
        const W first = add3(&planes[0], x(tap + 4 * i), x(tap + 4 * i + 1));
        const W second = add3(&planes[0], x(tap + 4 * i + 2), x(tap + 4 * i + 3));
        fours[i] = add3(&planes[1], first, second);
      }
      ripple<P, W>(planes, add3(&planes[2], fours[0], fours[1]), 3);
    }
  }
  for (; tap + 2 <= taps; tap += 2) ripple<P, W>(planes, add3(&planes[0], x(tap), x(tap + 1)), 1);
  if (tap < taps) ripple<P, W>(planes, x(tap), 0);
}

// `size` bytes from byte `at` of a pixel's channels: a whole word, or the last few bytes.
template <int P, class W>
[[gnu::always_inline]] inline void word(const Row& row, int32_t pixel, size_t at, size_t size) {
  const uint8_t* window = row.band + static_cast<size_t>(pixel) * row.step + at;
  const auto load = [size](const uint8_t* from) {
    W value{};
    memcpy(&value, from, size);
    return value;
  };
  W planes[P] = {};
  count<P, W>(planes, row.taps, [&](int32_t tap) {
    return load(window + row.offsets[tap]) ^ load(row.weights + static_cast<size_t>(tap) * row.period + at);
  });
  if (row.limits == nullptr) {
    uint8_t bits[P][sizeof(W)];
    memcpy(bits, planes, sizeof bits);
    uint8_t* out = row.out + (static_cast<size_t>(pixel) * row.bytes + at) * 8;
    for (size_t i = 0; i < size; ++i) {
      uint64_t counts = 0;
      for (int p = 0; p < P; ++p) counts += kSpread.bytes[bits[p][i]] << p;
      memcpy(out + i * 8, &counts, 8);
    }
    return;
  }
  const uint8_t* limits = row.limits + static_cast<size_t>(row.classes[pixel]) * P * row.period + at;
  W reached = ~W{};
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) {
    const W n = load(limits + static_cast<size_t>(p) * row.period);
    reached = (planes[p] & n) | ((planes[p] | n) & reached);
  }
  reached ^= load(row.flip + at);
  memcpy(row.out + static_cast<size_t>(pixel) * row.bytes + at, &reached, size);
}

// Where pixels are narrow and lie behind each other, a word takes several of one class. Else words of W while they fit,
// then of 64 bits, then what is left.
template <int P, class W>
void run_planes(const Row& row) {
  const bool narrow = row.period > row.bytes && sizeof(W) % row.bytes == 0;
  const int32_t joint = narrow ? static_cast<int32_t>(sizeof(W) / row.bytes) : 1;
  for (int32_t pixel = 0; pixel < row.pixels; ++pixel) {
    if (joint > 1 && row.alike[pixel] >= joint) {
      word<P, W>(row, pixel, 0, sizeof(W));
      pixel += joint - 1;
      continue;
    }
    size_t at = 0;
    for (; at + sizeof(W) <= row.bytes; at += sizeof(W)) word<P, W>(row, pixel, at, sizeof(W));
    for (; at + 8 <= row.bytes; at += 8) word<P, uint64_t>(row, pixel, at, 8);
    if (at < row.bytes) word<P, uint64_t>(row, pixel, at, row.bytes - at);
  }
}

template <class W>
void run_words(const Row& row) {
  switch (row.planes) {
    case 2: return run_planes<2, W>(row);
    case 3: return run_planes<3, W>(row);
    case 4: return run_planes<4, W>(row);
    case 5: return run_planes<5, W>(row);
    case 6: return run_planes<6, W>(row);
    case 7: return run_planes<7, W>(row);
    default: return run_planes<8, W>(row);
  }
}

}  // namespace
}  // namespace xnorkit::bdepth
