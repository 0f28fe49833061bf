// Weights that an op may run without making the matrix: coded ones, checked and unpacked.
#pragma once
#include <vector>

#include "codecs/coded.h"

namespace xnorkit {

// Rows of one vector a segment: W[o][s d + j] = codebook[s][index[s][o]][j]. Indices are below `values`, the vectors
// that they name finite.
struct VectorWeight {
  int32_t segments = 0, values = 0, width = 0, rows = 0;
  std::vector<float> codebook;  // (segments, values, width)
  std::vector<uint8_t> index;   // (segments, rows)

  size_t bytes() const { return codebook.size() * sizeof(float) + index.size(); }
};

// W[i] = +- values[bucket of i], by base/hashing.h; all finite.
struct HashedWeight {
  const float* values = nullptr;
  uint32_t buckets = 0, seed = 0;
};

// Stages become one, whose vectors are the sums that may occur. XK_GRAPH: as decode, or more than 256 such sums.
// XK_LIMIT.
Status open_vectors(const CodedWeight& coded, VectorWeight* weight);

// XK_GRAPH: as decode.
Status open_hashed(const CodedWeight& coded, HashedWeight* weight);

}  // namespace xnorkit
