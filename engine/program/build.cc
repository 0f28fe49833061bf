// Builder::build: what is live, what is fused, which memory every value gets.
#include <algorithm>

#include "ops/flatten.h"
#include "ops/pooled.h"
#include "program/builder.h"
#include "program/memory_plan.h"

namespace xnorkit {
namespace {

constexpr int kNone = -1;
constexpr int64_t kWidestLanes = 64;  // kernels pad each group's output channels to at most a multiple of this

size_t element_bits(TensorType type) {
  switch (type) {
    case TensorType::bits:
    case TensorType::i8: return 8;  // bits count bytes
    default: return 32;
  }
}

// Upper bound of a node's tensors as packed.
size_t packed_bound(const Node& node) {
  size_t bytes = 0;
  for (int role = 0; role < kRoles; ++role) {
    const Tensor& tensor = node.tensors[role];
    if (tensor.data == nullptr) continue;
    size_t size = static_cast<size_t>(tensor.elements) * element_bits(tensor.type) / 8;
    if (role == static_cast<int>(Role::weight)) {
      const int64_t group = std::max<int64_t>(1, node.outputs / std::max(node.groups, 1));
      size = size * static_cast<size_t>((group + kWidestLanes - 1) / kWidestLanes * kWidestLanes) /
             static_cast<size_t>(group);
    }
    bytes += size;
  }
  return bytes;
}

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

}  // namespace

// Per node: is it computed, and by another node's step. Per value: who reads it.
struct Builder::Draft {
  std::vector<bool> live, absorbed, marked;
  std::vector<std::vector<int>> readers;  // per value: live nodes, once for each input that reads it
  std::vector<int> head_of;               // per value: the node whose step makes it, kNone for inputs
  std::vector<ValueId> alias;             // the value whose memory a value shares, or itself

