// Pools fed by rows: the bytes of head and pool one after the other, however the work is cut.
#include "ops/pooled.h"

#include "ops/chain.h"
#include "ops/eltwise.h"
#include "ops/fconv.h"
#include "ops/pool.h"
#include "ops/qconv.h"
#include "ops/test_case.h"

using namespace xnorkit;
using namespace xnorkit::test;

namespace {

struct Case {
  ValueType input;
  Window conv, pool;
  int32_t outputs, batch;
  bool average;
  std::vector<float> reals, scale, bias;
  std::vector<int8_t> integers;
  std::vector<int32_t> threshold;
  std::vector<uint8_t> flip;

  explicit Case(Random& r)
      : input{DType::u8, r.between(1, 14), r.between(1, 30), r.between(1, 5)},
        conv{1, 1},
        pool{r.between(1, 4), r.between(1, 4), r.between(1, 3), r.between(1, 3)},
        outputs(r.between(0, 2) == 0 ? r.between(65, 90) : r.between(1, 40)),
        batch(r.between(1, 3)),
        average(r.between(0, 2) == 0) {
    conv.kernel_h = r.between(1, std::min(3, input.h));
    conv.kernel_w = r.between(1, std::min(3, input.w));
    const int32_t map_h = input.h - conv.kernel_h + 1, map_w = input.w - conv.kernel_w + 1;
    pool.kernel_h = std::min(pool.kernel_h, map_h);
    pool.kernel_w = std::min(pool.kernel_w, map_w);
    pool.pad_top = r.between(0, pool.kernel_h - 1);
    pool.pad_left = r.between(0, pool.kernel_w - 1);
    pool.pad_bottom = r.between(0, pool.kernel_h - 1);
    pool.pad_right = r.between(0, pool.kernel_w - 1);
    const size_t weights = static_cast<size_t>(outputs) * conv.kernel_h * conv.kernel_w * input.c;
    reals = test::reals(r, weights);
    integers = test::integers<int8_t>(r, weights, -127, 127);
    scale = test::reals(r, outputs);
    bias = test::reals(r, outputs);
    threshold = test::integers<int32_t>(r, outputs, -20000, 20000);
    flip = bit_rows(r, 1, outputs);
  }
};

enum class Head { floats, sums, scaled, bits, relu };

OpPtr head(const Case& k, Head kind, Isa isa) {
  OpPtr op;
  const int64_t weights = static_cast<int64_t>(k.integers.size());
  ValueType input = k.input;
  if (kind == Head::floats || kind == Head::relu) {
    input.dtype = DType::f32;
    CHECK(make_conv2d(input, k.conv, k.outputs, 1, k.reals.data(), weights, k.bias.data(), isa, &op).ok(), "conv2d");
    ChainSpec spec;
    spec.steps = {{ChainKind::relu, nullptr, nullptr}};
    spec.store = 1;
    if (kind == Head::relu) CHECK(make_chain(std::move(op), 1, spec, isa, &op).ok(), "chain");
    return op;
  }
  Epilogue epilogue;
  if (kind == Head::scaled) epilogue = {Epilogue::Kind::affine, nullptr, nullptr, k.scale.data(), k.bias.data()};
  if (kind == Head::bits) epilogue = {Epilogue::Kind::threshold, k.threshold.data(), k.flip.data(), nullptr, nullptr};
  CHECK(make_qconv2d(input, k.conv, k.outputs, 1, k.integers.data(), weights, epilogue, isa, &op).ok(), "qconv2d");
  return op;
}

OpPtr pool(const Case& k, const ValueType& map, Isa isa) {
  OpPtr op;
  const Status s = k.average && map.dtype == DType::f32
                       ? make_avg_pool2d(map, k.pool, k.batch % 2 == 0, isa, &op)
                       : make_max_pool2d(map, k.pool, map.dtype == DType::bits ? k.flip.data() : nullptr, isa, &op);
  CHECK(s.ok(), "%s", s.message);
  return op;
}

void rows_or_whole_maps() {
  Random r(11);
  for (int i = 0; i < 300; ++i) {
    const Case k(r);
    const size_t elements = k.input.bytes() * static_cast<size_t>(k.batch);
    const auto pixels = integers<uint8_t>(r, elements, 0, 255);
    const auto floats = reals(r, elements);
    for (const Head kind : {Head::floats, Head::sums, Head::scaled, Head::bits, Head::relu})
      for (const Isa isa : {Isa::scalar, detect_isa()}) {
        const bool real = kind == Head::floats || kind == Head::relu;
        const void* x = real ? static_cast<const void*>(floats.data()) : pixels.data();
        OpPtr before = head(k, kind, isa), after = pool(k, before->output(), isa), op;
        const auto map = run(*before, {x}, k.batch, r);
        const auto expected = run(*after, {map.data()}, k.batch, r);
        CHECK(may_pool(*before), "head %d", static_cast<int>(kind));
        CHECK(make_pooled(std::move(before), std::move(after), k.pool, &op).ok(), "pooled");
        CHECK(run(*op, {x}, k.batch, r) == expected, "case %d, head %d on %s", i, static_cast<int>(kind),
              isa_name(isa));
        if (op->output().dtype != DType::f32) continue;
        ChainSpec spec;  // a chain takes the pool's blocks from a tile
        spec.bits = true;
        OpPtr signs, chained;
        CHECK(make_sign(op->output(), isa, &signs).ok(), "sign");
        const auto bits = run(*signs, {expected.data()}, k.batch, r);
        CHECK(make_chain(std::move(op), 1, spec, isa, &chained).ok(), "chain");
        CHECK(run(*chained, {x}, k.batch, r) == bits, "signs of case %d", i);
      }
  }
}

void refusals() {
  Random r(12);
  const Case k(r);
  OpPtr op, before = head(k, Head::floats, Isa::scalar);
  ValueType other = before->output();
  other.c += 1;
  OpPtr after = pool(k, other, Isa::scalar);
  CHECK(make_pooled(std::move(before), std::move(after), k.pool, &op).code == Code::graph, "another map's pool");
  CHECK(make_pooled(nullptr, nullptr, k.pool, &op).code == Code::graph, "nothing");
}

}  // namespace

int main() {
  rows_or_whole_maps();
  refusals();
  return check_summary();
}
