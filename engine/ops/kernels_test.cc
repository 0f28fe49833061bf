// Every row of the kernel tables against its family's scalar row, through the ops, on random shapes with tails.
//   kernels_test [shapes of each family [part of a family's name]]
// Prints how many shapes each row ran; without arguments, a row of this CPU that ran fewer than kShapes fails. (bgemm's
// rows: kernels/bgemm/conformance_test.cc. What the scalar rows compute is checked by each op's own test.)
#include <cstdlib>

#include "kernels/bdepth/bdepth.h"
#include "kernels/deal/deal.h"
#include "kernels/eltwise/chain.h"
#include "kernels/fgemm/fgemm.h"
#include "kernels/fgemm/narrow.h"
#include "kernels/fsgemm/fsgemm.h"
#include "kernels/kmap/kmap.h"
#include "kernels/lookup/lookup.h"
#include "kernels/pool/pool.h"
#include "kernels/qgemm/qgemm.h"
#include "kernels/wgemm/wgemm.h"
#include "ops/bconv2d.h"
#include "ops/chain.h"
#include "ops/fconv.h"
#include "ops/formed.h"
#include "ops/kernel_case.h"
#include "ops/kmap.h"
#include "ops/ndense.h"
#include "ops/pool.h"
#include "ops/qconv.h"
#include "ops/wconv.h"

using namespace xnorkit;
using namespace xnorkit::test;

