#include "program/fusion.h"

#include <algorithm>
#include <cstddef>

#include "program/op_table.h"

namespace xnorkit {
namespace {

class ChainFinder {
 public:
  ChainFinder(const FusionView& view, int head) : view_(view), head_(head) {}

  FusedChain find_sums(int64_t bound) {
    const ValueId sums = view_.node_values[static_cast<size_t>(head_)];
    const std::vector<int>& readers = view_.readers[static_cast<size_t>(sums)];
    if (view_.marked[static_cast<size_t>(sums)] || readers.empty() || readers.size() > 2) return {};
    int threshold = -1, other = readers[0];
    if (readers.size() == 2) {
      threshold = is_threshold(readers[0]) ? readers[0] : readers[1];
      other = readers[0] + readers[1] - threshold;
      if (!is_threshold(threshold) || bound >= kExact) return {};
      take_threshold(threshold);
    }
    const ChainKind kind = kind_of(other);
    if (kind != ChainKind::scale_map && (kind != ChainKind::affine || threshold < 0)) return {};
    return take(other, sums) ? find(view_.node_values[static_cast<size_t>(other)]) : FusedChain();
  }

  FusedChain find(ValueId value) {
    const bool branched = chain_.signs >= 0;
    value = follow(value);
    if (!branched && chain_.signs >= 0) return chain_;
    chain_.stored = value;
    chain_.operands_before = chain_.operands.size();
    chain_.spec.store = static_cast<int32_t>(chain_.spec.steps.size());
    if (branched) return chain_;
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
  static constexpr int32_t kExact = 1 << 24;  // floats hold all integers up to here

  bool is_threshold(int node) const {
    return view_.nodes[static_cast<size_t>(node)].tensor(Role::threshold).data != nullptr &&
           view_.nodes[static_cast<size_t>(node)].row->trait == Trait::epilogue;
  }

  // (v < t) = sign(v - t), and flipped (v >= t) = sign(-v + t - 1), for integers below kExact; t beyond them acts alike
  // at their edge. Products are exact and a sum of integers never rounds to the other side of 0.
  void take_threshold(int reader) {
    const Node& node = view_.nodes[static_cast<size_t>(reader)];
    const Tensor& t = node.tensor(Role::threshold);
    const uint8_t* flip = node.tensor(Role::flip).as<uint8_t>();
    for (int64_t c = 0; c < t.elements; ++c) {
      const int32_t edge = std::clamp(t.as<int32_t>()[c], 1 - kExact, kExact);
      const bool flipped = (flip[c / 8] >> (c % 8) & 1) != 0;
      chain_.scale.push_back(flipped ? -1.0f : 1.0f);
      chain_.bias.push_back(static_cast<float>(flipped ? edge - 1 : -edge));
    }
    chain_.spec.steps.push_back({ChainKind::branch, nullptr, nullptr});
    chain_.spec.bits = true;
    chain_.signs = view_.node_values[static_cast<size_t>(reader)];
    chain_.nodes.push_back(reader);
  }

  // Takes single readers for as long as that goes; the last value reached.
  ValueId follow(ValueId value) {
    for (;;) {
      const std::vector<int>& readers = view_.readers[static_cast<size_t>(value)];
      if (readers.size() != 1 || view_.marked[static_cast<size_t>(value)] || !take(readers[0], value)) return value;
      if (kind_of(readers[0]) == ChainKind::sign) return chain_.signs;
      value = view_.node_values[static_cast<size_t>(readers[0])];
    }
  }

  bool take(int reader, ValueId value) {
    const Node& node = view_.nodes[static_cast<size_t>(reader)];
    const ChainKind kind = node.row->chain;
    if (kind == ChainKind::none) return false;
    if (kind == ChainKind::sign) {
      if (chain_.signs >= 0) return false;  // a branch made the bits
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

  ChainKind kind_of(int node) const { return view_.nodes[static_cast<size_t>(node)].row->chain; }

  const FusionView& view_;
  int head_;
  FusedChain chain_;
};

}  // namespace

FusedChain find_sums_chain(const FusionView& view, int head, int64_t bound) {
  FusedChain chain = ChainFinder(view, head).find_sums(bound);
  if (!chain.scale.empty()) {  // the branch comes first; its vectors no longer move
    chain.spec.steps[0].a = chain.scale.data();
    chain.spec.steps[0].b = chain.bias.data();
  }
  return chain;
}

FusedChain find_chain(const FusionView& view, int head, ValueId value) { return ChainFinder(view, head).find(value); }

int find_pool(const FusionView& view, ValueId value) {
  const std::vector<int>& readers = view.readers[static_cast<size_t>(value)];
  if (readers.size() != 1 || view.marked[static_cast<size_t>(value)]) return -1;
  return view.nodes[static_cast<size_t>(readers[0])].row->trait == Trait::pool ? readers[0] : -1;
}

}  // namespace xnorkit
