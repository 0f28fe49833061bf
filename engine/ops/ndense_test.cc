// dense_bf16 and dense_i8 against the law written as loops: the same bits on every ISA.
#include "ops/ndense.h"

#include "ops/test_case.h"

using namespace xnorkit;
using namespace xnorkit::test;

namespace {

constexpr int32_t kDepth = 37;

float bf16(uint16_t bits) {
  const uint32_t word = static_cast<uint32_t>(bits) << 16;
  float value;
  memcpy(&value, &word, 4);
  return value;
}

// acc = +0; k in order, product and sum rounded each; then the scale, if any; then the bias, or +0.
float law(const float* x, const float* w, const float* scale, float bias) {
  volatile float acc = 0.0f;
  for (int32_t k = 0; k < kDepth; ++k) {
    volatile float product = x[k] * w[k];
    acc = acc + product;
  }
  if (scale) acc = acc * *scale;
  return acc + bias;
}

void equal_to_the_law() {
  Random r(1);
  for (const int32_t batch : {1, 2, 3, 4, 5, 7, 9, 30})
    for (const int32_t outputs : {1, 10, 16, 64, 70, 130}) {
      const size_t weights = static_cast<size_t>(outputs) * kDepth;
      const auto x = reals(r, static_cast<size_t>(batch) * kDepth), scale = reals(r, outputs), bias = reals(r, outputs);
      const auto i8 = integers<int8_t>(r, weights, -127, 127);
      auto halves = integers<uint16_t>(r, weights, 0x3E00, 0x3FFF);
      for (uint16_t& h : halves) h = static_cast<uint16_t>(h | (r.next() & 0x8000));
      for (const bool integer : {false, true}) {
        std::vector<float> w(weights);
        for (size_t i = 0; i < weights; ++i) w[i] = integer ? static_cast<float>(i8[i]) : bf16(halves[i]);
        const bool biased = r.between(0, 1) == 1;
        const float* b = biased ? bias.data() : nullptr;
        for (const Isa isa : isas()) {
          OpPtr op;
          const ValueType in{DType::f32, 1, 1, kDepth};
          const int64_t n = static_cast<int64_t>(weights);
          CHECK((integer ? make_dense_i8(in, outputs, i8.data(), n, scale.data(), b, isa, &op)
                         : make_dense_bf16(in, outputs, halves.data(), n, b, isa, &op))
                    .ok(),
                "creation");
          const auto y = run_as<float>(*op, {x.data()}, batch, r);
          for (int32_t i = 0; i < batch * outputs; ++i) {
            const int32_t o = i % outputs;
            const float expected =
                law(&x[static_cast<size_t>(i / outputs) * kDepth], &w[static_cast<size_t>(o) * kDepth],
                    integer ? &scale[o] : nullptr, biased ? bias[o] : 0.0f);
            CHECK(memcmp(&y[i], &expected, 4) == 0, "%s: batch %d, %d outputs, %s: got %a, expected %a", op->name(),
                  batch, outputs, isa_name(isa), y[i], expected);
          }
        }
      }
    }
}

void refusals() {
  OpPtr op;
  const ValueType f{DType::f32, 1, 1, 2};
  const int8_t w[4] = {1, 2, 3, -128};
  const uint16_t h[4] = {};
  const float s[2] = {};
  const auto i8 = [&](const ValueType& in, int64_t n, const float* scale) {
    return make_dense_i8(in, static_cast<int32_t>(n / 2), w, n, scale, nullptr, Isa::scalar, &op).code;
  };
  CHECK(i8(f, 2, s) == Code::ok, "a valid one");
  CHECK(i8(f, 4, s) == Code::range, "-128");
  CHECK(i8(f, 2, nullptr) == Code::graph, "no scale");
  CHECK(i8({DType::u8, 1, 1, 2}, 2, s) == Code::dtype, "u8");
  CHECK(i8({DType::f32, 2, 1, 2}, 2, s) == Code::shape, "a picture");
  CHECK(make_dense_bf16(f, 2, h, 3, nullptr, Isa::scalar, &op).code == Code::shape, "weight size");
  CHECK(make_dense_bf16(f, 2, nullptr, 4, nullptr, Isa::scalar, &op).code == Code::graph, "null");
  CHECK(make_dense_bf16(f, 0, h, 0, nullptr, Isa::scalar, &op).code == Code::range, "no outputs");
}

}  // namespace

int main() {
  equal_to_the_law();
  refusals();
  return check_summary();
}
