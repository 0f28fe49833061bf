// Steps: which kernel runs a node, and what runs on its blocks behind it.
#include <algorithm>

#include "ops/flatten.h"
#include "ops/pooled.h"
#include "program/draft.h"
#include "program/fusion.h"

namespace xnorkit {
namespace {

Epilogue epilogue_of(const Node* reader) {
  Epilogue e;
  if (reader == nullptr) return e;
  if (reader->tensor(Role::threshold).data != nullptr) {
    e.kind = Epilogue::Kind::threshold;
    e.threshold = reader->tensor(Role::threshold).as<int32_t>();
    e.flip = reader->tensor(Role::flip).as<uint8_t>();
  } else {
    e.kind = Epilogue::Kind::affine;
    e.scale = reader->tensor(Role::scale).as<float>();
    e.bias = reader->tensor(Role::bias).as<float>();
  }
  return e;
}

// Largest magnitude of a node's accumulators, whatever the weights.
int64_t largest_sum(const ValueType* inputs, const ValueType& output, const Node& node) {
  const int64_t depth = node.row->elements(inputs, node, Role::weight) / output.c;
  const int64_t weight = node.tensor(Role::weight).type == TensorType::i8 ? 127 : node.few_bits.largest_weight();
  return depth * weight * (inputs[0].dtype == DType::u8 ? 255 : 1);
}

// An epilogue that only converts to float, exactly.
struct Conversion {
  std::vector<float> ones, zeros;

