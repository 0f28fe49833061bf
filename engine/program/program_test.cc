// Builder and Program: fusion and memory reuse change nothing, taps see every value, many threads share one program,
// hostile calls get the right code.
#include "program/program.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "program/builder.h"

using namespace xnorkit;

// Every way the engine takes memory, counted.
static std::atomic<long> allocations{0};

static void* counted(size_t alignment, size_t bytes) {
  allocations.fetch_add(1);
  void* memory = nullptr;
  return posix_memalign(&memory, alignment, bytes) == 0 ? memory : nullptr;
}

extern "C" void* aligned_alloc(size_t alignment, size_t bytes) noexcept { return counted(alignment, bytes); }
void* operator new(size_t bytes) { return counted(16, bytes); }
void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return counted(16, bytes); }
__attribute__((noinline)) void operator delete(void* memory) noexcept { free(memory); }
__attribute__((noinline)) void operator delete(void* memory, size_t) noexcept { free(memory); }

namespace {

// A network with branches, every value tapped or not, and the memory its tensors need.
struct Net {
  Builder builder;
  std::vector<ValueId> values;
  std::vector<std::vector<uint8_t>> memory;
  Random random;

  explicit Net(uint64_t seed) : random{seed} {}

  Tensor tensor(TensorType type, int64_t elements, int32_t low, int32_t high) {
    const size_t width = type == TensorType::i32 || type == TensorType::f32 ? 4 : 1;
    memory.emplace_back(static_cast<size_t>(elements) * width);
    uint8_t* to = memory.back().data();
    for (int64_t i = 0; i < elements; ++i) {
      const int32_t v = random.between(low, high);
      const float f = static_cast<float>(v) / 64.0f;
      if (type == TensorType::f32)
        memcpy(to + 4 * i, &f, 4);
      else if (type == TensorType::i32)
        memcpy(to + 4 * i, &v, 4);
      else
        to[i] = static_cast<uint8_t>(v);
    }
    return {to, type, elements};
  }

  Tensor bits(int64_t count) {
    Tensor t = tensor(TensorType::bits, (count + 7) / 8, 0, 255);
    if (count % 8 != 0) memory.back().back() &= static_cast<uint8_t>((1 << count % 8) - 1);
    return t;
  }

  ValueId add(Node node, const char* op, std::vector<ValueId> inputs) {
    node.row = find_op(op);
    for (size_t i = 0; i < inputs.size(); ++i) node.inputs[i] = inputs[i];
    ValueId value = -1;
    const Status s = builder.add(node, &value);
    CHECK(s.ok(), "%s: %s", op, s.message);
    values.push_back(value);
    return value;
  }

  ValueId unary(const char* op, ValueId x) { return add(Node(), op, {x}); }

  ValueId conv(const char* op, ValueId x, int32_t outputs, int32_t kernel, int32_t pad) {
    Node node;
    node.window = {kernel, kernel, 1, 1, 1, 1, pad, pad, pad, pad};
    node.outputs = outputs;
    const int64_t weights = int64_t{outputs} * kernel * kernel * builder.type(x).c;
    Tensor& w = node.tensors[static_cast<int>(Role::weight)];
    w = op[0] == 'b' ? bits(weights) : tensor(op[0] == 'q' ? TensorType::i8 : TensorType::f32, weights, -100, 100);
    return add(node, op, {x});
  }

  ValueId dense(const char* op, ValueId x, int32_t outputs) {
    Node node;
    node.outputs = outputs;
    const int64_t weights = int64_t{outputs} * builder.type(x).c;
    node.tensors[static_cast<int>(Role::weight)] =
        op[0] == 'b' ? bits(weights) : tensor(op[0] == 'q' ? TensorType::i8 : TensorType::f32, weights, -100, 100);
    return add(node, op, {x});
  }

  ValueId affine(ValueId x) {
    Node node;
    node.tensors[static_cast<int>(Role::scale)] = tensor(TensorType::f32, builder.type(x).c, -9, 9);
    node.tensors[static_cast<int>(Role::bias)] = tensor(TensorType::f32, builder.type(x).c, -90, 90);
    return add(node, "affine", {x});
  }

