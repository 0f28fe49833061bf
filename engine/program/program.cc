#include "program/program.h"

#include <chrono>
#include <cstring>
#include <new>

#include "base/thread_pool.h"

namespace xnorkit {
namespace {

// Below this many nanoseconds of work a step runs on the caller alone: waking threads would cost more.
constexpr double kWorthThreads = 20e3;

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Work {
  const Op* op;
  RunArgs args;
  uint8_t* scratch;
  size_t scratch_stride;

  static void body(void* context, int64_t begin, int64_t end, int participant) {
    const Work& w = *static_cast<const Work*>(context);
    w.op->run(w.args, begin, end, w.scratch + static_cast<size_t>(participant) * w.scratch_stride);
  }
};

}  // namespace

// The memory of one run: kept for the next one, grown when a larger batch or more threads come.
struct Program::Context {
  AlignedBuffer memory;
};

Program::~Program() {
  for (auto& slot : idle_) delete slot.load();
}

Program::Context* Program::acquire() const {
  for (auto& slot : idle_)
    if (Context* found = slot.exchange(nullptr, std::memory_order_acquire)) return found;
  return new (std::nothrow) Context;
}

void Program::release(Context* context) const {
  for (auto& slot : idle_) {
    Context* empty = nullptr;
    if (slot.compare_exchange_strong(empty, context, std::memory_order_release, std::memory_order_relaxed)) return;
  }
  delete context;
}

size_t Program::run_bytes(int32_t batch, int threads) const {
  return arena_bytes_ * static_cast<size_t>(batch) + scratch_bytes_ * static_cast<size_t>(threads);
}

Status Program::run(const RunOptions& options) const {
  if (options.batch < 0 || options.batch > kMaxBatch) {
    return Status::error(Code::range, "[run] batch: got %d, expected 0..%d", options.batch, kMaxBatch);
  }
  if (options.threads < 1 || options.threads > kMaxThreads) {
    return Status::error(Code::range, "[run] threads: got %d, expected 1..%d", options.threads, kMaxThreads);
  }
  if (options.batch == 0) return {};
  const size_t bytes = run_bytes(options.batch, options.threads);
  if (bytes > budget_ || weight_bytes_ > budget_ - bytes) {
    return Status::error(Code::limit, "[run] memory for a batch of %d: got %zu bytes, expected at most %zu",
                         options.batch, bytes + weight_bytes_, budget_);
  }
  Context* context = acquire();
  if (context == nullptr || (context->memory.bytes() < bytes && !context->memory.allocate(bytes))) {
    delete context;
    return Status::error(Code::limit, "[run] memory: got %zu bytes refused by the system", bytes);
  }
  run_steps(options, context->memory.as());
  release(context);
  return {};
}

void* Program::locate(const Place& place, const RunOptions& options, uint8_t* memory) const {
  switch (place.kind) {
    case Place::Kind::input: return const_cast<void*>(options.inputs[place.index]);
    case Place::Kind::output: return options.outputs[place.index];
    case Place::Kind::arena: return memory + place.index * static_cast<size_t>(options.batch);
    case Place::Kind::none: break;
  }
  return nullptr;
}

void Program::run_steps(const RunOptions& options, uint8_t* memory) const {
  const size_t batch = static_cast<size_t>(options.batch);
  for (const Copy& copy : copies_)
    memcpy(options.outputs[copy.output], options.inputs[copy.input], inputs_[copy.input].bytes() * batch);
  uint8_t* scratch = memory + arena_bytes_ * batch;
  for (size_t i = 0; i < steps_.size(); ++i) {
    const Step& step = steps_[i];
    const double start = options.seconds ? seconds_now() : 0;
    const void* inputs[kMaxStepInputs];
    for (int k = 0; k < kMaxStepInputs; ++k) inputs[k] = locate(step.inputs[k], options, memory);
    void* second = locate(step.second_result, options, memory);
    Work work{
        step.op.get(), {inputs, locate(step.result, options, memory), options.batch, second}, scratch, scratch_bytes_};
    const int threads = step.cost * options.batch >= kWorthThreads ? options.threads : 1;
    parallel_run(threads, step.op->units(options.batch), &Work::body, &work);
    if (options.seconds) options.seconds[i] = seconds_now() - start;
  }
}

}  // namespace xnorkit
