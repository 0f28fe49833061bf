#include "codecs/symbols.h"

#include <algorithm>

namespace xnorkit {

Status Symbols::open_fields(const char* where, const Part<uint8_t>& data, int64_t width, int64_t count) {
  if (width < 1 || width > 8) return Status::error(Code::graph, "[%s] width: expected 1..8", where);
  const uint64_t bytes = (static_cast<uint64_t>(count) * static_cast<uint64_t>(width) + 7) / 8;
  if (count < 0 || data.count != bytes) {
    return Status::error(Code::graph, "[%s] bytes: got %zu, expected %llu", where, data.count,
                         static_cast<unsigned long long>(bytes));
  }
  where_ = where;
  data_ = data;
  width_ = static_cast<size_t>(width);
  codes_ = broken_ = false;
  bit_ = 0;
  return {};
}

Status Symbols::open_codes(const char* where, const Part<uint8_t>& data, const Part<uint8_t>& lengths, int64_t count) {
  if (lengths.count > kMostSymbols) return Status::error(Code::graph, "[%s] code lengths: expected up to 256", where);
  if (count < 0 || static_cast<uint64_t>(count) > 8 * static_cast<uint64_t>(data.count) ||
      (count == 0) != (data.count == 0)) {
    return Status::error(Code::graph, "[%s] numbers: got %lld in %zu bytes", where, static_cast<long long>(count),
                         data.count);
  }
  uint32_t used = 0, space = 0;
  for (size_t s = 0; s < lengths.count; ++s) {
    if (lengths.data[s] > kLongestCode) return Status::error(Code::graph, "[%s] code length: expected up to 16", where);
    if (lengths.data[s] == 0) continue;
    ++used;
    space += 1u << (kLongestCode - lengths.data[s]);
  }
  const uint32_t whole = 1u << kLongestCode;
  if (used > 1 ? space != whole : used == 1 && space != whole / 2) {
    return Status::error(Code::graph, "[%s] code lengths: expected sum of 2^-length = 1", where);
  }
  if (!table_.allocate(whole * sizeof(Entry))) return Status::error(Code::limit, "[%s] memory: none left", where);
  Entry* next = table_.as<Entry>();  // codes rise with (length, symbol), so their places in the table do
  for (int length = 1; length <= kLongestCode; ++length) {
    for (size_t s = 0; s < lengths.count; ++s) {
      if (lengths.data[s] != length) continue;
      const Entry entry{static_cast<uint8_t>(s), static_cast<uint8_t>(length)};
      next = std::fill_n(next, 1u << (kLongestCode - length), entry);
    }
  }
  where_ = where;
  data_ = data;
  codes_ = true;
  broken_ = false;
  bit_ = 0;
  return {};
}

uint8_t Symbols::next_code() {
  const size_t first = bit_ / 8;
  if (first >= data_.count) {
    broken_ = true;
    return 0;
  }
  uint32_t word = uint32_t{data_.data[first]} << 16;
  if (first + 1 < data_.count) word |= uint32_t{data_.data[first + 1]} << 8;
  if (first + 2 < data_.count) word |= data_.data[first + 2];
  const Entry entry = table_.as<Entry>()[word >> (8 - bit_ % 8) & 0xFFFF];
  broken_ |= entry.length == 0;
  bit_ += entry.length;
  return entry.symbol;
}

// Whether the bits of the last byte behind the last number are 0.
bool Symbols::clear_behind() const {
  if (bit_ % 8 == 0) return true;
  const uint8_t last = data_.data[bit_ / 8];
  return (codes_ ? static_cast<uint8_t>(last << (bit_ % 8)) : last >> (bit_ % 8)) == 0;
}

Status Symbols::close() const {
  if (!broken_ && (bit_ + 7) / 8 == data_.count && clear_behind()) return {};
  return Status::error(Code::graph, "[%s] data: got %zu bytes, expected %zu bits and zeros behind them", where_,
                       data_.count, bit_);
}

}  // namespace xnorkit
