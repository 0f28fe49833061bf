// Chains behind every kind of head: whatever is fused, tapped, cut over threads or written in place, each output has
// the bytes of the same net run node by node. And the steps that whole networks rely on are really one.
#include "program/fusion.h"

#include <vector>

#include "program/builder.h"
#include "program/test_net.h"

using namespace xnorkit;
using namespace xnorkit::test;

namespace {

using Bytes = std::vector<std::vector<uint8_t>>;

std::unique_ptr<Program> build(const Builder& builder, bool fuse, Isa isa) {
  std::unique_ptr<Program> program;
  BuildOptions options;
  options.fuse = fuse;
  options.isa = isa;
  const Status s = builder.build(options, &program);
  CHECK(s.ok(), "%s", s.message);
  return program;
}

Bytes run(const Program& program, const std::vector<uint8_t>& x, int32_t batch, int threads) {
  Bytes outputs;
  std::vector<void*> pointers;
  for (const ValueType& type : program.outputs()) outputs.emplace_back(type.bytes() * static_cast<size_t>(batch), 0xA5);
  for (auto& output : outputs) pointers.push_back(output.data());
  const void* input = x.data();
  const Status s = program.run({batch, &input, pointers.data(), threads, nullptr});
  CHECK(s.ok(), "%s", s.message);
  return outputs;
}

// A net of `steps` random links between maps of one size: convolutions on bits, bytes and floats, and what may follow.
struct Links : Net {
  std::vector<ValueId> floats, packed, factors;
  int32_t size, channels;

  Links(uint64_t seed, int steps) : Net(seed) {
    size = random.between(1, 9);
    channels = random.between(0, 3) == 0 ? random.between(60, 140) : random.between(1, 45);
    ValueId x = -1;
    CHECK(builder.input({DType::u8, size, size, 3}, &x).ok(), "input");
    floats.push_back(affine(conv("qconv2d", x, channels, 3, 1)));
    packed.push_back(unary("sign", floats[0]));
    for (int i = 0; i < steps; ++i) link();
    const size_t marks = static_cast<size_t>(random.between(1, 3));
    std::vector<bool> marked(values.size(), false);
    for (size_t i = 0; i < marks; ++i) {
      const size_t at = i == 0 ? values.size() - 1 : pick(values.size());
      if (!marked[at]) CHECK(builder.mark_output(values[at]).ok(), "output");
      marked[at] = true;
    }
  }

  size_t pick(size_t count) { return static_cast<size_t>(random.between(0, static_cast<int32_t>(count) - 1)); }

  // Half of the time the newest value, so that chains grow.
  ValueId any(const std::vector<ValueId>& from) { return random.between(0, 1) ? from.back() : from[pick(from.size())]; }

  ValueId same_pool(const char* op, ValueId x) {
    Node node;
    const int32_t pad = std::min(1, size - 1);
    node.window = {1 + pad, 1 + 2 * pad, 1, 1, 1, 1, pad, pad, 0, pad};
    return add(node, op, {x});
  }

  void scaled(ValueId x) {
    if (factors.empty()) factors.push_back(kmap(any(floats), 3, 1));
    floats.push_back(add(Node(), "scale_map", {x, any(factors)}));
  }

  // Accumulators with two readers, in either order.
  void both(ValueId sums) {
    const bool first = random.between(0, 1);
    if (first) packed.push_back(threshold(sums));
    if (random.between(0, 1))
      floats.push_back(affine(sums));
    else
      scaled(sums);
    if (!first) packed.push_back(threshold(sums));
  }

  void link() {
    switch (random.between(0, 14)) {
      case 11: factors.push_back(kmap(any(floats), 3, 1)); return;
      case 12: scaled(any(floats)); return;
      case 13: scaled(conv("bconv2d", any(packed), channels, 3, 1)); return;
      case 14: both(conv("bconv2d", any(packed), channels, 3, 1)); return;
      case 0:
      case 1: floats.push_back(affine(conv("bconv2d", any(packed), channels, 3, 1))); return;
      case 2: floats.push_back(conv("conv2d", any(floats), channels, 1, 0)); return;
      case 3: packed.push_back(threshold(conv("bconv2d", any(packed), channels, 1, 0))); return;
      case 4: packed.push_back(unary("sign", any(floats))); return;
      case 5: floats.push_back(affine(any(floats))); return;
      case 6: floats.push_back(prelu(any(floats))); return;
      case 7: floats.push_back(unary(random.between(0, 1) ? "relu" : "hardtanh", any(floats))); return;
      case 8: floats.push_back(same_pool(random.between(0, 1) ? "max_pool2d" : "avg_pool2d", any(floats))); return;
      case 9: packed.push_back(same_pool("max_pool2d", any(packed))); return;
      default: floats.push_back(add(Node(), "add", {any(floats), any(floats)})); return;
    }
  }
};

void random_chains() {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    Links net(seed, static_cast<int>(3 + seed % 20));
    const int32_t batch = net.random.between(1, 3);
    std::vector<uint8_t> x(static_cast<size_t>(batch) * net.builder.type(0).bytes());
    for (uint8_t& v : x) v = static_cast<uint8_t>(net.random.next());
    const Bytes expected = run(*build(net.builder, false, Isa::scalar), x, batch, 1);
    for (const Isa isa : {Isa::scalar, detect_isa()}) {
      const auto fused = build(net.builder, true, isa);
      CHECK(run(*fused, x, batch, 1) == expected, "net %d", static_cast<int>(seed));
      CHECK(run(*fused, x, batch, 3) == expected, "net %d on three threads", static_cast<int>(seed));
      CHECK(fused->arena_bytes() >= fused->live_bytes(), "arena of net %d", static_cast<int>(seed));
    }
  }
}

