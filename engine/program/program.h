// A built network: immutable, shared by any number of threads.
#pragma once
#include <atomic>
#include <memory>
#include <vector>

#include "base/aligned.h"
#include "base/cpu.h"
#include "ops/chain.h"
#include "ops/op.h"
#include "program/node.h"

namespace xnorkit {

inline constexpr int32_t kMaxBatch = 1 << 20;

// Where a value lies during a run.
struct Place {
  enum class Kind : uint8_t { none, input, output, arena } kind = Kind::none;
  size_t index = 0;  // of the input or output; for arena the byte offset for one image
};

inline constexpr int kMaxStepInputs = kMaxInputs + kMaxOperands;

struct Step {
  OpPtr op;
  std::vector<ValueId> values;  // what it computes; output and second are stored, the others were fused away
  std::vector<ValueId> reads;   // at most kMaxStepInputs, as the op wants them
  size_t own_reads = 0;         // the first of them are the head's, those behind are operands of the chain
  size_t early_reads = 0;       // the first of them are read before `output` is written, pixel by pixel
  bool pointwise = false;       // the head may overwrite what it reads
  ValueId output = -1, second = -1;
  Place inputs[kMaxStepInputs] = {};
  Place result = {}, second_result = {};
  int64_t multiply_adds = 0;  // of one image
  double cost = 0;            // rough nanoseconds of one thread on one image
};

struct RunOptions {
  int32_t batch = 0;
  const void* const* inputs = nullptr;  // one per input value, in the order of their creation
  void* const* outputs = nullptr;       // one per output value, in the order they were marked
  int threads = 1;                      // including the caller
  double* seconds = nullptr;            // null, or one per step, written with its wall time
};

class Program {
 public:
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // XK_RANGE: batch outside 0..kMaxBatch, threads outside 1..256. XK_LIMIT: the arena for this batch would pass the
  // memory budget, or the system refuses it; nothing was computed then. Pointers must have the size the value types
  // say.
  Status run(const RunOptions& options) const;

  const std::vector<ValueType>& inputs() const { return inputs_; }
  const std::vector<ValueType>& outputs() const { return outputs_; }
  const std::vector<Step>& steps() const { return steps_; }
  Isa isa() const { return isa_; }
  size_t weight_bytes() const { return weight_bytes_; }
  size_t arena_bytes() const { return arena_bytes_; }  // of one image; also the peak, since nothing else is allocated
  size_t live_bytes() const { return live_bytes_; }    // lower bound of any plan
  size_t run_bytes(int32_t batch, int threads) const;

 private:
  friend class Builder;
  Program() = default;

  struct Context;
  Context* acquire() const;
  void release(Context* context) const;
  void run_steps(const RunOptions& options, uint8_t* memory) const;
  void* locate(const Place& place, const RunOptions& options, uint8_t* memory) const;

  std::vector<ValueType> inputs_, outputs_;
  std::vector<Step> steps_;
  struct Copy {
    size_t input, output;
  };
  std::vector<Copy> copies_;  // outputs that are inputs
  Isa isa_ = Isa::scalar;
  size_t weight_bytes_ = 0, arena_bytes_ = 0, live_bytes_ = 0, scratch_bytes_ = 0, budget_ = 0;

  // Idle contexts. Slots are exchanged atomically, so neither a lock nor a fork can leave them stuck.
  static constexpr int kIdleContexts = 64;
  mutable std::atomic<Context*> idle_[kIdleContexts] = {};
};

}  // namespace xnorkit
