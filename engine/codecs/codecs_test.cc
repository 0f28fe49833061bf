// The decoder of coded weights: hand vectors of every codec, and hostile parts that must be refused, not read.
#include <cmath>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "base/hashing.h"
#include "base/random.h"
#include "codecs/coded.h"
#include "codecs/forms.h"
#include "codecs/symbols.h"

using namespace xnorkit;

namespace {

template <class T>
Part<T> part(const std::vector<T>& v) {
  return {v.data(), v.size()};
}

const std::vector<uint8_t> kLengths = {1, 3, 3, 2};  // codes 0, 110, 111, 10
const std::vector<uint8_t> kCodes = {76};            // 0 10 0 110: 0, 3, 0, 1

void codes_and_fields() {
  Symbols symbols;
  CHECK(symbols.open_codes("test", part(kCodes), part(kLengths), 4).ok(), "open");
  for (const uint8_t expected : {0, 3, 0, 1}) CHECK(symbols.next() == expected, "symbol %d", expected);
  CHECK(symbols.close().ok(), "close");
  const std::vector<uint8_t> fields = {57};
  CHECK(symbols.open_fields("test", part(fields), 2, 3).ok(), "open");
  for (const uint8_t expected : {1, 2, 3}) CHECK(symbols.next() == expected, "field %d", expected);
  CHECK(symbols.close().ok(), "close");
  const std::vector<uint8_t> lengths[] = {{1, 1, 1}, {2}, {17, 1}, {1}, std::vector<uint8_t>(257, 9)};
  for (size_t i = 0; i < 5; ++i) {
    const bool good = i == 3;
    CHECK(symbols.open_codes("test", part(kCodes), part(lengths[i]), 4).ok() == good, "lengths %zu", i);
  }
  CHECK(!symbols.open_codes("test", part(kCodes), part(kLengths), 9).ok(), "more numbers than bits");
  CHECK(symbols.open_codes("test", part(kCodes), part(kLengths), 3).ok(), "open");
  for (int i = 0; i < 3; ++i) symbols.next();
  CHECK(!symbols.close().ok(), "a code left over");
}

CodedWeight sample(Codec codec, const std::vector<float>& values) {
  CodedWeight coded;
  coded.codec = codec;
  coded.values = part(values);
  return coded;
}

void check_weight(const char* what, const CodedWeight& coded, const std::vector<float>& expected) {
  std::vector<float> found(static_cast<size_t>(coded.size), 9.0f);
  const Status status = decode(coded, found.data());
  CHECK(status.ok(), "%s: %s", what, status.message);
  CHECK(found == expected, "%s", what);
}

void hand_vectors() {
  const std::vector<float> values = {0.0f, -0.25f, 0.5f, 2.0f};
  CodedWeight shared = sample(Codec::shared, values);
  shared.size = 4, shared.rows = 2, shared.huffman = 1;
  shared.indices = part(kCodes), shared.index_lengths = part(kLengths);
  check_weight("shared", shared, {0.0f, 2.0f, 0.0f, -0.25f});

  // {0.5, 0, 0, 0, 0, -0.25}: gaps 0, 3 (a filler), 0 of two bits; indices 2, 0, 1 of two bits
  const std::vector<float> book = {0.0f, -0.25f, 0.5f};
  const std::vector<uint8_t> indices = {18}, gaps = {12};
  CodedWeight sparse = sample(Codec::sparse_shared, book);
  sparse.size = 6, sparse.rows = 2, sparse.entries = 3, sparse.gap_bits = 2;
  sparse.indices = part(indices), sparse.gaps = part(gaps);
  check_weight("sparse_shared", sparse, {0.5f, 0, 0, 0, 0, -0.25f});
  const std::vector<float> own = {0.5f, 0.0f, -0.25f};
  sparse.columns = 1;  // {{0.5, 0, 0}, {0, 0, -0.25}}: places 0, 4 (the filler), 5 down the columns of two
  check_weight("sparse_shared by columns", sparse, {0.5f, 0, 0, 0, 0, -0.25f});
  sparse.rows = 3;  // {{0.5, 0}, {0, 0}, {0, -0.25}}
  check_weight("of three rows", sparse, {0.5f, 0, 0, 0, 0, -0.25f});
  sparse.size = 9;  // place 5 is row 2, column 1
  check_weight("and three columns", sparse, {0.5f, 0, 0, 0, 0, 0, 0, -0.25f, 0});
  sparse.size = 6, sparse.rows = 2, sparse.columns = 0;
  CodedWeight floats = sparse;
  floats.codec = Codec::sparse, floats.values = part(own);
  check_weight("sparse", floats, {0.5f, 0, 0, 0, 0, -0.25f});
  floats.size = 5, floats.rows = 1;
  float room[5];
  CHECK(decode(floats, room).code == Code::graph, "a gap beyond the last weight");

  // Two stages, two segments of one column, two values each; three rows.
  const std::vector<float> books = {1, 2, 10, 20, 100, 200, 1000, 2000};
  const std::vector<uint8_t> picks = {0b01000110, 0b0011};  // 0 1 1, 0 0 0, 1 0 1, 1 0 0
  CodedWeight vector = sample(Codec::vector, books);
  vector.size = 6, vector.rows = 3, vector.segments = 2, vector.stages = 2, vector.indices = part(picks);
  check_weight("vector", vector, {201, 2010, 102, 1010, 202, 1010});
  VectorWeight open;
  CHECK(open_vectors(vector, &open).ok() && open.segments == 2 && open.values == 4 && open.width == 1, "its form");
  CHECK((open.codebook == std::vector<float>{101, 102, 201, 202, 1010, 1020, 2010, 2020}), "sums of both stages");
  CHECK((open.index == std::vector<uint8_t>{2, 1, 3, 2, 0, 0}), "their indices");
  vector.stages = 9;
  CHECK(open_vectors(vector, &open).code == Code::graph, "512 sums");

  const std::vector<float> dealt = {1, 2, 3, 4};
  CodedWeight hashed = sample(Codec::hashed, dealt);
  hashed.size = 6, hashed.rows = 1;
  check_weight("hashed", hashed, {-1, 2, -1, 3, -1, -4});
  CHECK(mix(1) == 0x514E28B7u && mix(0xFFFFFFFFu) == 0x81F16F39u, "MurmurHash3's finalizer");
}

void infinite_and_missing() {
  const std::vector<float> values = {0.0f, INFINITY};
  const std::vector<uint8_t> data = {0};
  CodedWeight coded = sample(Codec::shared, values);
  coded.size = 4, coded.rows = 1, coded.indices = part(data);
  float room[4];
  CHECK(decode(coded, room).code == Code::graph, "infinity");
  coded.values = {};
  CHECK(decode(coded, room).code == Code::graph, "no codebook");
  coded.values = {values.data(), 1};
  coded.rows = 3;
  CHECK(decode(coded, room).code == Code::graph, "rows that do not divide");
  coded.rows = 1, coded.size = 0;
  CHECK(decode(coded, room).code == Code::graph, "no weight");
}

// Random parts and attributes: whatever they are, only their own memory is read and only the weight's written.
void hostile() {
  Random r(7);
  const auto below = [&](uint64_t n) { return static_cast<int64_t>(r.next() % n); };
  long taken = 0;
  for (int round = 0; round < 200000; ++round) {
    std::vector<float> values(static_cast<size_t>(below(9)));
    for (float& v : values) v = static_cast<float>(below(3));
    std::vector<uint8_t> streams[4];
    for (auto& stream : streams) {
      stream.resize(static_cast<size_t>(below(12)));
      for (auto& byte : stream) byte = static_cast<uint8_t>(below(4) ? below(4) : below(256));
    }
    CodedWeight coded = sample(static_cast<Codec>(below(kCodecs)), values);
    coded.rows = 1 + below(4);
    coded.size = coded.rows * (1 + below(12)) + (below(50) == 0);
    coded.indices = part(streams[0]), coded.gaps = part(streams[1]);
    coded.index_lengths = part(streams[2]), coded.gap_lengths = part(streams[3]);
    coded.huffman = below(3), coded.gap_bits = below(10), coded.entries = below(20) - 1;
    coded.columns = below(12) == 0 ? 2 : below(2);
    coded.segments = below(5), coded.stages = below(4), coded.seed = below(9) - 1;
    std::vector<float> weight(static_cast<size_t>(coded.size));
    const bool good = decode(coded, weight.data()).ok();
    taken += good;
    VectorWeight vectors;
    HashedWeight hashes;
    if (coded.codec == Codec::vector) CHECK(open_vectors(coded, &vectors).ok() == good, "the form is refused alike");
    if (coded.codec == Codec::hashed) CHECK(open_hashed(coded, &hashes).ok() == good, "the form is refused alike");
  }
  CHECK(taken > 2000, "%ld of 200000 were weights", taken);
}

}  // namespace

int main() {
  codes_and_fields();
  hand_vectors();
  infinite_and_missing();
  hostile();
  return xnorkit::test::check_summary();
}
