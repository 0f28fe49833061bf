// Builder: typed calls that name an op of the table; tensors stay referenced until the builder dies.
#include <optional>

#include "bindings/convert.h"

namespace xnorkit {
namespace {

struct PyBuilder {
  Builder builder;
  nb::list kept;
  std::deque<Form> forms;
};

ValueId add_input(PyBuilder& self, const std::string& dtype, const std::vector<int64_t>& shape) {
  ValueId value = -1;
  require(self.builder.input(type_from_python(dtype, shape), &value));
  return value;
}

ValueId add_node(PyBuilder& self, const std::string& op, const std::vector<ValueId>& inputs, const nb::dict& attributes,
                 const nb::dict& tensors) {
  Node node;
  node.row = find_op(op.c_str());
  if (node.row == nullptr) {
    throw Failure{Status::error(Code::graph, "[builder] op: got %.64s, which the engine does not have", op.c_str())};
  }
  if (inputs.size() != static_cast<size_t>(node.row->arity)) {
    throw Failure{Status::error(Code::graph, "[%s] inputs: got %zu, expected %d", node.row->name, inputs.size(),
                                node.row->arity)};
  }
  std::copy(inputs.begin(), inputs.end(), node.inputs);
  read_attributes(attributes, node);
  read_tensors(tensors, node, self.forms);
  self.kept.append(tensors);
  ValueId value = -1;
  require(self.builder.add(node, &value));
  return value;
}

std::unique_ptr<Program> build(PyBuilder& self, const std::string& isa, bool fuse, size_t memory_budget) {
  BuildOptions options;
  require(select_isa(isa.c_str(), &options.isa));
  options.fuse = fuse;
  options.memory_budget = memory_budget;
  std::unique_ptr<Program> program;
  Status status;
  {
    nb::gil_scoped_release release;
    status = self.builder.build(options, &program);
  }
  require(status);
  return program;
}

}  // namespace

void bind_builder(nb::module_& m) {
  nb::class_<PyBuilder>(m, "Builder", "The only way to make a Program. Every call checks everything again.")
      .def(nb::init<>())
      .def("input", &add_input, nb::arg("dtype"), nb::arg("shape"), "A graph input, u8 or f32, of shape (H, W, C).")
      .def("add", &add_node, nb::arg("op"), nb::arg("inputs"), nb::arg("attrs"), nb::arg("tensors"),
           "A node of the op table: attributes by name; tensors by role, as arrays (bits: flat uint8), or as (codec, "
           "shape, "
           "attrs, parts) for a weight that runs as vectors or hashed.")
      .def(
          "mark_output", [](PyBuilder& self, ValueId value) { require(self.builder.mark_output(value)); },
          nb::arg("value"), "Any value, each at most once.")
      .def(
          "value_type",
          [](const PyBuilder& self, ValueId value) {
            if (!self.builder.exists(value)) throw Failure{Status::error(Code::graph, "[builder] value: unknown")};
            return type_to_python(self.builder.type(value));
          },
          nb::arg("value"), "(dtype, (H, W, C)) by the engine's own inference.")
      .def("build", &build, nb::arg("isa") = "", nb::arg("fuse") = true, nb::arg("memory_budget") = kDefaultBudget,
           "Packs weights for this CPU. isa lowers the instruction set; '' takes the best.");
}

}  // namespace xnorkit
