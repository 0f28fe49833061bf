// Coded weights: parts by name, as Python holds them, to float32.
#include "bindings/convert.h"
#include "codecs/coded.h"

namespace xnorkit {
namespace {

template <class T>
Part<T> part_of(const nb::dict& parts, const char* name) {
  if (!parts.contains(name)) return {};
  const auto array = nb::cast<Array>(parts[name]);
  if (array.ndim() != 1 || array.dtype() != nb::dtype<T>()) {
    throw Failure{Status::error(Code::dtype, "[codecs] part %s: got another element type or rank", name)};
  }
  return {static_cast<const T*>(array.data()), array.shape(0)};
}

}  // namespace

CodedWeight coded_from_python(const std::string& codec, const std::vector<int64_t>& shape, const nb::dict& attrs,
                              const nb::dict& parts) {
  CodedWeight coded;
  int id = 0;
  while (id < kCodecs && codec != kCodecNames[id]) ++id;
  if (id == kCodecs) throw Failure{Status::error(Code::graph, "[codecs] codec: got %.64s", codec.c_str())};
  coded.codec = static_cast<Codec>(id);
  coded.size = shape.empty() ? 0 : 1;
  for (const int64_t n : shape) {
    if (n < 1 || coded.size > INT32_MAX / n) throw Failure{Status::error(Code::graph, "[codecs] shape: too large")};
    coded.size *= n;
  }
  coded.rows = shape.empty() ? 0 : shape[0];
  struct Named {
    const char* name;
    int64_t* value;
  };
  for (const Named& one :
       {Named{"huffman", &coded.huffman}, Named{"gap_bits", &coded.gap_bits}, Named{"columns", &coded.columns},
        Named{"entries", &coded.entries}, Named{"segments", &coded.segments}, Named{"stages", &coded.stages},
        Named{"seed", &coded.seed}}) {
    if (attrs.contains(one.name)) *one.value = nb::cast<int64_t>(attrs[one.name]);
  }
  coded.values = part_of<float>(parts, parts.contains("codebook") ? "codebook" : "values");
  coded.indices = part_of<uint8_t>(parts, "indices");
  coded.index_lengths = part_of<uint8_t>(parts, "indices_lengths");
  coded.gaps = part_of<uint8_t>(parts, "gaps");
  coded.gap_lengths = part_of<uint8_t>(parts, "gaps_lengths");
  return coded;
}

namespace {

void decode_into(const std::string& codec, const std::vector<int64_t>& shape, const nb::dict& attrs,
                 const nb::dict& parts, const nb::ndarray<float, nb::c_contig, nb::device::cpu>& weight) {
  const CodedWeight coded = coded_from_python(codec, shape, attrs, parts);
  if (weight.size() != static_cast<size_t>(coded.size)) {
    throw Failure{Status::error(Code::shape, "[codecs] weight: got %zu numbers, expected %lld", weight.size(),
                                static_cast<long long>(coded.size))};
  }
  Status status;
  {
    nb::gil_scoped_release release;
    status = decode(coded, weight.data());
  }
  require(status);
}

}  // namespace

void bind_codecs(nb::module_& m) {
  nb::list names;
  for (const char* name : kCodecNames) names.append(name);
  m.attr("CODECS") = nb::tuple(names);
  m.def("decode", &decode_into, nb::arg("codec"), nb::arg("shape"), nb::arg("attrs"), nb::arg("parts"),
        nb::arg("weight"), "Coded weights (reference/codecs) into float32 memory of their shape.");
}

}  // namespace xnorkit
