// What Builder::build knows of the graph while it makes steps.
#pragma once
#include <vector>

#include "program/builder.h"

namespace xnorkit {

constexpr int kNone = -1;

// Per node: is it computed, and by another node's step. Per value: who reads it.
struct Builder::Draft {
  std::vector<bool> live, absorbed, marked;
  std::vector<std::vector<int>> readers;  // per value: live nodes, once for each input that reads it
  std::vector<int> head_of;               // per value: the node whose step makes it, kNone for inputs
  std::vector<ValueId> alias;             // the value whose memory a value shares, or itself

  ValueId root(ValueId value) const {
    while (alias[static_cast<size_t>(value)] != value) value = alias[static_cast<size_t>(value)];
    return value;
  }
};

}  // namespace xnorkit
