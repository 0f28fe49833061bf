// A stream of numbers 0..255, one after the other: fields of a fixed width, or canonical Huffman codes.
#pragma once
#include "base/aligned.h"
#include "codecs/coded.h"

namespace xnorkit {

inline constexpr int kLongestCode = 16;
inline constexpr size_t kMostSymbols = 256;

class Symbols {
 public:
  // Fields: number i takes the bits i width .. (i + 1) width - 1, least significant first. XK_GRAPH: a width outside
  // 1..8, or another number of bytes than `count` of them take.
  Status open_fields(const char* where, const Part<uint8_t>& data, int64_t width, int64_t count);

  // Codes, most significant bit first, whose lengths are given; 0: no code. XK_GRAPH: lengths that make no code in
  // which every row of bits is of exactly one, or more numbers than bits. XK_LIMIT: no memory.
  Status open_codes(const char* where, const Part<uint8_t>& data, const Part<uint8_t>& lengths, int64_t count);

  // The next number. 0 behind the end of the data, which close() then reports.
  uint8_t next() { return codes_ ? next_code() : next_field(); }

  // XK_GRAPH: the numbers read were not all that the data holds, or more.
  Status close() const;

 private:
  struct Entry {
    uint8_t symbol, length;
  };

  uint8_t next_field() {
    const size_t first = bit_ / 8;
    uint32_t word = data_.data[first];
    if (first + 1 < data_.count) word |= uint32_t{data_.data[first + 1]} << 8;
    const uint32_t found = word >> (bit_ % 8) & ((1u << width_) - 1);
    bit_ += width_;
    return static_cast<uint8_t>(found);
  }
  uint8_t next_code();
  bool clear_behind() const;

  const char* where_ = "";
  Part<uint8_t> data_;
  size_t bit_ = 0, width_ = 0;
  bool codes_ = false, broken_ = false;
  AlignedBuffer table_;  // by the next 16 bits
};

}  // namespace xnorkit
