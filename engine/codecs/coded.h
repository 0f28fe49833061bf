// Float weights in the parts of a codec, as a file holds them, and their decoder. The law: reference/codecs.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/status.h"

namespace xnorkit {

enum class Codec : uint8_t { shared, sparse, sparse_shared, vector, hashed };
inline constexpr int kCodecs = 5;
inline constexpr const char* kCodecNames[kCodecs] = {"shared", "sparse", "sparse_shared", "vector", "hashed"};

template <class T>
struct Part {
  const T* data = nullptr;
  size_t count = 0;
};

// Nothing here is trusted; parts and attributes that a codec does not have are not looked at. Codes in `indices` and
// `gaps` are Huffman's, with a length for each symbol, where `huffman` is 1, else fields of a fixed width.
struct CodedWeight {
  Codec codec = Codec::shared;
  int64_t size = 0, rows = 0;  // of the weight: all numbers, and outputs
  Part<float> values;          // the codebook, or the values themselves
  Part<uint8_t> indices, index_lengths, gaps, gap_lengths;
  int64_t huffman = 0, gap_bits = 0, columns = 0, entries = 0, segments = 0, stages = 0, seed = 0;
};

// The numbers, into `weight` of `size`. XK_GRAPH: parts or attributes that do not fit each other or the size; `weight`
// then holds anything. XK_LIMIT: no memory for a table of codes.
Status decode(const CodedWeight& coded, float* weight);

}  // namespace xnorkit
