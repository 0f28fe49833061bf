// Program: run() takes inputs and writes outputs that the caller allocated; the GIL is released meanwhile.
#include "bindings/convert.h"

namespace xnorkit {
namespace {

std::vector<double> run(const Program& self, const std::vector<Array>& inputs,
                        const std::vector<WritableArray>& outputs, int threads, bool profile) {
  if (inputs.size() != self.inputs().size() || outputs.size() != self.outputs().size()) {
    throw Failure{Status::error(Code::graph, "[run] arrays: got %zu inputs and %zu outputs, expected %zu and %zu",
                                inputs.size(), outputs.size(), self.inputs().size(), self.outputs().size())};
  }
  const bool counted = !inputs.empty() && inputs[0].ndim() == 4;
  const int64_t batch = counted ? static_cast<int64_t>(inputs[0].shape(0)) : 0;
  if (batch > kMaxBatch) {
    throw Failure{
        Status::error(Code::range, "[run] batch: got %lld, expected 0..%d", static_cast<long long>(batch), kMaxBatch)};
  }
  std::vector<const void*> in;
  std::vector<void*> out;
  for (size_t i = 0; i < inputs.size(); ++i) {
    check_array("run input", self.inputs()[i], batch, inputs[i]);
    in.push_back(inputs[i].data());
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    check_array("run output", self.outputs()[i], batch, outputs[i]);
    out.push_back(outputs[i].data());
  }
  std::vector<double> seconds(profile ? self.steps().size() : 0);
  RunOptions options{static_cast<int32_t>(batch), in.data(), out.data(), threads, profile ? seconds.data() : nullptr};
  Status status;
  {
    nb::gil_scoped_release release;
    status = self.run(options);
  }
  require(status);
  return seconds;
}

nb::list steps(const Program& self) {
  nb::list rows;
  for (const Step& step : self.steps()) {
    nb::dict row;
    row["op"] = step.op->name();
    row["kernel"] = step.op->kernel_name();
    row["values"] = nb::cast(step.values);
    row["multiply_adds"] = step.multiply_adds;
    row["packed_bytes"] = step.op->packed_bytes();
    rows.append(row);
  }
  return rows;
}

nb::list types(const std::vector<ValueType>& values) {
  nb::list found;
  for (const ValueType& type : values) found.append(type_to_python(type));
  return found;
}

}  // namespace

void bind_program(nb::module_& m) {
  nb::class_<Program>(m, "Program", "A built network: immutable, callable from many threads at once.")
      .def("run", &run, nb::arg("inputs"), nb::arg("outputs").noconvert(), nb::arg("threads") = 1,
           nb::arg("profile") = false, "Fills outputs; with profile returns the seconds of every step, else [].")
      .def_prop_ro("inputs", [](const Program& p) { return types(p.inputs()); })
      .def_prop_ro("outputs", [](const Program& p) { return types(p.outputs()); })
      .def_prop_ro("steps", &steps)
      .def_prop_ro("isa", [](const Program& p) { return isa_name(p.isa()); })
      .def_prop_ro("weight_bytes", &Program::weight_bytes, "Weights as packed for the kernels.")
      .def_prop_ro("arena_bytes", &Program::arena_bytes, "Values of one image that live in the arena, at their peak.")
      .def_prop_ro("live_bytes", &Program::live_bytes, "Lower bound of any plan's arena.")
      .def("run_bytes", &Program::run_bytes, nb::arg("batch"), nb::arg("threads"),
           "Memory of one run besides weights, inputs and outputs.");
}

}  // namespace xnorkit
