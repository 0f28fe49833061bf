// Builder::build: what is live, what is fused, which memory every value gets.
#include <algorithm>

#include "codecs/forms.h"
#include "program/draft.h"
#include "program/memory_plan.h"

namespace xnorkit {
namespace {

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
    if (tensor.type == TensorType::vectors || tensor.type == TensorType::hashed) {
      bytes += tensor.type == TensorType::vectors ? tensor.as<VectorWeight>()->bytes()
                                                  : size_t{tensor.as<HashedWeight>()->buckets} * sizeof(float);
      continue;
    }
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

}  // namespace

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

Status Builder::check_budget(const Draft& draft, const BuildOptions& options) const {
  size_t bytes = 0;
  for (size_t n = 0; n < nodes_.size(); ++n)
    if (draft.live[n]) bytes += packed_bound(nodes_[n]);
  if (bytes <= options.memory_budget) return {};
  return Status::error(Code::limit, "[build] memory for weights: got up to %zu bytes, expected at most %zu", bytes,
                       options.memory_budget);
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
