// Between Python objects and the engine's plain structs. Everything from Python is checked here or by the Builder.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <deque>
#include <string>
#include <utility>

#include "codecs/forms.h"
#include "program/builder.h"

namespace xnorkit {

namespace nb = nanobind;

// Thrown to leave a binding; becomes _engine.EngineError(code, message).
struct Failure {
  Status status;
};

inline void require(const Status& status) {
  if (!status.ok()) throw Failure{status};
}

// Any C-contiguous array in CPU memory, also a read-only one (tensors of a mapped file).
using Array = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;
using WritableArray = nb::ndarray<nb::c_contig, nb::device::cpu>;

const char* dtype_name(DType dtype);

// (dtype name, (H, W, C))
nb::tuple type_to_python(const ValueType& type);

ValueType type_from_python(const std::string& dtype, const std::vector<int64_t>& shape);

// Attributes by name into the node's fields. XK_GRAPH: an attribute the op does not have, or of another kind.
void read_attributes(const nb::dict& attributes, Node& node);

// What tensors of a form point to; it lives as long as the builder.
struct Form {
  VectorWeight vectors;
  HashedWeight hashed;
};

// Role -> array, or (codec, shape, attrs, parts) of a weight that stays in its form, `vector` or `hashed`. XK_GRAPH: an
// unknown role, parts that are damaged; XK_DTYPE: an element type no tensor has, or misaligned memory.
void read_tensors(const nb::dict& tensors, Node& node, std::deque<Form>& forms);

// A coded weight as Python holds it; points into the arrays. XK_GRAPH, XK_DTYPE.
CodedWeight coded_from_python(const std::string& codec, const std::vector<int64_t>& shape, const nb::dict& attrs,
                              const nb::dict& parts);

// Refuses an array that is not (batch, H, W, C) of the type, bits as uint8 (batch, H, W, ceil(C / 8)).
void check_array(const char* where, const ValueType& type, int64_t batch, nb::dlpack::dtype dtype, size_t ndim,
                 const int64_t* shape, const void* data);

template <class A>
void check_array(const char* where, const ValueType& type, int64_t batch, const A& array) {
  check_array(where, type, batch, array.dtype(), array.ndim(), array.shape_ptr(), array.data());
}

void bind_builder(nb::module_& m);
void bind_program(nb::module_& m);
void bind_codecs(nb::module_& m);
void bind_peak(nb::module_& m);
void bind_system(nb::module_& m);

}  // namespace xnorkit
