// cpu levels, bit copies and aligned buffers.
//   base_test [level]      level: what detect_isa() must find here
#include <cstring>

#include "base/aligned.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/cpu.h"
#include "base/random.h"

namespace xnorkit::test {
namespace {

void test_isa() {
  Isa isa;
  CHECK(select_isa(nullptr, &isa).ok() && isa == detect_isa(), "default level");
  CHECK(select_isa("", &isa).ok() && isa == detect_isa(), "empty name");
  CHECK(select_isa("scalar", &isa).ok() && isa == Isa::scalar, "an override lowers");
  CHECK(select_isa("mmx", &isa).code == Code::range, "unknown name");
  bool known = false;
  for (int32_t i = 0; i < kIsaLevelCount; ++i) {
    const Isa level = kIsaLevels[i];
    known |= level == detect_isa();
    CHECK(i == 0 || kIsaLevels[i - 1] < level, "levels ascend");
    const Code expected = level <= detect_isa() ? Code::ok : Code::unsupported;
    CHECK(select_isa(isa_name(level), &isa).code == expected, "%s", isa_name(level));
  }
  CHECK(known, "%s is a level of this architecture", isa_name(detect_isa()));
}

bool bit(const uint8_t* bits, size_t i) { return bits[i / 8] >> (i % 8) & 1; }

void test_bits() {
  Random random{3};
  for (int round = 0; round < 2000; ++round) {
    const size_t first = random.next() % 40, count = 1 + random.next() % 90, total = bytes_of_bits(first + count);
    uint8_t src[24], dst[24], merged[24] = {};
    random.fill_bits(src, total * 8);
    copy_bits(src, first, count, dst);
    bool same = true;
    for (size_t i = 0; i < bytes_of_bits(count) * 8; ++i) same &= bit(dst, i) == (i < count && bit(src, first + i));
    CHECK(same, "copy_bits first %zu count %zu", first, count);
    if (count > 64) continue;
    uint64_t value = 0;
    for (size_t i = 0; i < count; ++i) value |= uint64_t{bit(src, first + i)} << i;
    or_bits(merged, first, count, value);
    for (size_t i = 0; i < sizeof merged * 8; ++i) {
      same &= bit(merged, i) == (i >= first && i < first + count && bit(src, i));
    }
    CHECK(same, "or_bits first %zu count %zu", first, count);
  }
}

void test_aligned() {
  AlignedBuffer buffer;
  CHECK(buffer.allocate(100) && buffer.bytes() == 100, "allocate");
  CHECK(reinterpret_cast<uintptr_t>(buffer.as()) % kAlignment == 0, "alignment");
  bool zeros = true;
  for (size_t i = 0; i < 128; ++i) zeros &= buffer.as()[i] == 0;
  CHECK(zeros, "zero-filled to the end of its last line");
  AlignedBuffer moved = std::move(buffer);
  CHECK(moved.bytes() == 100 && buffer.bytes() == 0 && buffer.as() == nullptr, "move");
  CHECK(!moved.allocate(SIZE_MAX) && moved.as() == nullptr, "a size past the end of memory is refused");
}

}  // namespace
}  // namespace xnorkit::test

int main(int argc, char** argv) {
  using namespace xnorkit::test;
  if (argc > 1) {
    const char* found = xnorkit::isa_name(xnorkit::detect_isa());
    CHECK(std::strcmp(found, argv[1]) == 0, "level: got %s, expected %s", found, argv[1]);
  }
  test_isa();
  test_bits();
  test_aligned();
  return check_summary();
}
