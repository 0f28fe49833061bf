// The only way into the engine. Every call is checked as if its caller were hostile: types, shapes by the engine's own
// inference, tensor sizes, limits. A node may only read values that exist already, so there are no cycles.
#pragma once
#include <memory>
#include <vector>

#include "program/fusion.h"
#include "program/op_table.h"
#include "program/program.h"

namespace xnorkit {

inline constexpr size_t kMaxNodes = 4096;
inline constexpr size_t kDefaultBudget = size_t{4} << 30;

struct BuildOptions {
  Isa isa = Isa::scalar;
  bool fuse = true;                       // accumulator + its only reader become one step
  size_t memory_budget = kDefaultBudget;  // weights as packed plus the arena of a run, in bytes
};

class Builder {
 public:
  // A graph input, u8 or f32. XK_DTYPE, XK_SHAPE, XK_RANGE (a size above 65535), XK_LIMIT.
  Status input(const ValueType& type, ValueId* value);

  // A node of any op of the table; node.row must be set. Tensor memory must live until build() returns.
  // XK_GRAPH: unknown value, missing or superfluous tensor; XK_DTYPE, XK_SHAPE, XK_RANGE, XK_LIMIT.
  Status add(const Node& node, ValueId* value);

  // Any value, intermediate ones too; at most once each. XK_GRAPH.
  Status mark_output(ValueId value);

  // XK_GRAPH: no output. XK_LIMIT: the budget, checked before weights are packed. And what the ops refuse.
  // Values no output depends on are not computed.
  Status build(const BuildOptions& options, std::unique_ptr<Program>* program) const;

  // Type of an existing value.
  const ValueType& type(ValueId value) const { return values_[static_cast<size_t>(value)].type; }
  bool exists(ValueId value) const { return value >= 0 && static_cast<size_t>(value) < values_.size(); }

 private:
  struct Value {
    ValueType type;
    int node;  // -1 for inputs
  };
  struct Draft;  // build()'s working state

  Status check_tensors(const Node& node, const ValueType* inputs) const;
  void input_types(const Node& node, ValueType* types) const;
  Status check_budget(const Draft& draft, const BuildOptions& options) const;
  FusionView view(const Draft& draft) const;
  void mark_live(Draft& draft) const;
  int fused_epilogue(const Draft& draft, size_t node) const;
  Status create_step(Draft& draft, size_t node, const BuildOptions& options, Step* step) const;
  Status pool_step(Draft& draft, const BuildOptions& options, Step* step) const;
  Status extend_step(Draft& draft, size_t node, const BuildOptions& options, Step* step) const;
  Status append_chain(Draft& draft, size_t node, const FusedChain& chain, const BuildOptions& options,
                      Step* step) const;
  Status create_steps(Draft& draft, const BuildOptions& options, Program* program) const;
  int reusable_buffer(const Draft& draft, const Step& step, int now, const std::vector<int>& last,
                      const std::vector<int>& buffer_of) const;
  void place_values(Draft& draft, Program* program) const;

  std::vector<Value> values_;
  std::vector<Node> nodes_;
  std::vector<ValueId> node_values_;  // value of each node
  std::vector<ValueId> inputs_, outputs_;
};

}  // namespace xnorkit
