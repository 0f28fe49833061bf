// Random epilogues and exact comparison for the tests of bconv2d and bdense.
#pragma once
#include <cstring>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "kernels/bgemm/bgemm.h"
#include "ops/epilogue.h"

namespace xnorkit::test {

struct EpilogueCase {
  std::vector<int32_t> threshold;
  std::vector<uint8_t> flip;
  std::vector<float> scale, bias;
  Epilogue epilogue;

  // Thresholds cluster around 0 with spread `bound`, and include never, always and the edges of int32.
  EpilogueCase(Random& random, int32_t channels, int32_t bound, Epilogue::Kind kind) {
    const int32_t special[] = {INT32_MIN, INT32_MAX, -bound, bound, bound + 1, 0};
    const size_t count = static_cast<size_t>(channels);
    for (size_t c = 0; c < count; ++c) {
      const bool odd_one = random.next() % 8 == 0;
      threshold.push_back(odd_one ? special[random.next() % 6] : random.between(-bound / 8 - 2, bound / 8 + 2));
      scale.push_back(static_cast<float>(random.between(-1000, 1000)) / 317.0f);
      bias.push_back(static_cast<float>(random.between(-1000, 1000)) / 13.0f);
    }
    flip.resize((count + 7) / 8);
    random.fill_bits(flip.data(), count);
    epilogue = {kind, threshold.data(), flip.data(), scale.data(), bias.data()};
  }
};

// +1 or -1 at flat bit i.
inline int32_t sign_at(const uint8_t* bits, size_t i) { return bits[i / 8] >> (i % 8) & 1 ? -1 : 1; }

// Runs op over `batch` in units cut at random places, each call with poisoned scratch, into a poisoned output.
inline std::vector<uint8_t> run_cut(const Op& op, const std::vector<uint8_t>& input, int32_t batch, Random& random) {
  std::vector<uint8_t> output(op.output().bytes() * static_cast<size_t>(batch), 0xa5);
  const void* inputs[] = {input.data()};
  const RunArgs args{inputs, output.data(), batch};
  const int64_t units = op.units(batch);
  for (int64_t begin = 0; begin < units;) {
    const int64_t end = begin + 1 + static_cast<int64_t>(random.next() % static_cast<uint64_t>(units - begin));
    AlignedBuffer scratch;
    const bool had = scratch.allocate(op.scratch_bytes());
    CHECK(had, "scratch of %zu bytes", op.scratch_bytes());
    std::memset(scratch.as(), 0x5a, scratch.bytes());
    op.run(args, begin, end, scratch.as());
    begin = end;
  }
  return output;
}

// acc (batch * pixels, C) -> what the op must store.
inline std::vector<uint8_t> expected_bytes(const std::vector<int32_t>& acc, const EpilogueCase& epilogue,
                                           int32_t channels) {
  EpilogueTable table;
  CHECK(table.create("test", epilogue.epilogue, channels).ok(), "epilogue table");
  const size_t row = ValueType{table.output_dtype(), 1, 1, channels}.row_bytes();
  const size_t rows = acc.size() / static_cast<size_t>(channels);
  std::vector<uint8_t> bytes(rows * row);
  for (size_t i = 0; i < rows; ++i)
    table.store_row(acc.data() + i * static_cast<size_t>(channels), bytes.data() + i * row);
  return bytes;
}

}  // namespace xnorkit::test
