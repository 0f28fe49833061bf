#include "ops/chain.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/aligned.h"

namespace xnorkit {
namespace {

int32_t vectors_of(ChainKind kind) {
  return kind == ChainKind::affine || kind == ChainKind::branch ? 2 : kind == ChainKind::prelu ? 1 : 0;
}

bool takes_input(ChainKind kind) { return kind == ChainKind::add || kind == ChainKind::scale_map; }

class Chain final : public Op {
 public:
  Chain(OpPtr head, int32_t head_inputs, const ChainSpec& spec, Isa isa)
      : head_(std::move(head)),
        head_inputs_(head_inputs),
        store_(spec.store),
        bits_(spec.bits),
        type_(head_->output()) {
    for (const ChainKernel& row : kChainKernels) {
      kernel_ = &row;
      if (row.isa <= isa) break;
    }
    kernel_name_ = std::string(head_->kernel_name()) + " + " + kernel_->name;
  }

  Status create(const ChainSpec& spec) {
    size_t vectors = 0;
    bool inputs = false;
    for (const ChainStep& step : spec.steps) {
      vectors += static_cast<size_t>(vectors_of(step.kind));
      inputs |= takes_input(step.kind);
    }
    // Without other inputs, one of which may be the output's own memory, the head may write there and the chain work in
    // place.
    direct_ = store_ >= 0 && !inputs;
    const size_t channels = static_cast<size_t>(type_.c);
    if (vectors > 0 && !vectors_.allocate(vectors * channels * sizeof(float))) {
      return Status::error(Code::limit, "[%s] memory: got %zu bytes refused, expected them for the chain", name(),
                           vectors * channels * sizeof(float));
    }
    float* to = vectors_.as<float>();
    for (const ChainStep& step : spec.steps) {
      ChainStep& own = steps_[count_++] = {step.kind, nullptr, nullptr};
      const auto keep = [&](const float* from) {
        memcpy(to, from, channels * sizeof(float));
        to += channels;
        return to - channels;
      };
      if (vectors_of(step.kind) >= 1) own.a = keep(step.a);
      if (vectors_of(step.kind) >= 2) own.b = keep(step.b);
    }
    return {};
  }

  const char* name() const override { return head_->name(); }
  const char* kernel_name() const override { return kernel_name_.c_str(); }
  ValueType output() const override { return store_ >= 0 ? type_ : ValueType{DType::bits, type_.h, type_.w, type_.c}; }
  size_t packed_bytes() const override { return head_->packed_bytes() + vectors_.bytes(); }
  int64_t units(int32_t batch) const override { return head_->units(batch); }
  size_t scratch_bytes() const override { return head_bytes() + tile_bytes(); }
  int64_t most_unit_pixels() const override {
    return one_output() && !head_->calls_sink() ? head_->most_unit_pixels() : 0;
  }
  UnitBlock unit_block(int32_t batch, int64_t unit) const override { return head_->unit_block(batch, unit); }

  void run(const RunArgs& args, int64_t begin, int64_t end, void* scratch) const noexcept override {
    uint8_t* tile = static_cast<uint8_t*>(scratch) + head_bytes();
    if (head_->calls_sink()) {
      Frame frame{this, &args, tile};
      const BlockSink sink{direct_ ? nullptr : tile, &frame, [](void* context, int64_t first, int64_t last) {
                             const Frame& f = *static_cast<const Frame*>(context);
                             f.chain->finish(*f.args, f.chain->merged(*f.args, first, last).block, f.tile);
                           }};
      return head_->run({args.inputs, args.output, args.batch, nullptr, &sink}, begin, end, scratch);
    }
    while (begin < end) {
      const Merged units = merged(args, begin, end);
      // The head writes these pixels alone, so the address of pixel 0 need not be the tile's.
      const uintptr_t origin = reinterpret_cast<uintptr_t>(tile) - before(units.block);
      head_->run({args.inputs, direct_ ? args.output : reinterpret_cast<void*>(origin), args.batch}, begin, units.stop,
                 scratch);
      finish(args, units.block, tile);
      begin = units.stop;
    }
  }

 private:
  struct Frame {
    const Chain* chain;
    const RunArgs* args;
    const uint8_t* tile;
  };
  struct Merged {
    UnitBlock block;
    int64_t stop;
  };

