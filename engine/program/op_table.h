// THE ENGINE'S OP TABLE, one row per op of src/xnorkit/reference/ops.py (a test compares them): what it accepts, what
// it returns, what it costs, how it is created.
#pragma once
#include <span>

#include "base/cpu.h"
#include "ops/chain.h"
#include "ops/op.h"
#include "program/node.h"

namespace xnorkit {

struct TensorRow {
  Role role;
  TensorType type;
  bool optional = false;
  bool formed = false;  // also as vectors or hashed
};

// What the builder may do with an op beyond running it.
enum class Trait : uint8_t {
  none,
  accumulator,  // i32 result; its only reader may be fused into it
  epilogue,     // may be fused into the accumulator it reads
  pointwise,    // f32 to f32 of the same place: may overwrite an input that nobody reads later
  flatten,      // may share its input's memory
  pool          // may take rows of what it reads while they are made
};

struct OpRow {
  const char* name;
  int arity;
  unsigned accepts;     // bit i: DType i, for the first input; for the second too, unless `accepts_second` is set
  unsigned attributes;  // bit i: Attribute i
  Trait trait;
  // Output type from input types; refuses what has none.
  Status (*infer)(const ValueType* inputs, const Node& node, ValueType* output);
  // Elements of a tensor that a verified node needs.
  int64_t (*elements)(const ValueType* inputs, const Node& node, Role role);
  // Rough nanoseconds of one thread on one image; decides only whether waking other threads pays.
  double (*cost)(const ValueType* inputs, const ValueType& output, const Node& node);
  Status (*create)(const ValueType* inputs, const Node& node, const Epilogue& epilogue, Isa isa, OpPtr* op);
  std::span<const TensorRow> tensors;
  ChainKind chain = ChainKind::none;  // as which step of a chain it may be fused behind a f32 value

  unsigned accepts_second = 0;

  bool takes(DType dtype, int input) const {
    return (input == 1 && accepts_second != 0 ? accepts_second : accepts) >> static_cast<int>(dtype) & 1;
  }
  bool has(Attribute attribute) const { return attributes >> static_cast<int>(attribute) & 1; }
};

std::span<const OpRow> op_table();
const OpRow* find_op(const char* name);  // null if there is none

// Multiply-adds of one image; 0 for ops without weights.
int64_t multiply_adds(const ValueType* inputs, const ValueType& output, const Node& node);

}  // namespace xnorkit