  ValueId threshold(ValueId x) {
    Node node;
    node.tensors[static_cast<int>(Role::threshold)] = tensor(TensorType::i32, builder.type(x).c, -9, 9);
    node.tensors[static_cast<int>(Role::flip)] = bits(builder.type(x).c);
    return add(node, "threshold", {x});
  }

  ValueId pool(ValueId x) {
    Node node;
    node.window = {2, 2, 2, 2};
    return add(node, "max_pool2d", {x});
  }

  ValueId build_body() {
    ValueId x = -1;
    CHECK(builder.input({DType::u8, 12, 12, 3}, &x).ok(), "input");
    values.push_back(x);
    const ValueId stem = threshold(conv("qconv2d", x, 20, 3, 1));
    const ValueId pooled = pool(stem);
    const ValueId acc = conv("bconv2d", pooled, 20, 3, 1);
    const ValueId left = affine(acc);
    const ValueId right = unary("hardtanh", affine(pooled));
    const ValueId sum = add(Node(), "add", {left, right});
    const ValueId again = affine(conv("bconv2d", unary("sign", sum), 20, 1, 0));
    const ValueId residual = unary("relu", add(Node(), "add", {again, sum}));
    const ValueId hidden = threshold(dense("bdense", unary("flatten", unary("sign", residual)), 33));
    const ValueId logits = affine(dense("qdense", hidden, 7));
    const ValueId mean = unary("global_avg_pool2d", residual);
    return add(Node(), "add", {unary("tanh", logits), dense("dense", mean, 7)});
  }
};

std::unique_ptr<Program> build(const Builder& builder, bool fuse, Isa isa = detect_isa()) {
  std::unique_ptr<Program> program;
  BuildOptions options;
  options.fuse = fuse;
  options.isa = isa;
  const Status s = builder.build(options, &program);
  CHECK(s.ok(), "%s", s.message);
  return program;
}

using Bytes = std::vector<std::vector<uint8_t>>;

// Counts no check, so that threads may call it; empty when the run was refused.
Bytes quiet_run(const Program& program, const std::vector<uint8_t>& x, int32_t batch, int threads) {
  Bytes outputs;
  std::vector<void*> pointers;
  for (const ValueType& type : program.outputs()) outputs.emplace_back(type.bytes() * static_cast<size_t>(batch), 0xA5);
  for (auto& output : outputs) pointers.push_back(output.data());
  const void* input = x.data();
  const Status s = program.run({batch, &input, pointers.data(), threads, nullptr});
  return s.ok() ? outputs : Bytes{};
}

Bytes run(const Program& program, const std::vector<uint8_t>& x, int32_t batch, int threads) {
  Bytes outputs = quiet_run(program, x, batch, threads);
  CHECK(!outputs.empty(), "a refused run");
  return outputs;
}

std::vector<uint8_t> pictures(int32_t batch) {
  Random random{99};
  std::vector<uint8_t> x(static_cast<size_t>(batch) * 12 * 12 * 3);
  for (uint8_t& v : x) v = static_cast<uint8_t>(random.next());
  return x;
}

void fusion_threads_isa_and_batches_change_nothing() {
  Net net(1);
  CHECK(net.builder.mark_output(net.build_body()).ok(), "output");
  const auto fused = build(net.builder, true), plain = build(net.builder, false);
  CHECK(fused->steps().size() + 5 == plain->steps().size(), "%zu and %zu steps", fused->steps().size(),
        plain->steps().size());
  const auto x = pictures(9);
  const Bytes expected = run(*plain, x, 9, 1);
  CHECK(run(*fused, x, 9, 1) == expected, "fusion");
  CHECK(run(*fused, x, 9, 4) == expected, "four threads");
  CHECK(run(*build(net.builder, true, Isa::scalar), x, 9, 2) == expected, "scalar kernels");
  const size_t image = 12 * 12 * 3, out = expected[0].size() / 9;
  for (size_t n = 0; n < 9; ++n) {
    const std::vector<uint8_t> one(x.begin() + static_cast<ptrdiff_t>(n * image),
                                   x.begin() + static_cast<ptrdiff_t>((n + 1) * image));
    const Bytes got = run(*fused, one, 1, 1);
    CHECK(memcmp(got[0].data(), expected[0].data() + n * out, out) == 0, "image %zu alone", n);
  }
  CHECK(fused->arena_bytes() >= fused->live_bytes() && fused->arena_bytes() <= fused->live_bytes() * 11 / 10,
        "arena %zu, live %zu", fused->arena_bytes(), fused->live_bytes());
  CHECK(fused->arena_bytes() < plain->arena_bytes(), "fusion saves memory");
}

// Each value tapped alone, beside the usual output, and all at once: memory reuse must never disturb one of them.
void taps_see_every_value() {
  const auto x = pictures(2);
  Net all(1);
  const ValueId last = all.build_body();
  for (const ValueId v : all.values) CHECK(all.builder.mark_output(v).ok(), "tap");
  const Bytes expected = run(*build(all.builder, true), x, 2, 1);
  CHECK(expected[0] == x, "an input that is an output");
  for (size_t i = 0; i < all.values.size(); ++i) {
    Net net(1);
    (void)net.build_body();
    CHECK(net.builder.mark_output(net.values[i]).ok(), "tap");
    if (net.values[i] != last) CHECK(net.builder.mark_output(last).ok(), "output");
    const Bytes got = run(*build(net.builder, true), x, 2, 2);
    CHECK(got[0] == expected[i], "value %zu alone", i);
    CHECK(got.back() == expected.back(), "output beside value %zu", i);
  }
}

void many_threads_share_a_program() {
  Net net(2);
  CHECK(net.builder.mark_output(net.build_body()).ok(), "output");
  const auto program = build(net.builder, true);
  const auto x = pictures(8);
  const Bytes expected = run(*program, x, 8, 1);
  std::vector<std::thread> threads;
  std::vector<int> wrong(8);
  for (size_t t = 0; t < wrong.size(); ++t)
    threads.emplace_back([&, t] {
      for (int32_t round = 0; round < 30; ++round) {
        const int32_t batch = 1 + (round + static_cast<int32_t>(t)) % 8;
        const Bytes got = quiet_run(*program, x, batch, 1 + round % 3);
        wrong[t] += got.empty() || memcmp(got[0].data(), expected[0].data(), got[0].size()) != 0;
      }
    });
  for (auto& thread : threads) thread.join();
  for (const int count : wrong) CHECK(count == 0, "%d wrong results", count);
}

void a_run_allocates_nothing() {
  Net net(5);
  CHECK(net.builder.mark_output(net.build_body()).ok(), "output");
  const auto program = build(net.builder, true);
  const auto x = pictures(4);
  std::vector<uint8_t> y(program->outputs()[0].bytes() * 4);
  const void* in = x.data();
  void* out = y.data();
  const auto spent = [&](int32_t batch, int threads) {
    const long before = allocations;
    CHECK(program->run({batch, &in, &out, threads, nullptr}).ok(), "batch %d", batch);
    return allocations - before;
  };
  CHECK(spent(1, 1) > 0, "the first run makes its context");
  CHECK(spent(1, 1) == 0, "the second uses it");
  CHECK(spent(4, 2) > 0, "a larger batch grows it");
  for (int i = 0; i < 10; ++i) CHECK(spent(1 + i % 4, 1 + i % 2) == 0, "run %d", i);
}

void refused_runs() {
  Net net(3);
  CHECK(net.builder.mark_output(net.build_body()).ok(), "output");
  const auto program = build(net.builder, true);
  CHECK(program->run({0, nullptr, nullptr, 1, nullptr}).ok(), "an empty batch");
  CHECK(program->run({-1, nullptr, nullptr, 1, nullptr}).code == Code::range, "negative batch");
  CHECK(program->run({kMaxBatch + 1, nullptr, nullptr, 1, nullptr}).code == Code::range, "huge batch");
  CHECK(program->run({1, nullptr, nullptr, 0, nullptr}).code == Code::range, "no thread");
  CHECK(program->run({1, nullptr, nullptr, 257, nullptr}).code == Code::range, "too many threads");
  std::unique_ptr<Program> small;
  BuildOptions options;
  options.memory_budget = program->weight_bytes() + program->run_bytes(2, 1);
  CHECK(net.builder.build(options, &small).code == Code::ok, "a budget for two images");
  CHECK(small->run({64, nullptr, nullptr, 1, nullptr}).code == Code::limit, "64 images exceed it");
  options.memory_budget = program->weight_bytes() / 2;
  CHECK(net.builder.build(options, &small).code == Code::limit, "weights exceed the budget");
}

Node op(const char* name, std::vector<ValueId> inputs) {
  Node node;
  node.row = find_op(name);
  for (size_t i = 0; i < inputs.size(); ++i) node.inputs[i] = inputs[i];
  return node;
}

void hostile_nodes() {
  Net net(4);
  Builder& b = net.builder;
  ValueId x = -1, f = -1, v = -1;
  CHECK(b.input({DType::u8, 4, 4, 3}, &x).ok() && b.input({DType::f32, 4, 4, 3}, &f).ok(), "inputs");
  CHECK(b.input({DType::bits, 4, 4, 3}, &v).code == Code::dtype, "bits input");
  CHECK(b.input({DType::u8, 4, 0, 3}, &v).code == Code::shape, "empty input");
  CHECK(b.input({DType::u8, 70000, 1, 3}, &v).code == Code::range, "wide input");
  CHECK(b.input({DType::u8, 65535, 65535, 65535}, &v).code == Code::limit, "huge input");
  CHECK(b.add(Node(), &v).code == Code::graph, "no op");
  CHECK(b.add(op("relu", {7}), &v).code == Code::graph, "a value that does not exist yet");
  CHECK(b.add(op("relu", {-1}), &v).code == Code::graph, "a negative value");
  CHECK(b.add(op("relu", {x}), &v).code == Code::dtype, "relu of u8");
  CHECK(b.add(op("dense", {f}), &v).code == Code::shape, "dense of a picture");
  Node conv = op("qconv2d", {x});
  conv.outputs = 4;
  conv.window = {3, 3};
  CHECK(b.add(conv, &v).code == Code::graph, "no weight");
  Tensor& w = conv.tensors[static_cast<int>(Role::weight)];
  w = net.tensor(TensorType::f32, 108, 0, 1);
  CHECK(b.add(conv, &v).code == Code::dtype, "float weight");
  w = net.tensor(TensorType::i8, 107, 0, 1);
  CHECK(b.add(conv, &v).code == Code::shape, "weight size");
  w = net.tensor(TensorType::i8, 108, 0, 1);
  CHECK(b.add(conv, &v).ok(), "a valid one");
  conv.tensors[static_cast<int>(Role::slope)] = net.tensor(TensorType::f32, 4, 0, 1);
  CHECK(b.add(conv, &v).code == Code::graph, "a tensor the op does not have");
  conv.tensors[static_cast<int>(Role::slope)] = {};
  conv.window.kernel_h = 5;
  CHECK(b.add(conv, &v).code == Code::shape, "kernel wider than the picture");
  conv.window.kernel_h = INT32_MAX;
  CHECK(b.add(conv, &v).code == Code::range, "kernel out of range");
  conv.window = {3, 3};
  conv.groups = 0;
  CHECK(b.add(conv, &v).code == Code::range, "no groups");
  std::unique_ptr<Program> program;
  CHECK(b.build({}, &program).code == Code::graph, "no output");
  CHECK(b.mark_output(99).code == Code::graph, "unknown output");
  CHECK(b.mark_output(f).ok() && b.mark_output(f).code == Code::graph, "the same output twice");
}

void too_many_nodes() {
  Builder b;
  ValueId v = -1;
  CHECK(b.input({DType::f32, 1, 1, 1}, &v).ok(), "input");
  for (size_t i = 1; i < kMaxNodes; ++i) CHECK(b.add(op("relu", {v}), &v).ok(), "node %zu", i);
  CHECK(b.add(op("relu", {v}), &v).code == Code::limit, "node 4097");
  CHECK(b.mark_output(v).ok(), "output");
  std::unique_ptr<Program> program;
  CHECK(b.build({}, &program).ok(), "4096 nodes");
  const float x = -1;
  float y = 5;
  const void* in = &x;
  void* out = &y;
  CHECK(program->run({1, &in, &out, 1, nullptr}).ok() && y == 0, "the chain runs");
  CHECK(program->arena_bytes() == 64, "and reuses one buffer: %zu bytes", program->arena_bytes());
}

}  // namespace

int main() {
  fusion_threads_isa_and_batches_change_nothing();
  taps_see_every_value();
  many_threads_share_a_program();
  a_run_allocates_nothing();
  refused_runs();
  hostile_nodes();
  too_many_nodes();
  return test::check_summary();
}
