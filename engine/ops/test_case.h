// What the tests of ops share: random data, and running an op the hard way: uneven splits into units, scratch full of
// garbage, guard bytes behind the output.
#pragma once
#include <algorithm>
#include <cstring>
#include <vector>

#include "base/aligned.h"
#include "base/check.h"
#include "base/cpu.h"
#include "base/random.h"
#include "ops/op.h"

namespace xnorkit::test {

inline float real(Random& random) { return static_cast<float>(random.between(-1 << 20, 1 << 20)) / (1 << 17); }

template <class T>
std::vector<T> integers(Random& random, size_t count, int32_t low, int32_t high) {
  std::vector<T> v(count);
  for (T& x : v) x = static_cast<T>(random.between(low, high));
  return v;
}

inline std::vector<float> reals(Random& random, size_t count) {
  std::vector<float> v(count);
  for (float& x : v) x = real(random);
  return v;
}

// Random rows of bits with clear tails.
inline std::vector<uint8_t> bit_rows(Random& random, size_t rows, int32_t channels) {
  const size_t bytes = (static_cast<size_t>(channels) + 7) / 8;
  std::vector<uint8_t> v = integers<uint8_t>(random, rows * bytes, 0, 255);
  for (size_t r = 0; channels % 8 != 0 && r < rows; ++r)
    v[(r + 1) * bytes - 1] &= static_cast<uint8_t>((1 << channels % 8) - 1);
  return v;
}

inline bool bit(const uint8_t* row, int32_t channel) { return row[channel / 8] >> (channel % 8) & 1; }

inline std::vector<Isa> isas() {
  std::vector<Isa> found;
  for (const Isa isa : {Isa::scalar, Isa::popcnt, Isa::avx2})
    if (isa <= detect_isa()) found.push_back(isa);
  return found;
}

// Output bytes of a batch.
inline std::vector<uint8_t> run(const Op& op, std::vector<const void*> inputs, int32_t batch, Random& random) {
  constexpr size_t kGuard = 64;
  const size_t bytes = op.output().bytes() * static_cast<size_t>(batch);
  std::vector<uint8_t> out(bytes + kGuard, 0xA5);
  AlignedBuffer scratch;
  CHECK(scratch.allocate(op.scratch_bytes()), "scratch of %zu bytes", op.scratch_bytes());
  if (op.scratch_bytes() > 0) memset(scratch.as(), 0xEE, op.scratch_bytes());
  const RunArgs args{inputs.data(), out.data(), batch};
  const int64_t units = op.units(batch);
  for (int64_t begin = 0; begin < units;) {
    const int64_t end = std::min<int64_t>(units, begin + random.between(1, 3));
    op.run(args, begin, end, scratch.as<void>());
    begin = end;
  }
  for (size_t i = 0; i < kGuard; ++i) CHECK(out[bytes + i] == 0xA5, "%s wrote behind its output", op.name());
  out.resize(bytes);
  return out;
}

template <class T>
std::vector<T> run_as(const Op& op, std::vector<const void*> inputs, int32_t batch, Random& random) {
  const std::vector<uint8_t> bytes = run(op, std::move(inputs), batch, random);
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!bytes.empty()) memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

}  // namespace xnorkit::test
