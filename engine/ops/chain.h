// An op and the elementwise chain behind it, as one op: each unit of the op's work goes to a tile of scratch, and the
// chain takes it from there while it lies in the cache.
#pragma once
#include <vector>

#include "kernels/eltwise/chain.h"
#include "ops/op.h"

namespace xnorkit {

inline constexpr int kMaxOperands = 4;  // inputs of one chain besides its head's

// At most kMaxChain steps, none of kind none or sign. Pointers are only read while the op is created:
// affine's and branch's scale and bias, prelu's slope (C); add and scale_map take an input each, behind the head's, in
// order.
struct ChainSpec {
  std::vector<ChainStep> steps;
  int32_t store = -1;  // the first output, f32, is the value after this many steps; -1: the bits are the only output
  bool bits = false;   // signs of the value after all steps, or of the one branch: the second output, or the only one
};

// head: f32, tells its units' blocks (Op::most_unit_pixels() > 0). Errors: XK_GRAPH for a spec that breaks the above,
// XK_LIMIT when memory is refused. Inputs are checked by the caller: add's have the head's output type, scale_map's
// one channel of it.
Status make_chain(OpPtr head, int32_t head_inputs, const ChainSpec& spec, Isa isa, OpPtr* out);

}  // namespace xnorkit
