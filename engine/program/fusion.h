// Which nodes become one step: a head, and the elementwise chain behind it.
#pragma once
#include <vector>

#include "ops/chain.h"
#include "program/node.h"

namespace xnorkit {

// What fusion may know of the graph; all vectors are indexed by node or by value. A step stands where its head stands
// in the order of nodes, so a value is ready for head n when its own head comes before n.
struct FusionView {
  const std::vector<Node>& nodes;
  const std::vector<ValueId>& node_values;
  const std::vector<std::vector<int>>& readers;  // per value: live nodes, once for each input that reads it
  const std::vector<bool>& marked;               // per value: an output of the program
  const std::vector<int>& head_of;               // per value: node whose step makes it, -1 for inputs
};

// The chain behind a f32 value of head `head`: single readers are taken along; a value with several readers or an
// output mark is stored, and from there on the chain goes on only along a path to a sign.
struct FusedChain {
  ChainSpec spec;
  std::vector<int> nodes;           // in order
  std::vector<ValueId> operands;    // of adds and scale_maps, in order
  size_t operands_before = 0;       // the first of them, which are read before `stored` is written
  ValueId stored = -1, signs = -1;  // values the step stores: f32, bits
  std::vector<float> scale, bias;   // of a branch: the steps point here
};

FusedChain find_chain(const FusionView& view, int head, ValueId value);

// The chain behind the accumulators of node `head` as floats, no nodes where there is none: a scale_map, alone or
// beside a threshold; or an affine beside a threshold, whose bits then are the second output. `bound`: the largest
// magnitude of an accumulator; a threshold is taken only where floats hold them all.
FusedChain find_sums_chain(const FusionView& view, int head, int64_t bound);

// The pool that alone reads the value, or -1.
int find_pool(const FusionView& view, ValueId value);

}  // namespace xnorkit
