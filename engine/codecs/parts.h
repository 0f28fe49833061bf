// What decoder and forms both check of a coded weight's parts.
#pragma once
#include "codecs/symbols.h"

namespace xnorkit {

Status refused(const CodedWeight& coded, const char* what);

bool finite(const float* values, size_t count);

// The stream of indices into `values` numbers. XK_GRAPH, XK_LIMIT.
Status open_indices(const CodedWeight& coded, size_t values, int64_t count, Symbols* symbols);

// A stream of `count` numbers: codes, or fields of `width` bits. XK_GRAPH, XK_LIMIT.
Status open_stream(const CodedWeight& coded, const char* what, const Part<uint8_t>& data, const Part<uint8_t>& lengths,
                   int64_t width, int64_t count, Symbols* symbols);

// Vectors of a segment and stage, and the indices of all stages. XK_GRAPH, XK_LIMIT.
Status open_vector_parts(const CodedWeight& coded, size_t* values, Symbols* indices);

Status check_hashed(const CodedWeight& coded);

// What is refused whatever the codec. XK_GRAPH.
Status check_parts(const CodedWeight& coded);

}  // namespace xnorkit
