#include "program/fusion.h"

#include <cstddef>

#include "program/op_table.h"

namespace xnorkit {
namespace {

class ChainFinder {
 public:
  ChainFinder(const FusionView& view, int head) : view_(view), head_(head) {}

  FusedChain find(ValueId value) {
    value = follow(value);
    if (chain_.signs >= 0) return chain_;
    chain_.stored = value;
    chain_.operands_before = chain_.operands.size();
    chain_.spec.store = static_cast<int32_t>(chain_.spec.steps.size());
    const FusedChain so_far = chain_;
    for (const int reader : view_.readers[static_cast<size_t>(value)]) {
      if (!take(reader, value)) continue;
      if (chain_.signs < 0) follow(view_.node_values[static_cast<size_t>(reader)]);
      if (chain_.signs >= 0) return chain_;
      chain_ = so_far;
    }
    return chain_;
  }

 private:
  // Takes single readers for as long as that goes; the last value reached.
  ValueId follow(ValueId value) {
    for (;;) {
      const std::vector<int>& readers = view_.readers[static_cast<size_t>(value)];
      if (readers.size() != 1 || view_.marked[static_cast<size_t>(value)] || !take(readers[0], value)) return value;
      if (chain_.signs >= 0) return chain_.signs;
      value = view_.node_values[static_cast<size_t>(readers[0])];
    }
  }

  bool take(int reader, ValueId value) {
    const Node& node = view_.nodes[static_cast<size_t>(reader)];
    const ChainKind kind = node.row->chain;
    if (kind == ChainKind::none) return false;
    if (kind == ChainKind::sign) {
      chain_.spec.bits = true;
      chain_.signs = view_.node_values[static_cast<size_t>(reader)];
      chain_.nodes.push_back(reader);
      return true;
    }
    if (chain_.spec.steps.size() == kMaxChain) return false;
    ChainStep step{kind, nullptr, nullptr};
    if (kind == ChainKind::affine) {
      step.a = node.tensor(Role::scale).as<float>();
      step.b = node.tensor(Role::bias).as<float>();
    } else if (kind == ChainKind::prelu) {
      step.a = node.tensor(Role::slope).as<float>();
    } else if (node.row->arity == 2) {
      const ValueId other = node.inputs[node.inputs[0] == value ? 1 : 0];
      const bool scaled = kind == ChainKind::add || node.inputs[0] == value;  // a map's factor is its second input
      if (other == value || !scaled || view_.head_of[static_cast<size_t>(other)] >= head_) return false;
      if (chain_.operands.size() == kMaxOperands) return false;
      chain_.operands.push_back(other);
    }
    chain_.spec.steps.push_back(step);
    chain_.nodes.push_back(reader);
    return true;
  }

  const FusionView& view_;
  int head_;
  FusedChain chain_;
};

}  // namespace

FusedChain find_chain(const FusionView& view, int head, ValueId value) { return ChainFinder(view, head).find(value); }

int find_pool(const FusionView& view, ValueId value) {
  const std::vector<int>& readers = view.readers[static_cast<size_t>(value)];
  if (readers.size() != 1 || view.marked[static_cast<size_t>(value)]) return -1;
  return view.nodes[static_cast<size_t>(readers[0])].row->trait == Trait::pool ? readers[0] : -1;
}

}  // namespace xnorkit
