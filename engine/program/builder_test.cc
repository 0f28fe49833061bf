// Hostile calls of the builder get the right code, and its limits are where they should be.
#include "program/builder.h"

#include "program/test_net.h"

using namespace xnorkit;
using namespace xnorkit::test;

namespace {

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
  hostile_nodes();
  too_many_nodes();
  return check_summary();
}
