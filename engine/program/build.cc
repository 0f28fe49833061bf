// Builder::build: what is live, what is fused, which memory every value gets.
#include <algorithm>

#include "ops/flatten.h"
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

bool same_type(const ValueType& a, const ValueType& b) {
  return a.dtype == b.dtype && a.h == b.h && a.w == b.w && a.c == b.c;
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

// Per node: is it computed, and which later node is fused into it. Per value: readers, counting an output mark as one.
struct Builder::Draft {
  std::vector<bool> live, absorbed;
  std::vector<int> fused, readers, only_reader;
  std::vector<int> step_nodes;  // node of each step
  std::vector<ValueId> alias;   // the value whose memory a value shares, or itself

  ValueId root(ValueId value) const {
    while (alias[static_cast<size_t>(value)] != value) value = alias[static_cast<size_t>(value)];
    return value;
  }
};

void Builder::mark_live(Draft& draft) const {
  draft.live.assign(nodes_.size(), false);
  draft.readers.assign(values_.size(), 0);
  draft.only_reader.assign(values_.size(), kNone);
  for (const ValueId v : outputs_) ++draft.readers[static_cast<size_t>(v)];
  for (size_t n = nodes_.size(); n-- > 0;) {
    if (draft.readers[static_cast<size_t>(node_values_[n])] == 0) continue;
    draft.live[n] = true;
    for (int i = 0; i < nodes_[n].row->arity; ++i) {
      const size_t input = static_cast<size_t>(nodes_[n].inputs[i]);
      ++draft.readers[input];
      draft.only_reader[input] = static_cast<int>(n);
    }
  }
}

void Builder::fuse(Draft& draft) const {
  for (size_t n = 0; n < nodes_.size(); ++n) {
    const size_t value = static_cast<size_t>(node_values_[n]);
    const int reader = draft.only_reader[value];
    if (!draft.live[n] || nodes_[n].row->trait != Trait::accumulator || draft.readers[value] != 1 || reader == kNone)
      continue;
    if (nodes_[static_cast<size_t>(reader)].row->trait != Trait::epilogue) continue;
    draft.fused[n] = reader;
    draft.absorbed[static_cast<size_t>(reader)] = true;
  }
}

Status Builder::check_budget(const Draft& draft, const BuildOptions& options) const {
  size_t bytes = 0;
  for (size_t n = 0; n < nodes_.size(); ++n)
    if (draft.live[n]) bytes += packed_bound(nodes_[n]);
  if (bytes <= options.memory_budget) return {};
  return Status::error(Code::limit, "[build] memory for weights: got up to %zu bytes, expected at most %zu", bytes,
                       options.memory_budget);
}

Status Builder::create_steps(Draft& draft, const BuildOptions& options, Program* program) const {
  for (size_t n = 0; n < nodes_.size(); ++n) {
    if (!draft.live[n] || draft.absorbed[n]) continue;
    const Node& node = nodes_[n];
    ValueType inputs[kMaxInputs] = {};
    input_types(node, inputs);
    const ValueId value = node_values_[n];
    const bool is_output = std::find(outputs_.begin(), outputs_.end(), value) != outputs_.end();
    if (node.row->trait == Trait::flatten && !is_output && flatten_keeps_bytes(inputs[0])) {
      draft.alias[static_cast<size_t>(value)] = node.inputs[0];
      continue;
    }
    const Node* reader = draft.fused[n] == kNone ? nullptr : &nodes_[static_cast<size_t>(draft.fused[n])];
    Step step;
    if (Status s = node.row->create(inputs, node, epilogue_of(reader), options.isa, &step.op); !s.ok()) return s;
    step.values.push_back(value);
    if (reader != nullptr) step.values.push_back(node_values_[static_cast<size_t>(draft.fused[n])]);
    step.output = step.values.back();
    if (!same_type(step.op->output(), type(step.output))) {
      return Status::error(Code::graph, "[%s] output: the op and the builder infer different types", node.row->name);
    }
    step.multiply_adds = multiply_adds(inputs, type(value), node);
    step.cost = node.row->cost(inputs, type(value), node);
    program->weight_bytes_ += step.op->packed_bytes();
    program->scratch_bytes_ = std::max(program->scratch_bytes_, align_up(step.op->scratch_bytes()));
    draft.step_nodes.push_back(static_cast<int>(n));
    program->steps_.push_back(std::move(step));
  }
  return {};
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
  const auto for_inputs = [&](size_t step, auto visit) {
    const Node& node = nodes_[static_cast<size_t>(draft.step_nodes[step])];
    for (int i = 0; i < node.row->arity; ++i) visit(i, draft.root(node.inputs[i]));
  };
  for (size_t s = 0; s < program->steps_.size(); ++s)
    for_inputs(s, [&](int, ValueId root) { last[static_cast<size_t>(root)] = static_cast<int>(s); });

  std::vector<Buffer> buffers;
  std::vector<int> buffer_of(values_.size(), kNone);
  for (size_t s = 0; s < program->steps_.size(); ++s) {
    const size_t out = static_cast<size_t>(program->steps_[s].output);
    if (places[out].kind != Place::Kind::none) continue;
    const bool pointwise = nodes_[static_cast<size_t>(draft.step_nodes[s])].row->trait == Trait::pointwise;
    for_inputs(s, [&](int, ValueId root) {
      const size_t in = static_cast<size_t>(root);
      if (!pointwise || buffer_of[out] != kNone || buffer_of[in] == kNone || last[in] != static_cast<int>(s)) return;
      buffer_of[out] = buffer_of[in];
    });
    if (buffer_of[out] == kNone) {
      buffer_of[out] = static_cast<int>(buffers.size());
      buffers.push_back({type(program->steps_[s].output).bytes(), static_cast<int>(s), static_cast<int>(s)});
    }
    Buffer& buffer = buffers[static_cast<size_t>(buffer_of[out])];
    buffer.last = std::max(buffer.last, last[out]);
  }
  program->arena_bytes_ = plan_memory(buffers);
  program->live_bytes_ = live_bytes(buffers);

  const auto place_of = [&](ValueId root) {
    const size_t v = static_cast<size_t>(root);
    if (buffer_of[v] == kNone) return places[v];
    return Place{Place::Kind::arena, buffers[static_cast<size_t>(buffer_of[v])].offset};
  };
  for (size_t s = 0; s < program->steps_.size(); ++s) {
    Step& step = program->steps_[s];
    step.result = place_of(step.output);
    for_inputs(s, [&](int i, ValueId root) { step.inputs[i] = place_of(root); });
  }
}

Status Builder::build(const BuildOptions& options, std::unique_ptr<Program>* program) const {
  if (outputs_.empty()) return Status::error(Code::graph, "[build] outputs: got none, expected at least one");
  Draft draft;
  mark_live(draft);
  draft.absorbed.assign(nodes_.size(), false);
  draft.fused.assign(nodes_.size(), kNone);
  draft.alias.resize(values_.size());
  for (size_t v = 0; v < values_.size(); ++v) draft.alias[v] = static_cast<ValueId>(v);
  if (options.fuse) fuse(draft);
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
