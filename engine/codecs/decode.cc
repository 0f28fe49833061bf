#include <algorithm>
#include <cmath>

#include "codecs/coded.h"
#include "codecs/hashing.h"
#include "codecs/symbols.h"

namespace xnorkit {
namespace {

constexpr int64_t kMostWeights = (int64_t{1} << 31) - 1;
constexpr size_t kMostValues = 256;
constexpr int64_t kMostStages = 16;

const char* name(const CodedWeight& coded) { return kCodecNames[static_cast<int>(coded.codec)]; }

Status refused(const CodedWeight& coded, const char* what) {
  return Status::error(Code::graph, "[%s] %s does not fit the weight", name(coded), what);
}

// Bits of an index into `values`, at least 1.
int64_t index_bits(size_t values) {
  int64_t bits = 1;
  while (size_t{1} << bits < values) ++bits;
  return bits;
}

bool finite(const float* values, size_t count) {
  return std::all_of(values, values + count, [](float v) { return std::isfinite(v); });
}

Status open(const CodedWeight& coded, const char* what, const Part<uint8_t>& data, const Part<uint8_t>& lengths,
            int64_t width, int64_t count, Symbols* symbols) {
  if (coded.huffman != 0 && coded.huffman != 1) return refused(coded, "attribute huffman");
  return coded.huffman ? symbols->open_codes(what, data, lengths, count)
                       : symbols->open_fields(what, data, width, count);
}

Status open_indices(const CodedWeight& coded, size_t values, int64_t count, Symbols* symbols) {
  return open(coded, "indices", coded.indices, coded.index_lengths, index_bits(values), count, symbols);
}

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
  if (Status s = open(coded, "gaps", coded.gaps, coded.gap_lengths, coded.gap_bits, coded.entries, &gaps); !s.ok())
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
  const int64_t columns = coded.size / coded.rows, segments = coded.segments, stages = coded.stages;
  if (stages < 1 || stages > kMostStages || segments < 1 || segments > columns || columns % segments != 0)
    return refused(coded, "number of segments or stages");
  const size_t numbers = static_cast<size_t>(stages) * static_cast<size_t>(columns);
  const size_t values = coded.values.count / numbers;
  if (values < 1 || values > kMostValues || coded.values.count % numbers != 0) return refused(coded, "the codebook");
  Symbols indices;
  if (Status s = open_indices(coded, values, stages * segments * coded.rows, &indices); !s.ok()) return s;
  std::fill_n(weight, coded.size, 0.0f);
  const int64_t width = columns / segments;
  const float* book = coded.values.data;
  for (int64_t part = 0; part < stages * segments; ++part, book += static_cast<int64_t>(values) * width) {
    float* to = weight + part % segments * width;
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
  if (coded.values.count > static_cast<uint64_t>(coded.size)) return refused(coded, "number of values");
  if (coded.seed < 0 || coded.seed > UINT32_MAX) return refused(coded, "the seed");
  const uint32_t start = mix(static_cast<uint32_t>(coded.seed));
  for (int64_t i = 0; i < coded.size; ++i) {
    const Dealt dealt = deal(static_cast<uint32_t>(i), start, static_cast<uint32_t>(coded.values.count));
    const float value = coded.values.data[dealt.bucket];
    weight[i] = dealt.negative ? -value : value;
  }
  return {};
}

}  // namespace

Status decode(const CodedWeight& coded, float* weight) {
  if (coded.size < 1 || coded.size > kMostWeights || coded.rows < 1 || coded.size % coded.rows != 0)
    return refused(coded, "the shape");
  const bool book = coded.codec != Codec::sparse && coded.codec != Codec::hashed && coded.codec != Codec::vector;
  if (coded.codec != Codec::sparse && coded.values.count < 1) return refused(coded, "a codebook of nothing");
  if (book && coded.values.count > kMostValues) return refused(coded, "a codebook of more than 256 values");
  if (!finite(coded.values.data, coded.values.count)) return refused(coded, "NaN or infinity");
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