namespace {

constexpr int kShapes = 5000;

void float_conv(Random& random, const char* name, int shape) {
  const Conv k(random, DType::f32);
  const auto weight = reals(random, static_cast<size_t>(k.weights)), bias = reals(random, k.outputs);
  compare(random, name, shape, random.between(1, 2), {k.input}, [&](Isa isa, OpPtr* op) {
    return make_conv2d(k.input, k.w, k.outputs, k.groups, weight.data(), k.weights, bias.data(), isa, op);
  });
}

void vectors(Random& random, const char* name, int shape) {
  VectorWeight weight;
  weight.segments = random.between(1, 40), weight.width = random.between(1, 9), weight.rows = random.between(1, 150);
  weight.values = random.next() % 4 ? random.between(1, 32) : random.between(1, 256);
  const ValueType input{DType::f32, 1, 1, weight.segments * weight.width};
  weight.codebook = reals(random, static_cast<size_t>(input.c) * static_cast<size_t>(weight.values));
  weight.index = integers<uint8_t>(random, static_cast<size_t>(weight.segments) * static_cast<size_t>(weight.rows), 0,
                                   weight.values - 1);
  const auto bias = reals(random, weight.rows);
  compare(random, name, shape, random.between(1, 10), {input},
          [&](Isa isa, OpPtr* op) { return make_lookup("dense", input, weight.rows, weight, bias.data(), isa, op); });
}

void hashed(Random& random, const char* name, int shape) {
  const int32_t depth = random.between(1, 300), outputs = random.between(1, 60);
  const auto values = reals(random, random.between(1, depth * outputs)), bias = reals(random, outputs);
  const HashedWeight weight{values.data(), static_cast<uint32_t>(values.size()), static_cast<uint32_t>(random.next())};
  const ValueType input{DType::f32, 1, 1, depth};
  compare(random, name, shape, random.between(1, 10), {input},
          [&](Isa isa, OpPtr* op) { return make_hashed_dense(input, outputs, weight, bias.data(), isa, op); });
}

void chain(Random& random, const char* name, int shape) {
  const int32_t c = channels(random), depth = random.between(1, 4), count = random.between(1, kMaxChain);
  const ValueType input{DType::f32, random.between(1, 9), random.between(1, 9), depth};
  const auto weight = reals(random, static_cast<size_t>(c * depth)), a = reals(random, c), b = reals(random, c);
  ChainSpec spec;
  std::vector<ValueType> types = {input};
  for (int32_t i = 0; i < count; ++i) {
    const auto kind = static_cast<ChainKind>(random.between(1, 6));
    const bool operand = kind == ChainKind::add || kind == ChainKind::scale_map;
    if (operand && types.size() > kMaxOperands) continue;
    if (operand) types.push_back({DType::f32, input.h, input.w, kind == ChainKind::add ? c : 1});
    spec.steps.push_back({kind, operand ? nullptr : a.data(), operand ? nullptr : b.data()});
  }
  spec.bits = random.next() % 3 == 0;
  spec.store = spec.bits ? -1 : static_cast<int32_t>(spec.steps.size());
  compare(random, name, shape, random.between(1, 2), types, [&](Isa isa, OpPtr* op) {
    OpPtr head;
    if (Status s = make_conv2d(input, {1, 1}, c, 1, weight.data(), c * depth, nullptr, isa, &head); !s.ok()) return s;
    return make_chain(std::move(head), 1, spec, isa, op);
  });
}

// Weights that keep to 64 go by quads where rows are long enough.
void integer_conv(Random& random, const char* name, int shape, bool quads) {
  const Conv k(random, DType::u8, quads);
  const int32_t most = quads ? 64 : 127;
  const auto weight = integers<int8_t>(random, static_cast<size_t>(k.weights), -most, most);
  const Epilogues e(random, k.outputs);
  compare(random, name, shape, random.between(1, 2), {k.input}, [&](Isa isa, OpPtr* op) {
    return make_qconv2d(k.input, k.w, k.outputs, k.groups, weight.data(), k.weights, e.epilogue, isa, op);
  });
}

void few_bits(Random& random, const char* name, int shape, DType type) {
  const Conv k(random, type);
  FewBits bits{random.between(1, 3)};
  if ((bits.ternary = random.next() % 4 == 0)) bits.planes = 2;
  if (type == DType::u8 && random.next() % 2 == 0) bits.activation_bits = random.between(1, 7);
  bits.signed_codes = type == DType::u8 && random.next() % 2 == 0;
  const int64_t elements = k.weights * bits.planes;
  const auto weight = bit_rows(random, 1, static_cast<int32_t>(elements));
  Epilogues e(random, k.outputs);
  if (type == DType::f32) e.epilogue = {};
  compare(random, name, shape, random.between(1, 2), {k.input}, [&](Isa isa, OpPtr* op) {
    return make_wconv2d(k.input, k.w, k.outputs, k.groups, bits, weight.data(), static_cast<int64_t>(weight.size()),
                        e.epilogue, isa, op);
  });
}

void narrow_dense(Random& random, const char* name, int shape, bool bf16) {
  const int32_t c = 3 * channels(random), o = channels(random), batch = random.between(1, 9);
  const ValueType input{DType::f32, 1, 1, c};
  const size_t weights = static_cast<size_t>(c) * static_cast<size_t>(o);
  const auto bias = reals(random, o), scale = reals(random, o);
  const auto bytes = integers<int8_t>(random, weights, -127, 127);
  auto halves = integers<uint16_t>(random, weights, 0x3c00, 0x40ff);  // 0.0078 .. 8, and their opposites
  for (uint16_t& h : halves) h = static_cast<uint16_t>(h | (random.next() & 0x8000));
  compare(random, name, shape, batch, {input}, [&](Isa isa, OpPtr* op) {
    const int64_t count = static_cast<int64_t>(weights);
    return bf16 ? make_dense_bf16(input, o, halves.data(), count, bias.data(), isa, op)
                : make_dense_i8(input, o, bytes.data(), count, scale.data(), bias.data(), isa, op);
  });
}

void depthwise(Random& random, const char* name, int shape) {
  const int32_t per = 1 << random.between(0, 3), groups = (1 + channels(random)) * (8 / per), c = per * groups;
  const Window w = window(random);
  const ValueType input = picture(random, DType::bits, w, c);
  const auto weight = bit_rows(random, 1, c * w.kernel_h * w.kernel_w * per);
  Epilogues e(random, c);
  for (int32_t& t : e.threshold) t = random.between(-10, 10);
  const int32_t pad_value = random.between(-1, 1);
  compare(random, name, shape, random.between(1, 2), {input}, [&](Isa isa, OpPtr* op) {
    return make_bconv2d(input, w, c, groups, pad_value, weight.data(), weight.size(), e.epilogue, isa, op);
  });
}

void max_pool(Random& random, const char* name, int shape, DType type) {
  const Window any = window(random);
  const auto pad = [&random](int32_t kernel) { return random.between(0, std::min(2, kernel - 1)); };
  const Window w{any.kernel_h,      any.kernel_w,      any.stride_h,      any.stride_w,     1, 1,
                 pad(any.kernel_h), pad(any.kernel_w), pad(any.kernel_h), pad(any.kernel_w)};
  const ValueType input = picture(random, type, w, channels(random));
  compare(random, name, shape, random.between(1, 2), {input},
          [&](Isa isa, OpPtr* op) { return make_max_pool2d(input, w, nullptr, isa, op); });
}

void average_pool(Random& random, const char* name, int shape) {
  Window w = window(random);
  w.dilation_h = w.dilation_w = 1;
  w.pad_top = w.pad_bottom = std::min(w.pad_top, w.kernel_h - 1);
  w.pad_left = w.pad_right = std::min(w.pad_left, w.kernel_w - 1);
  const ValueType input = picture(random, DType::f32, w, channels(random));
  const bool all = random.next() % 2 == 0, global = random.next() % 4 == 0;
  compare(random, name, shape, random.between(1, 2), {input}, [&](Isa isa, OpPtr* op) {
    return global ? make_global_avg_pool2d(input, isa, op) : make_avg_pool2d(input, w, all, isa, op);
  });
}

void kmap(Random& random, const char* name, int shape) {
  const Window w = window(random);
  const ValueType input = picture(random, DType::f32, w, channels(random));
  compare(random, name, shape, random.between(1, 2), {input},
          [&](Isa isa, OpPtr* op) { return make_kmap(input, w, isa, op); });
}

ValueType map_input(Random& random, DType type) {
  return {type, random.between(1, 9), random.between(1, 30), channels(random)};
}

void affine(Random& random, const char* name, int shape, DType type) {
  const ValueType input = map_input(random, type);
  const auto scale = reals(random, input.c), bias = reals(random, input.c);
  compare(random, name, shape, random.between(1, 2), {input},
          [&](Isa isa, OpPtr* op) { return make_affine(input, scale.data(), bias.data(), isa, op); });
}

void scale_map(Random& random, const char* name, int shape, DType type) {
  const ValueType input = map_input(random, type), factor{DType::f32, input.h, input.w, 1};
  compare(random, name, shape, random.between(1, 2), {input, factor},
          [&](Isa isa, OpPtr* op) { return make_scale_map(input, factor, isa, op); });
}

void map(Random& random, const char* name, int shape, Eltwise kind) {
  const ValueType input = map_input(random, kind == Eltwise::threshold ? DType::i32 : DType::f32);
  const Epilogues e(random, input.c);
  std::vector<ValueType> types(kind == Eltwise::add ? 2 : 1, input);
  compare(random, name, shape, random.between(1, 2), types, [&](Isa isa, OpPtr* op) {
    switch (kind) {
      case Eltwise::sign: return make_sign(input, isa, op);
      case Eltwise::threshold: return make_threshold(input, e.threshold.data(), e.flip.data(), isa, op);
      case Eltwise::prelu: return make_prelu(input, e.scale.data(), isa, op);
      default: return make_pointwise(kind, input, isa, op);
    }
  });
}

struct Family {
  const char* name;
  std::function<void(Random&, const char*, int)> shape;
  int times = 1;  // as many shapes, where some go to another row
};

std::vector<Family> families() {
  const auto with = [](auto f, auto kind) {
    return [=](Random& random, const char* name, int shape) { f(random, name, shape, kind); };
  };
  return {
      {"fgemm", float_conv},
      {"lookup", vectors},
      {"deal", hashed},
      {"chain", chain},
      {"qgemm", with(integer_conv, false)},
      {"qgemm_quads", with(integer_conv, true), 2},
      {"wgemm", with(few_bits, DType::u8)},
      {"fsgemm", with(few_bits, DType::f32)},
      {"narrow_bf16", with(narrow_dense, true)},
      {"narrow_i8", with(narrow_dense, false)},
      {"bdepth", depthwise},
      {"max_pool_u8", with(max_pool, DType::u8)},
      {"max_pool_i32", with(max_pool, DType::i32)},
      {"max_pool_f32", with(max_pool, DType::f32)},
      {"max_pool_bits", with(max_pool, DType::bits)},
      {"avg_pool", average_pool},
      {"kmap", kmap},
      {"affine_u8", with(affine, DType::u8)},
      {"affine_i32", with(affine, DType::i32)},
      {"affine_f32", with(affine, DType::f32)},
      {"affine_bits", with(affine, DType::bits)},
      {"scale_map_i32", with(scale_map, DType::i32)},
      {"scale_map_f32", with(scale_map, DType::f32)},
      {"sign", with(map, Eltwise::sign)},
      {"threshold", with(map, Eltwise::threshold)},
      {"add", with(map, Eltwise::add)},
      {"relu", with(map, Eltwise::relu)},
      {"prelu", with(map, Eltwise::prelu)},
      {"hardtanh", with(map, Eltwise::hardtanh)},
      {"tanh", with(map, Eltwise::tanh)},
      {"sigmoid", with(map, Eltwise::sigmoid)},
  };
}

void require(const char* name, Isa isa) {
  if (isa > detect_isa()) return;
  CHECK(ran[name] >= kShapes, "%s ran %d shapes, expected at least %d", name, ran[name], kShapes);
}

void require_all() {
  for (int32_t i = 0; i < bdepth::kKernelCount; ++i) require(bdepth::kKernels[i]->name, bdepth::kKernels[i]->isa);
  for (const auto& k : lookup::kKernels) require(k.name, k.isa);
  for (const auto& k : deal::kKernels) require(k.name, k.isa);
  for (const auto& k : kFgemmKernels) require(k.name, k.isa);
  for (const auto& k : kNarrowKernels) require(k.name, k.isa);
  for (const auto& k : kQgemmKernels) require(k.name, k.isa);
  for (const auto& k : kQgemmQuadsKernels) require(k.name, k.isa);
  for (const auto& k : kEltwiseKernels) require(k.name, k.isa);
  for (const auto& k : kChainKernels) require(k.name, k.isa);
  for (const auto* k : wgemm::kKernels) require(k->name, k->isa);
  for (const auto& k : fsgemm::kKernels) require(k.name, k.isa);
  for (const auto& k : kPoolKernels) require(k.name, k.isa);
  for (const auto& k : kAbsMeanKernels) require(k.name, k.isa);
}

}  // namespace

int main(int argc, char** argv) {
  const int shapes = argc > 1 ? std::atoi(argv[1]) : kShapes;
  for (const Family& family : families()) {
    if (argc > 2 && std::string(family.name).find(argv[2]) == std::string::npos) continue;
    Random random{11};
    for (int i = 0; i < shapes * family.times; ++i) family.shape(random, family.name, i);
  }
  for (const auto& [name, count] : ran) std::printf("%-34s %6d shapes\n", name.c_str(), count);
  if (argc == 1) require_all();
  return check_summary();
}