  // The first units that share their pixels: the head prepares those once for all.
  Merged merged(const RunArgs& args, int64_t begin, int64_t end) const {
    Merged units{head_->unit_block(args.batch, begin), begin + 1};
    for (; units.stop < end; ++units.stop) {
      const UnitBlock next = head_->unit_block(args.batch, units.stop);
      if (next.first_pixel != units.block.first_pixel || next.first_channel != units.block.last_channel) break;
      units.block.last_channel = next.last_channel;
    }
    return units;
  }
  size_t before(const UnitBlock& block) const { return static_cast<size_t>(block.first_pixel) * type_.row_bytes(); }

  bool one_output() const { return (store_ >= 0) != bits_; }
  size_t head_bytes() const { return align_up(head_->scratch_bytes()); }
  size_t tile_bytes() const {
    return direct_ ? 0 : align_up(static_cast<size_t>(head_->most_unit_pixels()) * type_.row_bytes());
  }

  void finish(const RunArgs& args, const UnitBlock& block, const uint8_t* tile) const {
    const uint8_t* rows = direct_ ? static_cast<const uint8_t*>(args.output) + before(block) : tile;
    const size_t stride = static_cast<size_t>(type_.c), first = static_cast<size_t>(block.first_channel);
    const size_t pixel = static_cast<size_t>(block.first_pixel), at = pixel * stride + first;
    ChainStep steps[kMaxChain];
    const void* const* input = args.inputs + head_inputs_;
    for (int32_t i = 0; i < count_; ++i) {
      steps[i] = steps_[i];
      if (takes_input(steps[i].kind)) {
        steps[i].a = static_cast<const float*>(*input++) + (steps[i].kind == ChainKind::add ? at : pixel);
      }
      if (vectors_of(steps[i].kind) >= 1) steps[i].a += first;
      if (vectors_of(steps[i].kind) >= 2) steps[i].b += first;
    }
    ChainArgs work{};
    work.x = reinterpret_cast<const float*>(rows) + first;
    work.stride = stride;
    work.pixels = static_cast<size_t>(block.pixels);
    work.channels = block.last_channel - block.first_channel;
    work.steps = steps;
    work.count = count_;
    work.store = direct_ && store_ == 0 ? -1 : store_;  // it lies there already
    if (store_ >= 0) work.out = static_cast<float*>(args.output) + at;
    if (bits_) {
      work.bits_stride = (stride + 7) / 8;
      uint8_t* map = static_cast<uint8_t*>(store_ >= 0 ? args.second : args.output);
      work.bits = map + pixel * work.bits_stride + first / 8;
    }
    kernel_->run(work);
  }

  OpPtr head_;
  int32_t head_inputs_, store_;
  bool bits_, direct_ = false;
  ValueType type_;
  const ChainKernel* kernel_ = nullptr;
  std::string kernel_name_;
  ChainStep steps_[kMaxChain] = {};
  int32_t count_ = 0;
  AlignedBuffer vectors_;
};

}  // namespace

Status make_chain(OpPtr head, int32_t head_inputs, const ChainSpec& spec, Isa isa, OpPtr* out) {
  const size_t count = spec.steps.size();
  bool good = count <= kMaxChain && spec.store <= static_cast<int32_t>(count) && (spec.store >= 0 || spec.bits);
  int branches = 0;
  for (const ChainStep& s : spec.steps) {
    good &= s.kind != ChainKind::none && s.kind != ChainKind::sign;
    branches += s.kind == ChainKind::branch;
    good &= (vectors_of(s.kind) < 1 || s.a != nullptr) && (vectors_of(s.kind) < 2 || s.b != nullptr);
  }
  good &= branches == 0 || (branches == 1 && spec.bits && spec.store >= 0);
  if (!good || head == nullptr || head->output().dtype != DType::f32 || head->most_unit_pixels() <= 0) {
    return Status::error(Code::graph, "[chain] spec: got %zu steps, stored after %d, expected a chain", count,
                         spec.store);
  }
  auto op = std::make_unique<Chain>(std::move(head), head_inputs, spec, isa);
  if (Status s = op->create(spec); !s.ok()) return s;
  *out = std::move(op);
  return {};
}

}  // namespace xnorkit
