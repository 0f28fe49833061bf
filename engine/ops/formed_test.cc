// Weights of a form against `dense` by segments, written as loops, on the matrix that they stand for: the same bits.
#include "ops/formed.h"

#include "base/hashing.h"
#include "ops/test_case.h"

using namespace xnorkit;
using namespace xnorkit::test;

namespace {

constexpr int32_t kBatches[] = {1, 2, 7, 8, 9, 19};

// acc = +0; per segment, t = +0 and its products in order, then acc + t; then the bias, or +0.
float law(const float* x, const float* w, int32_t depth, int32_t segment, float bias) {
  volatile float acc = 0.0f;
  for (int32_t k = 0; k < depth; k += segment) {
    volatile float part = 0.0f;
    for (int32_t j = k; j < k + segment; ++j) {
      volatile float product = x[j] * w[j];
      part = part + product;
    }
    acc = acc + part;
  }
  return acc + bias;
}

template <class Make>
void compare(Random& r, int32_t pixels, int32_t depth, int32_t outputs, int32_t segment, const std::vector<float>& w,
             Make make) {
  const auto bias = reals(r, static_cast<size_t>(outputs));
  const bool biased = r.next() % 2 == 0;
  for (const Isa isa : isas()) {
    OpPtr op;
    const Status status = make(biased ? bias.data() : nullptr, isa, &op);
    CHECK(status.ok(), "creation: %s", status.message);
    for (const int32_t batch : kBatches) {
      const auto x = reals(r, static_cast<size_t>(batch * pixels) * static_cast<size_t>(depth));
      const auto y = run_as<float>(*op, {x.data()}, batch, r);
      for (int32_t i = 0; i < batch * pixels * outputs; ++i) {
        const int32_t o = i % outputs;
        const float expected = law(&x[static_cast<size_t>(i / outputs) * static_cast<size_t>(depth)],
                                   &w[static_cast<size_t>(o) * static_cast<size_t>(depth)], depth, segment,
                                   biased ? bias[static_cast<size_t>(o)] : 0.0f);
        CHECK(memcmp(&y[static_cast<size_t>(i)], &expected, 4) == 0, "%s: batch %d, %d of %d: got %a, expected %a",
              op->kernel_name(), batch, i, outputs, y[static_cast<size_t>(i)], expected);
      }
    }
  }
}

void vectors() {
  Random r(1);
  for (const int32_t values : {1, 5, 8, 9, 16, 17, 100, 256})
    for (const int32_t outputs : {1, 64, 70, 200}) {
      VectorWeight weight;
      weight.segments = r.between(1, 300), weight.width = r.between(1, 9);
      weight.values = values, weight.rows = outputs;
      const int32_t depth = weight.segments * weight.width;
      const int32_t height = r.between(1, 3), pixels = height * 2;
      const ValueType in{DType::f32, height, 2, depth};
      weight.codebook = reals(r, static_cast<size_t>(values) * static_cast<size_t>(depth));
      weight.index = integers<uint8_t>(r, static_cast<size_t>(weight.segments) * outputs, 0, values - 1);
      std::vector<float> w(static_cast<size_t>(depth) * static_cast<size_t>(outputs));
      for (int32_t o = 0; o < outputs; ++o)
        for (int32_t k = 0; k < depth; ++k) {
          const int32_t s = k / weight.width, index = weight.index[static_cast<size_t>(s * outputs + o)];
          w[static_cast<size_t>(o * depth + k)] =
              weight.codebook[static_cast<size_t>((s * values + index) * weight.width + k % weight.width)];
        }
      compare(r, pixels, depth, outputs, weight.width, w, [&](const float* bias, Isa isa, OpPtr* op) {
        return make_lookup("dense", in, outputs, weight, bias, isa, op);
      });
      compare(r, pixels, depth, outputs, weight.width, w, [&](const float* bias, Isa isa, OpPtr* op) {
        return make_segmented("dense", in, outputs, weight.width, w.data(), static_cast<int64_t>(w.size()), bias, isa,
                              op);
      });
    }
}

void hashed() {
  Random r(2);
  for (const int32_t depth : {1, 30, 256, 700})
    for (const int32_t outputs : {1, 16, 50}) {
      const auto values = reals(r, static_cast<size_t>(r.between(1, depth * outputs)));
      const HashedWeight weight{values.data(), static_cast<uint32_t>(values.size()), static_cast<uint32_t>(r.next())};
      std::vector<float> w(static_cast<size_t>(depth * outputs));
      for (size_t i = 0; i < w.size(); ++i) {
        const Dealt one = dealt(static_cast<uint32_t>(i), mix(weight.seed), weight.buckets);
        w[i] = one.negative ? -values[one.bucket] : values[one.bucket];
      }
      const ValueType in{DType::f32, 1, 1, depth};
      compare(r, 1, depth, outputs, depth, w, [&](const float* bias, Isa isa, OpPtr* op) {
        return make_hashed_dense(in, outputs, weight, bias, isa, op);
      });
    }
}

void refusals() {
  OpPtr op;
  const ValueType f{DType::f32, 1, 1, 6}, picture{DType::f32, 2, 1, 3}, u{DType::u8, 1, 1, 6};
  VectorWeight v;
  v.segments = 3, v.width = 2, v.values = 1, v.rows = 4;
  v.codebook.resize(6), v.index.resize(12);
  const auto look = [&](const ValueType& in, int32_t outputs) {
    return make_lookup("dense", in, outputs, v, nullptr, Isa::scalar, &op).code;
  };
  CHECK(look(f, 4) == Code::ok && look(f, 5) == Code::shape && look({DType::f32, 1, 1, 8}, 4) == Code::shape, "sizes");
  CHECK(look(picture, 4) == Code::shape && look(u, 4) == Code::dtype, "inputs");
  const float values[6] = {};
  const auto hash = [&](const ValueType& in, const float* from, uint32_t buckets) {
    return make_hashed_dense(in, 4, {from, buckets, 0}, nullptr, Isa::scalar, &op).code;
  };
  CHECK(hash(f, values, 6) == Code::ok && hash(f, values, 0) == Code::shape, "buckets");
  CHECK(hash({DType::f32, 2, 1, 6}, values, 6) == Code::shape, "a picture");
  CHECK(hash(f, values, 25) == Code::shape && hash(f, nullptr, 6) == Code::graph && hash(u, values, 6) == Code::dtype,
        "hashed");
  const auto cut = [&](int32_t segment, int64_t weights) {
    return make_segmented("dense", f, 1, segment, values, weights, nullptr, Isa::scalar, &op).code;
  };
  CHECK(cut(3, 6) == Code::ok && cut(4, 6) == Code::shape && cut(0, 6) == Code::shape && cut(3, 5) == Code::shape,
        "segments");
}

}  // namespace

int main() {
  vectors();
  hashed();
  refusals();
  return check_summary();
}