  explicit Conversion(int32_t channels)
      : ones(static_cast<size_t>(channels), 1.0f), zeros(static_cast<size_t>(channels), 0.0f) {}
  Epilogue epilogue() const {
    Epilogue e;
    e.kind = Epilogue::Kind::affine;
    e.scale = ones.data();
    e.bias = zeros.data();
    return e;
  }
};

}  // namespace

// The node that turns an accumulator nobody else reads into bits or floats, or kNone.
int Builder::fused_epilogue(const Draft& draft, size_t node) const {
  const size_t value = static_cast<size_t>(node_values_[node]);
  if (nodes_[node].row->trait != Trait::accumulator || type(node_values_[node]).dtype != DType::i32 ||
      draft.marked[value] || draft.readers[value].size() != 1)
    return kNone;
  const int reader = draft.readers[value][0];
  return nodes_[static_cast<size_t>(reader)].row->trait == Trait::epilogue ? reader : kNone;
}

Status Builder::create_step(Draft& draft, size_t n, const BuildOptions& options, Step* step) const {
  const Node& node = nodes_[n];
  ValueType inputs[kMaxInputs] = {};
  input_types(node, inputs);
  const ValueId value = node_values_[n];
  const int reader = options.fuse ? fused_epilogue(draft, n) : kNone;
  Epilogue epilogue = epilogue_of(reader == kNone ? nullptr : &nodes_[static_cast<size_t>(reader)]);
  FusedChain chain;
  const Conversion conversion(type(value).c);
  if (options.fuse && reader == kNone && node.row->trait == Trait::accumulator && type(value).dtype == DType::i32) {
    chain = find_sums_chain(view(draft), static_cast<int>(n), largest_sum(inputs, type(value), node));
    if (!chain.nodes.empty()) epilogue = conversion.epilogue();
  }
  if (Status s = node.row->create(inputs, node, epilogue, options.isa, &step->op); !s.ok()) return s;
  if (!chain.nodes.empty() && step->op->most_unit_pixels() == 0) {  // this kernel heads no chain: readers stay alone
    chain = {};
    if (Status s = node.row->create(inputs, node, Epilogue(), options.isa, &step->op); !s.ok()) return s;
  }
  step->values = {value};
  step->reads.assign(node.inputs, node.inputs + node.row->arity);
  step->own_reads = step->early_reads = step->reads.size();
  step->pointwise = node.row->trait == Trait::pointwise;
  step->output = value;
  step->multiply_adds = multiply_adds(inputs, type(value), node);
  step->cost = node.row->cost(inputs, type(value), node);
  if (reader != kNone) {
    step->output = node_values_[static_cast<size_t>(reader)];
    step->values.push_back(step->output);
    draft.absorbed[static_cast<size_t>(reader)] = true;
  }
  ValueType expected = type(step->output);
  if (!chain.nodes.empty()) expected.dtype = DType::f32;
  if (step->op->output() != expected) {
    return Status::error(Code::graph, "[%s] output: the op and the builder infer different types", node.row->name);
  }
  if (!options.fuse) return {};
  if (chain.nodes.empty()) {
    if (Status s = extend_step(draft, n, options, step); !s.ok()) return s;
  } else {
    if (Status s = append_chain(draft, n, chain, options, step); !s.ok()) return s;
  }
  const ValueId before = step->output;
  if (Status s = pool_step(draft, options, step); !s.ok()) return s;
  return step->output == before ? Status() : extend_step(draft, n, options, step);
}

FusionView Builder::view(const Draft& draft) const {
  return {nodes_, node_values_, draft.readers, draft.marked, draft.head_of};
}

// Takes a pool along that alone reads what the step stores.
Status Builder::pool_step(Draft& draft, const BuildOptions& options, Step* step) const {
  const int reader = find_pool(view(draft), step->output);
  if (reader == kNone || step->second != kNone || !may_pool(*step->op)) return {};
  const Node& node = nodes_[static_cast<size_t>(reader)];
  const ValueId value = node_values_[static_cast<size_t>(reader)];
  OpPtr pool;
  if (Status s = node.row->create(&type(step->output), node, {}, options.isa, &pool); !s.ok()) return s;
  if (Status s = make_pooled(std::move(step->op), std::move(pool), node.window, &step->op); !s.ok()) return s;
  step->cost += node.row->cost(&type(step->output), type(value), node);
  step->own_reads = step->early_reads = step->reads.size();
  step->pointwise = false;
  draft.head_of[static_cast<size_t>(value)] = draft.head_of[static_cast<size_t>(step->output)];
  draft.absorbed[static_cast<size_t>(reader)] = true;
  step->values.push_back(value);
  step->output = value;
  return {};
}

// Takes the elementwise chain behind the step's value along, where there is one.
Status Builder::extend_step(Draft& draft, size_t n, const BuildOptions& options, Step* step) const {
  if (type(step->output).dtype != DType::f32 || step->op->most_unit_pixels() == 0) return {};
  const FusedChain chain = find_chain(view(draft), static_cast<int>(n), step->output);
  if (chain.nodes.empty() || step->reads.size() + chain.operands.size() > kMaxStepInputs) return {};
  return append_chain(draft, n, chain, options, step);
}

Status Builder::append_chain(Draft& draft, size_t n, const FusedChain& chain, const BuildOptions& options,
                             Step* step) const {
  const int32_t own = static_cast<int32_t>(step->own_reads);
  if (Status s = make_chain(std::move(step->op), own, chain.spec, options.isa, &step->op); !s.ok()) return s;
  step->reads.insert(step->reads.end(), chain.operands.begin(), chain.operands.end());
  for (const int fused : chain.nodes) {
    const Node& node = nodes_[static_cast<size_t>(fused)];
    ValueType inputs[kMaxInputs] = {};
    input_types(node, inputs);
    const ValueId value = node_values_[static_cast<size_t>(fused)];
    step->values.push_back(value);
    step->cost += node.row->cost(inputs, type(value), node);
    draft.absorbed[static_cast<size_t>(fused)] = true;
    draft.head_of[static_cast<size_t>(value)] = static_cast<int>(n);
  }
  step->early_reads += chain.operands_before;
  step->output = chain.stored >= 0 ? chain.stored : chain.signs;
  step->second = chain.stored >= 0 ? chain.signs : kNone;
  return {};
}

Status Builder::create_steps(Draft& draft, const BuildOptions& options, Program* program) const {
  for (size_t n = 0; n < nodes_.size(); ++n) {
    if (!draft.live[n] || draft.absorbed[n]) continue;
    const Node& node = nodes_[n];
    const ValueId value = node_values_[n];
    if (node.row->trait == Trait::flatten && !draft.marked[static_cast<size_t>(value)] &&
        flatten_keeps_bytes(type(node.inputs[0]))) {
      draft.alias[static_cast<size_t>(value)] = node.inputs[0];
      continue;
    }
    Step step;
    if (Status s = create_step(draft, n, options, &step); !s.ok()) return s;
    program->weight_bytes_ += step.op->packed_bytes();
    program->scratch_bytes_ = std::max(program->scratch_bytes_, align_up(step.op->scratch_bytes()));
    program->steps_.push_back(std::move(step));
  }
  return {};
}

}  // namespace xnorkit
