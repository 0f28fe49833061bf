// The Python module xnorkit.runtime._engine. Failures leave it as EngineError(code, message); runtime/ turns the code
// into the class of xnorkit.errors.
#include "bindings/convert.h"

namespace xnorkit {
namespace {

PyObject* engine_error = nullptr;

void translate(const std::exception_ptr& raised, void*) {
  try {
    std::rethrow_exception(raised);
  } catch (const Failure& failure) {
    PyObject* arguments = Py_BuildValue("(ss)", code_name(failure.status.code), failure.status.message);
    if (arguments == nullptr) return;
    PyErr_SetObject(engine_error, arguments);
    Py_DECREF(arguments);
  }
}

}  // namespace
}  // namespace xnorkit

NB_MODULE(_engine, m) {
  using namespace xnorkit;
  engine_error = PyErr_NewException("xnorkit.runtime._engine.EngineError", PyExc_RuntimeError, nullptr);
  if (engine_error == nullptr) nb::raise_python_error();
  m.attr("EngineError") = nb::handle(engine_error);
  nb::register_exception_translator(&translate, nullptr);
  m.attr("MAX_NODES") = kMaxNodes;
  m.attr("DEFAULT_MEMORY_BUDGET") = kDefaultBudget;
  bind_builder(m);
  bind_program(m);
  bind_codecs(m);
  bind_peak(m);
  bind_system(m);
}
