#include "program/builder.h"

#include <algorithm>

#include "ops/window_geometry.h"

namespace xnorkit {

Status Builder::input(const ValueType& type, ValueId* value) {
  if (type.dtype != DType::u8 && type.dtype != DType::f32) {
    return Status::error(Code::dtype, "[input] element type: expected u8 or f32");
  }
  if (Status s = check_value("input", type); !s.ok()) return s;
  if (type.h > kMaxDim || type.w > kMaxDim || type.c > kMaxDim) {
    return Status::error(Code::range, "[input] size: got (%d, %d, %d), expected at most %d each", type.h, type.w,
                         type.c, kMaxDim);
  }
  if (values_.size() >= kMaxNodes) return Status::error(Code::limit, "[graph] nodes: expected at most %zu", kMaxNodes);
  *value = static_cast<ValueId>(values_.size());
  values_.push_back({type, -1});
  inputs_.push_back(*value);
  return {};
}

void Builder::input_types(const Node& node, ValueType* types) const {
  for (int i = 0; i < node.row->arity; ++i) types[i] = type(node.inputs[i]);
}

Status Builder::check_tensors(const Node& node, const ValueType* inputs) const {
  const OpRow& row = *node.row;
  for (int role = 0; role < kRoles; ++role) {
    const Tensor& tensor = node.tensors[role];
    const auto spec = std::find_if(row.tensors.begin(), row.tensors.end(),
                                   [&](const TensorRow& t) { return static_cast<int>(t.role) == role; });
    if (spec == row.tensors.end() || tensor.data == nullptr) {
      const bool wanted = spec != row.tensors.end() && !spec->optional;
      if (wanted == (tensor.data != nullptr)) continue;
      return Status::error(Code::graph, "[%s] tensor %s: expected %s", row.name, kRoleNames[role],
                           wanted ? "one" : "none");
    }
    const bool form = tensor.type == TensorType::vectors || tensor.type == TensorType::hashed;
    if (tensor.type != spec->type && !(form && spec->formed)) {
      return Status::error(Code::dtype, "[%s] tensor %s: got another element type than the op's", row.name,
                           kRoleNames[role]);
    }
    const int64_t elements = row.elements(inputs, node, spec->role);
    const int64_t expected = spec->type == TensorType::bits ? (elements + 7) / 8 : elements;
    if (tensor.elements != expected) {
      return Status::error(Code::shape, "[%s] tensor %s: got %lld elements, expected %lld", row.name, kRoleNames[role],
                           static_cast<long long>(tensor.elements), static_cast<long long>(expected));
    }
  }
  return {};
}

Status Builder::add(const Node& node, ValueId* value) {
  if (node.row == nullptr) return Status::error(Code::graph, "[graph] op: got none, expected a row of the op table");
  const OpRow& row = *node.row;
  if (values_.size() >= kMaxNodes) return Status::error(Code::limit, "[graph] nodes: expected at most %zu", kMaxNodes);
  ValueType inputs[kMaxInputs] = {};
  for (int i = 0; i < row.arity; ++i) {
    if (!exists(node.inputs[i])) {
      return Status::error(Code::graph, "[%s] input: got value %d, expected one of the %zu earlier values", row.name,
                           node.inputs[i], values_.size());
    }
    inputs[i] = type(node.inputs[i]);
    if (!row.takes(inputs[i].dtype, i)) {
      constexpr const char* kNames[] = {"u8", "i32", "f32", "bits"};
      return Status::error(Code::dtype, "[%s] input: got %s, which the op does not accept", row.name,
                           kNames[static_cast<int>(inputs[i].dtype)]);
    }
  }
  ValueType output;
  if (Status s = row.infer(inputs, node, &output); !s.ok()) return s;
  if (Status s = check_value(row.name, output); !s.ok()) return s;
  if (Status s = check_tensors(node, inputs); !s.ok()) return s;
  *value = static_cast<ValueId>(values_.size());
  values_.push_back({output, static_cast<int>(nodes_.size())});
  nodes_.push_back(node);
  node_values_.push_back(*value);
  return {};
}

Status Builder::mark_output(ValueId value) {
  if (!exists(value)) return Status::error(Code::graph, "[output] value: got %d, expected an existing one", value);
  if (std::find(outputs_.begin(), outputs_.end(), value) != outputs_.end()) {
    return Status::error(Code::graph, "[output] value: got %d twice, expected each once", value);
  }
  outputs_.push_back(value);
  return {};
}

}  // namespace xnorkit
