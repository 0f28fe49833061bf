// Builder and Program: fusion and memory reuse change nothing, taps see every value, many threads share one program,
// runs allocate nothing and refuse what they cannot do.
#include "program/program.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "program/builder.h"
#include "program/test_net.h"

using namespace xnorkit;
using namespace xnorkit::test;

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
  CHECK(fused->steps().size() + 13 == plain->steps().size(), "%zu and %zu steps", fused->steps().size(),
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

}  // namespace

int main() {
  fusion_threads_isa_and_batches_change_nothing();
  taps_see_every_value();
  many_threads_share_a_program();
  a_run_allocates_nothing();
  refused_runs();
  return check_summary();
}
