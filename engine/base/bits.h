// Bit strings, LSB first: bit i is bit i % 8 of byte i / 8.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace xnorkit {

constexpr size_t bytes_of_bits(size_t bits) { return (bits + 7) / 8; }

// dst[0 .. ceil(count / 8)) = bits [first, first + count) of src, tail bits 0. Reads no byte of src outside that range.
inline void copy_bits(const uint8_t* src, size_t first, size_t count, uint8_t* dst) {
  const size_t bytes = bytes_of_bits(count), last = (first + count - 1) / 8;
  const unsigned shift = first % 8;
  if (shift == 0) std::memcpy(dst, src + first / 8, bytes);
  for (size_t i = 0; shift != 0 && i < bytes; ++i) {
    const size_t at = first / 8 + i;
    const unsigned high = at + 1 <= last ? src[at + 1] : 0u;
    dst[i] = static_cast<uint8_t>((src[at] | high << 8) >> shift);
  }
  if (count % 8 != 0) dst[bytes - 1] &= static_cast<uint8_t>((1u << (count % 8)) - 1);
}

// ORs `count` <= 64 bits into dst at bit `first`. Bits above count must be 0.
inline void or_bits(uint8_t* dst, size_t first, size_t count, uint64_t bits) {
  for (size_t done = 0; done < count;) {
    const size_t at = first + done;
    dst[at / 8] = static_cast<uint8_t>(dst[at / 8] | bits << (at % 8));
    const size_t step = 8 - at % 8;
    bits >>= step;
    done += step;
  }
}

}  // namespace xnorkit
