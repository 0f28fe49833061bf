#include <algorithm>

#include "base/hashing.h"
#include "codecs/coded.h"
#include "codecs/parts.h"

namespace xnorkit {
namespace {

Status decode_shared(const CodedWeight& coded, float* weight) {
  Symbols indices;
  if (Status s = open_indices(coded, coded.values.count, coded.size, &indices); !s.ok()) return s;
  for (int64_t i = 0; i < coded.size; ++i) {
    const size_t index = indices.next();
    if (index >= coded.values.count) return refused(coded, "an index");
    weight[i] = coded.values.data[index];
  }
  return indices.close();
}

Status decode_sparse(const CodedWeight& coded, float* weight) {
  const bool shared = coded.codec == Codec::sparse_shared;
  if (coded.entries < 0 || coded.entries > coded.size) return refused(coded, "number of entries");
  if (coded.gap_bits < 1 || coded.gap_bits > 8) return refused(coded, "attribute gap_bits");
  if (coded.columns != 0 && coded.columns != 1) return refused(coded, "attribute columns");
  if (shared && coded.values.data[0] != 0) return refused(coded, "a first value that is not 0");
  if (!shared && static_cast<uint64_t>(coded.entries) != coded.values.count) return refused(coded, "number of values");
  Symbols gaps, indices;
  if (Status s = open_stream(coded, "gaps", coded.gaps, coded.gap_lengths, coded.gap_bits, coded.entries, &gaps);
      !s.ok())
    return s;
  if (shared) {
    if (Status s = open_indices(coded, coded.values.count, coded.entries, &indices); !s.ok()) return s;
  }
  std::fill_n(weight, coded.size, 0.0f);
  const int64_t columns = coded.size / coded.rows;
  int64_t place = -1;
  for (int64_t e = 0; e < coded.entries; ++e) {
    const int64_t gap = gaps.next();
    place += gap + 1;
    if (gap >> coded.gap_bits || place >= coded.size) return refused(coded, "a gap");
    const size_t index = shared ? indices.next() : static_cast<size_t>(e);
    if (index >= coded.values.count) return refused(coded, "an index");
    const int64_t to = coded.columns ? place % coded.rows * columns + place / coded.rows : place;
    weight[to] = coded.values.data[index];
  }
  if (Status s = gaps.close(); !s.ok()) return s;
  return shared ? indices.close() : Status();
}

Status decode_vector(const CodedWeight& coded, float* weight) {
  Symbols indices;
  size_t values = 0;
  if (Status s = open_vector_parts(coded, &values, &indices); !s.ok()) return s;
  std::fill_n(weight, coded.size, 0.0f);
  const int64_t columns = coded.size / coded.rows, width = columns / coded.segments;
  const float* book = coded.values.data;
  for (int64_t part = 0; part < coded.stages * coded.segments; ++part, book += static_cast<int64_t>(values) * width) {
    float* to = weight + part % coded.segments * width;
    for (int64_t row = 0; row < coded.rows; ++row, to += columns) {
      const size_t index = indices.next();
      if (index >= values) return refused(coded, "an index");
      const float* from = book + static_cast<int64_t>(index) * width;
      for (int64_t j = 0; j < width; ++j) to[j] += from[j];
    }
  }
  if (!finite(weight, static_cast<size_t>(coded.size))) return refused(coded, "an infinite sum");
  return indices.close();
}

Status decode_hashed(const CodedWeight& coded, float* weight) {
  if (Status s = check_hashed(coded); !s.ok()) return s;
  const uint32_t start = mix(static_cast<uint32_t>(coded.seed));
  for (int64_t i = 0; i < coded.size; ++i) {
    const Dealt one = dealt(static_cast<uint32_t>(i), start, static_cast<uint32_t>(coded.values.count));
    const float value = coded.values.data[one.bucket];
    weight[i] = one.negative ? -value : value;
  }
  return {};
}

}  // namespace

Status decode(const CodedWeight& coded, float* weight) {
  if (Status s = check_parts(coded); !s.ok()) return s;
  switch (coded.codec) {
    case Codec::shared: return decode_shared(coded, weight);
    case Codec::sparse:
    case Codec::sparse_shared: return decode_sparse(coded, weight);
    case Codec::vector: return decode_vector(coded, weight);
    case Codec::hashed: return decode_hashed(coded, weight);
  }
  return Status::error(Code::graph, "[codecs] codec: not one of the table");
}

}  // namespace xnorkit