// acc -> affine -> + residual -> prelu -> {float, shifted -> sign}: one step a block, the sum in the residual's place.
void a_residual_block_is_one_step() {
  Net net(7);
  ValueId x = -1;
  CHECK(net.builder.input({DType::u8, 14, 14, 3}, &x).ok(), "input");
  ValueId stream = net.unary("relu", net.affine(net.conv("qconv2d", x, 72, 3, 1)));
  ValueId bits = net.unary("sign", net.affine(stream));
  for (int i = 0; i < 3; ++i) {
    stream = net.prelu(net.add(Node(), "add", {net.affine(net.conv("bconv2d", bits, 72, 3, 1)), stream}));
    bits = net.unary("sign", net.affine(stream));
  }
  const ValueId last = net.affine(net.dense("bdense", net.unary("flatten", bits), 5));
  CHECK(net.builder.mark_output(last).ok(), "output");
  CHECK(net.builder.mark_output(net.unary("global_avg_pool2d", stream)).ok(), "output");
  const auto fused = build(net.builder, true, detect_isa());
  CHECK(fused->steps().size() == 6, "%zu steps", fused->steps().size());
  // The stream, updated in place, and the bits before and behind a block.
  const size_t map = 14 * 14 * 72 * 4, bit_map = 14 * 14 * 9;
  CHECK(fused->arena_bytes() <= map + 2 * (bit_map + 64), "arena %zu", fused->arena_bytes());
  std::vector<uint8_t> picture(14 * 14 * 3);
  for (uint8_t& v : picture) v = static_cast<uint8_t>(net.random.next());
  CHECK(run(*fused, picture, 1, 2) == run(*build(net.builder, false, Isa::scalar), picture, 1, 1), "block");
}

// sign(x) -> bconv2d -> K -> alpha -> {float, sign}: the map's own step, and one for everything behind it.
void a_kmap_layer_is_two_steps() {
  Net net(11);
  ValueId x = -1;
  CHECK(net.builder.input({DType::f32, 9, 9, 40}, &x).ok(), "input");
  net.values.push_back(x);
  const ValueId factor = net.kmap(x, 3, 1), bits = net.unary("sign", x);
  const ValueId sums = net.conv("bconv2d", bits, 40, 3, 1);
  const ValueId last = net.prelu(net.affine(net.add(Node(), "scale_map", {sums, factor})));
  CHECK(net.builder.mark_output(last).ok(), "output");
  CHECK(net.builder.mark_output(net.unary("sign", last)).ok(), "output");
  CHECK(build(net.builder, true, detect_isa())->steps().size() == 3, "K, sign, layer");
}

// A stem's sums read by a threshold and by an affine: one step with two outputs; not where floats cannot hold the sums.
void sums_with_two_readers_are_one_step() {
  for (const int32_t channels : {3, 100}) {
    Net net(12);
    ValueId x = -1;
    CHECK(net.builder.input({DType::u8, 8, 8, channels}, &x).ok(), "input");
    const ValueId sums = net.conv("qconv2d", x, 24, 3, 1);
    CHECK(net.builder.mark_output(net.threshold(sums)).ok(), "output");
    CHECK(net.builder.mark_output(net.unary("relu", net.affine(sums))).ok(), "output");
    const auto fused = build(net.builder, true, detect_isa());
    CHECK(fused->steps().size() == (channels == 3 ? 1u : 3u), "%zu steps", fused->steps().size());
    std::vector<uint8_t> picture(net.builder.type(x).bytes());
    for (uint8_t& v : picture) v = static_cast<uint8_t>(net.random.next());
    CHECK(run(*fused, picture, 1, 2) == run(*build(net.builder, false, Isa::scalar), picture, 1, 1), "stem");
  }
}

}  // namespace

int main() {
  random_chains();
  a_kmap_layer_is_two_steps();
  sums_with_two_readers_are_one_step();
  a_residual_block_is_one_step();
  return check_summary();
}