  ValueId root(ValueId value) const {
    while (alias[static_cast<size_t>(value)] != value) value = alias[static_cast<size_t>(value)];
    return value;
  }
};

FusionView Builder::view(const Draft& draft) const {
  return {nodes_, node_values_, draft.readers, draft.marked, draft.head_of};
}

void Builder::mark_live(Draft& draft) const {
  draft.live.assign(nodes_.size(), false);
  draft.absorbed.assign(nodes_.size(), false);
  draft.marked.assign(values_.size(), false);
  draft.readers.resize(values_.size());
  for (const ValueId v : outputs_) draft.marked[static_cast<size_t>(v)] = true;
  for (size_t n = nodes_.size(); n-- > 0;) {
    const size_t value = static_cast<size_t>(node_values_[n]);
    if (draft.readers[value].empty() && !draft.marked[value]) continue;
    draft.live[n] = true;
    for (int i = 0; i < nodes_[n].row->arity; ++i)
      draft.readers[static_cast<size_t>(nodes_[n].inputs[i])].push_back(static_cast<int>(n));
  }
  for (size_t v = 0; v < values_.size(); ++v) {
    draft.alias.push_back(static_cast<ValueId>(v));
    draft.head_of.push_back(values_[v].node);
  }
}

// The node that turns an accumulator nobody else reads into bits or floats, or kNone.
int Builder::fused_epilogue(const Draft& draft, size_t node) const {
  const size_t value = static_cast<size_t>(node_values_[node]);
  if (nodes_[node].row->trait != Trait::accumulator || type(node_values_[node]).dtype != DType::i32 ||
      draft.marked[value] || draft.readers[value].size() != 1)
    return kNone;
  const int reader = draft.readers[value][0];
  return nodes_[static_cast<size_t>(reader)].row->trait == Trait::epilogue ? reader : kNone;
}

Status Builder::check_budget(const Draft& draft, const BuildOptions& options) const {
  size_t bytes = 0;
  for (size_t n = 0; n < nodes_.size(); ++n)
    if (draft.live[n]) bytes += packed_bound(nodes_[n]);
  if (bytes <= options.memory_budget) return {};
  return Status::error(Code::limit, "[build] memory for weights: got up to %zu bytes, expected at most %zu", bytes,
                       options.memory_budget);
}

Status Builder::create_step(Draft& draft, size_t n, const BuildOptions& options, Step* step) const {
  const Node& node = nodes_[n];
  ValueType inputs[kMaxInputs] = {};
  input_types(node, inputs);
  const ValueId value = node_values_[n];
  const int reader = options.fuse ? fused_epilogue(draft, n) : kNone;
  const Epilogue epilogue = epilogue_of(reader == kNone ? nullptr : &nodes_[static_cast<size_t>(reader)]);
  if (Status s = node.row->create(inputs, node, epilogue, options.isa, &step->op); !s.ok()) return s;
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
  if (step->op->output() != type(step->output)) {
    return Status::error(Code::graph, "[%s] output: the op and the builder infer different types", node.row->name);
  }
  if (!options.fuse) return {};
  if (Status s = extend_step(draft, n, options, step); !s.ok()) return s;
  const ValueId before = step->output;
  if (Status s = pool_step(draft, options, step); !s.ok()) return s;
  return step->output == before ? Status() : extend_step(draft, n, options, step);
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

// The buffer of an input that dies in this step and whose place the step's output may take: every pixel of it is read
// before that pixel is written. What the head reads qualifies only where the head is pointwise.
int Builder::reusable_buffer(const Draft& draft, const Step& step, int now, const std::vector<int>& last,
                             const std::vector<int>& buffer_of) const {
  if (type(step.output).dtype != DType::f32) return kNone;
  for (size_t i = step.pointwise ? 0 : step.own_reads; i < step.early_reads; ++i) {
    const ValueId root = draft.root(step.reads[i]);
    bool late = false;
    for (size_t k = 0; k < step.reads.size(); ++k) {
      const bool early = k < step.early_reads && (step.pointwise || k >= step.own_reads);
      late |= !early && draft.root(step.reads[k]) == root;
    }
    if (!late && last[static_cast<size_t>(root)] == now && type(root).bytes() == type(step.output).bytes() &&
        buffer_of[static_cast<size_t>(root)] != kNone)
      return buffer_of[static_cast<size_t>(root)];
  }
  return kNone;
}

void Builder::place_values(Draft& draft, Program* program) const {
  std::vector<Place> places(values_.size());
  const auto fixed = [&](const std::vector<ValueId>& values, Place::Kind kind) {
    for (size_t i = 0; i < values.size(); ++i) {
      Place& place = places[static_cast<size_t>(values[i])];
      if (place.kind == Place::Kind::input) {
        program->copies_.push_back({place.index, i});
      } else {
        place = {kind, i};
      }
    }
  };
  fixed(inputs_, Place::Kind::input);
  fixed(outputs_, Place::Kind::output);

  std::vector<int> last(values_.size(), kNone);  // by root: the last step that reads it
  for (size_t s = 0; s < program->steps_.size(); ++s)
    for (const ValueId v : program->steps_[s].reads) last[static_cast<size_t>(draft.root(v))] = static_cast<int>(s);

  std::vector<Buffer> buffers;
  std::vector<int> buffer_of(values_.size(), kNone);
  const auto take = [&](ValueId value, int step, int shared) {
    const size_t v = static_cast<size_t>(value);
    if (places[v].kind != Place::Kind::none) return;
    buffer_of[v] = shared;
    if (shared == kNone) {
      buffer_of[v] = static_cast<int>(buffers.size());
      buffers.push_back({type(value).bytes(), step, step});
    }
    Buffer& buffer = buffers[static_cast<size_t>(buffer_of[v])];
    buffer.last = std::max({buffer.last, step, last[v]});
  };
  for (size_t s = 0; s < program->steps_.size(); ++s) {
    const Step& step = program->steps_[s];
    const int now = static_cast<int>(s);
    take(step.output, now, reusable_buffer(draft, step, now, last, buffer_of));
    if (step.second >= 0) take(step.second, now, kNone);
  }
  program->arena_bytes_ = plan_memory(buffers);
  program->live_bytes_ = live_bytes(buffers);

  const auto place_of = [&](ValueId root) {
    const size_t v = static_cast<size_t>(root);
    if (buffer_of[v] == kNone) return places[v];
    return Place{Place::Kind::arena, buffers[static_cast<size_t>(buffer_of[v])].offset};
  };
  for (Step& step : program->steps_) {
    step.result = place_of(step.output);
    if (step.second >= 0) step.second_result = place_of(step.second);
    for (size_t i = 0; i < step.reads.size(); ++i) step.inputs[i] = place_of(draft.root(step.reads[i]));
  }
}

Status Builder::build(const BuildOptions& options, std::unique_ptr<Program>* program) const {
  if (outputs_.empty()) return Status::error(Code::graph, "[build] outputs: got none, expected at least one");
  Draft draft;
  mark_live(draft);
  if (Status s = check_budget(draft, options); !s.ok()) return s;

  std::unique_ptr<Program> made(new Program);
  made->isa_ = options.isa;
  made->budget_ = options.memory_budget;
  for (const ValueId v : inputs_) made->inputs_.push_back(type(v));
  for (const ValueId v : outputs_) made->outputs_.push_back(type(v));
  if (Status s = create_steps(draft, options, made.get()); !s.ok()) return s;
  place_values(draft, made.get());
  const size_t bytes = made->weight_bytes_ + made->run_bytes(1, 1);
  if (bytes > options.memory_budget) {
    return Status::error(Code::limit, "[build] memory for weights and one image: got %zu bytes, expected at most %zu",
                         bytes, options.memory_budget);
  }
  *program = std::move(made);
  return {};
}

}  // namespace xnorkit
