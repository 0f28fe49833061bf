// What this CPU has, and the tables of kernels and ops.
#include "bindings/convert.h"
#include "kernels/bdepth/bdepth.h"
#include "kernels/bgemm/bgemm.h"
#include "kernels/deal/deal.h"
#include "kernels/eltwise/chain.h"
#include "kernels/eltwise/eltwise.h"
#include "kernels/fgemm/fgemm.h"
#include "kernels/fgemm/narrow.h"
#include "kernels/fsgemm/fsgemm.h"
#include "kernels/kmap/kmap.h"
#include "kernels/lookup/lookup.h"
#include "kernels/pool/pool.h"
#include "kernels/qgemm/qgemm.h"
#include "kernels/wgemm/wgemm.h"

namespace xnorkit {
namespace {

void append_kernel(nb::list& rows, const char* family, const char* name, Isa isa) {
  nb::dict row;
  row["family"] = family;
  row["name"] = name;
  row["isa"] = isa_name(isa);
  row["runs_here"] = isa <= detect_isa();
  rows.append(row);
}

nb::list kernels() {
  nb::list rows;
  for (int32_t i = 0; i < bgemm::kKernelCount; ++i)
    append_kernel(rows, "bgemm", bgemm::kKernels[i]->name, bgemm::kKernels[i]->isa);
  for (int32_t i = 0; i < bdepth::kKernelCount; ++i)
    append_kernel(rows, "bdepth", bdepth::kKernels[i]->name, bdepth::kKernels[i]->isa);
  for (const auto& k : lookup::kKernels) append_kernel(rows, "lookup", k.name, k.isa);
  for (const auto& k : deal::kKernels) append_kernel(rows, "deal", k.name, k.isa);
  for (const auto& k : kFgemmKernels) append_kernel(rows, "fgemm", k.name, k.isa);
  for (const auto& k : kNarrowKernels) append_kernel(rows, "fgemm", k.name, k.isa);
  for (const auto& k : kQgemmKernels) append_kernel(rows, "qgemm", k.name, k.isa);
  for (const auto& k : kQgemmQuadsKernels) append_kernel(rows, "qgemm", k.name, k.isa);
  for (const auto& k : kEltwiseKernels) append_kernel(rows, "eltwise", k.name, k.isa);
  for (const auto& k : kChainKernels) append_kernel(rows, "eltwise", k.name, k.isa);
  for (const auto* k : wgemm::kKernels) append_kernel(rows, "wgemm", k->name, k->isa);
  for (const auto& k : fsgemm::kKernels) append_kernel(rows, "fsgemm", k.name, k.isa);
  for (const auto& k : kPoolKernels) append_kernel(rows, "pool", k.name, k.isa);
  for (const auto& k : kAbsMeanKernels) append_kernel(rows, "kmap", k.name, k.isa);
  return rows;
}

nb::dict ops() {
  nb::dict rows;
  for (const OpRow& op : op_table()) {
    nb::dict row;
    nb::list accepts, attributes, tensors;
    for (int input = 0; input < op.arity; ++input) {
      nb::list accepted;
      for (const DType dtype : {DType::u8, DType::i32, DType::f32, DType::bits})
        if (op.takes(dtype, input)) accepted.append(dtype_name(dtype));
      accepts.append(accepted);
    }
    for (int a = 0; a < kAttributes; ++a)
      if (op.has(static_cast<Attribute>(a))) attributes.append(kAttributeNames[a]);
    constexpr const char* kTypes[] = {"bits", "i8", "i32", "f32", "bf16"};
    for (const TensorRow& t : op.tensors)
      tensors.append(
          nb::make_tuple(kRoleNames[static_cast<int>(t.role)], kTypes[static_cast<int>(t.type)], t.optional));
    row["accepts"] = accepts;
    row["attrs"] = attributes;
    row["tensors"] = tensors;
    rows[op.name] = row;
  }
  return rows;
}

}  // namespace

void bind_system(nb::module_& m) {
  m.def("kernels", &kernels, "The kernel table: family, name, isa, runs_here.");
  m.def("ops", &ops, "The engine's op table, to be compared with reference.ops.OPS.");
  m.def("detect_isa", [] { return isa_name(detect_isa()); }, "Highest instruction set this CPU supports.");
  m.def(
      "check_isa",
      [](const std::string& wanted) {
        Isa isa;
        require(select_isa(wanted.c_str(), &isa));
        return isa_name(isa);
      },
      nb::arg("wanted"), "The level a Builder would use; refuses unknown names and what this CPU lacks.");
  m.def("isa_levels", [] {
    nb::list names;
    for (int32_t i = 0; i < kIsaLevelCount; ++i) names.append(isa_name(kIsaLevels[i]));
    return names;
  });
}

}  // namespace xnorkit
