#include "codecs/parts.h"

#include <algorithm>
#include <cmath>

namespace xnorkit {
namespace {

constexpr int64_t kMostWeights = (int64_t{1} << 31) - 1;
constexpr size_t kMostValues = 256;
constexpr int64_t kMostStages = 16;

const char* name(const CodedWeight& coded) { return kCodecNames[static_cast<int>(coded.codec)]; }

// Bits of an index into `values`, at least 1.
int64_t index_bits(size_t values) {
  int64_t bits = 1;
  while (size_t{1} << bits < values) ++bits;
  return bits;
}

}  // namespace

Status refused(const CodedWeight& coded, const char* what) {
  return Status::error(Code::graph, "[%s] %s does not fit the weight", name(coded), what);
}

bool finite(const float* values, size_t count) {
  return std::all_of(values, values + count, [](float v) { return std::isfinite(v); });
}

Status open_stream(const CodedWeight& coded, const char* what, const Part<uint8_t>& data, const Part<uint8_t>& lengths,
                   int64_t width, int64_t count, Symbols* symbols) {
  if (coded.huffman != 0 && coded.huffman != 1) return refused(coded, "attribute huffman");
  return coded.huffman ? symbols->open_codes(what, data, lengths, count)
                       : symbols->open_fields(what, data, width, count);
}

Status open_indices(const CodedWeight& coded, size_t values, int64_t count, Symbols* symbols) {
  return open_stream(coded, "indices", coded.indices, coded.index_lengths, index_bits(values), count, symbols);
}

Status open_vector_parts(const CodedWeight& coded, size_t* values, Symbols* indices) {
  const int64_t columns = coded.size / coded.rows, segments = coded.segments, stages = coded.stages;
  if (stages < 1 || stages > kMostStages || segments < 1 || segments > columns || columns % segments != 0)
    return refused(coded, "number of segments or stages");
  const size_t numbers = static_cast<size_t>(stages) * static_cast<size_t>(columns);
  *values = coded.values.count / numbers;
  if (*values < 1 || *values > kMostValues || coded.values.count % numbers != 0) return refused(coded, "the codebook");
  return open_indices(coded, *values, stages * segments * coded.rows, indices);
}

Status check_hashed(const CodedWeight& coded) {
  if (coded.values.count > static_cast<uint64_t>(coded.size)) return refused(coded, "number of values");
  if (coded.seed < 0 || coded.seed > UINT32_MAX) return refused(coded, "the seed");
  return {};
}

Status check_parts(const CodedWeight& coded) {
  if (coded.size < 1 || coded.size > kMostWeights || coded.rows < 1 || coded.size % coded.rows != 0)
    return refused(coded, "the shape");
  const bool book = coded.codec != Codec::sparse && coded.codec != Codec::hashed && coded.codec != Codec::vector;
  if (coded.codec != Codec::sparse && coded.values.count < 1) return refused(coded, "a codebook of nothing");
  if (book && coded.values.count > kMostValues) return refused(coded, "a codebook of more than 256 values");
  if (!finite(coded.values.data, coded.values.count)) return refused(coded, "NaN or infinity");
  return {};
}

}  // namespace xnorkit
