#include "codecs/forms.h"

#include "codecs/parts.h"

namespace xnorkit {
namespace {

constexpr size_t kMostVectors = 256;

// The sums of one vector of each stage, as decode adds them: sum v is of the vectors that v's digits to the base
// `values` name, the first stage's lowest.
std::vector<float> sums_of_stages(const float* book, size_t stages, size_t segments, size_t values, size_t width,
                                  size_t sums) {
  std::vector<float> to(segments * sums * width, 0.0f);
  for (size_t t = 0, digit = 1; t < stages; ++t, digit *= values)
    for (size_t s = 0; s < segments; ++s)
      for (size_t v = 0; v < sums; ++v) {
        const float* from = book + ((t * segments + s) * values + v / digit % values) * width;
        for (size_t j = 0; j < width; ++j) to[(s * sums + v) * width + j] += from[j];
      }
  return to;
}

}  // namespace

Status open_vectors(const CodedWeight& coded, VectorWeight* weight) {
  Symbols indices;
  size_t values = 0;
  if (Status s = check_parts(coded); !s.ok()) return s;
  if (coded.codec != Codec::vector) return refused(coded, "the codec");
  if (Status s = open_vector_parts(coded, &values, &indices); !s.ok()) return s;
  size_t sums = 1;
  for (int64_t t = 0; t < coded.stages; ++t)
    if ((sums *= values) > kMostVectors) return refused(coded, "number of sums of stages");
  const size_t segments = static_cast<size_t>(coded.segments), rows = static_cast<size_t>(coded.rows);
  const size_t width = static_cast<size_t>(coded.size) / rows / segments;
  weight->index.assign(segments * rows, 0);
  for (size_t t = 0, digit = 1; t < static_cast<size_t>(coded.stages); ++t, digit *= values)
    for (uint8_t& to : weight->index) {
      const size_t index = indices.next();
      if (index >= values) return refused(coded, "an index");
      to = static_cast<uint8_t>(to + index * digit);
    }
  if (Status s = indices.close(); !s.ok()) return s;
  weight->codebook =
      sums_of_stages(coded.values.data, static_cast<size_t>(coded.stages), segments, values, width, sums);
  for (size_t i = 0; i < weight->index.size(); ++i)
    if (!finite(&weight->codebook[(i / rows * sums + weight->index[i]) * width], width))
      return refused(coded, "an infinite sum");
  weight->segments = static_cast<int32_t>(segments), weight->values = static_cast<int32_t>(sums);
  weight->width = static_cast<int32_t>(width), weight->rows = static_cast<int32_t>(rows);
  return {};
}

Status open_hashed(const CodedWeight& coded, HashedWeight* weight) {
  if (Status s = check_parts(coded); !s.ok()) return s;
  if (coded.codec != Codec::hashed) return refused(coded, "the codec");
  *weight = {coded.values.data, static_cast<uint32_t>(coded.values.count), static_cast<uint32_t>(coded.seed)};
  return check_hashed(coded);
}

}  // namespace xnorkit
