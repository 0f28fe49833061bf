// A network for the tests of builder and program, and the memory its tensors need.
#pragma once
#include <cstring>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "program/builder.h"

namespace xnorkit::test {

// Branches, both kinds of accumulators, every kind of fusion, and values that may overwrite others.
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

  ValueId prelu(ValueId x) {
    Node node;
    node.tensors[static_cast<int>(Role::slope)] = tensor(TensorType::f32, builder.type(x).c, -90, 90);
    return add(node, "prelu", {x});
  }

  ValueId threshold(ValueId x) {
    Node node;
    node.tensors[static_cast<int>(Role::threshold)] = tensor(TensorType::i32, builder.type(x).c, -9, 9);
    node.tensors[static_cast<int>(Role::flip)] = bits(builder.type(x).c);
    return add(node, "threshold", {x});
  }

  ValueId kmap(ValueId x, int32_t kernel, int32_t pad) {
    Node node;
    node.window = {kernel, kernel, 1, 1, 1, 1, pad, pad, pad, pad};
    return add(node, "kmap", {x});
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

}  // namespace xnorkit::test
