// Elementwise ops, pools and flatten against plain loops, on every ISA.
#include <cmath>
#include <limits>

#include "ops/eltwise.h"
#include "ops/flatten.h"
#include "ops/pool.h"
#include "ops/test_case.h"

using namespace xnorkit;
using namespace xnorkit::test;

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

std::vector<float> with_specials(Random& r, size_t count) {
  std::vector<float> x = reals(r, count);
  for (size_t i = 0; i < count; i += 5) {
    constexpr float kSpecial[] = {kNan, kInf, -kInf, 0.0f, -0.0f, 1.0f, -1.0f};
    x[i] = kSpecial[r.between(0, 6)];
  }
  return x;
}

bool same(float a, float b) { return memcmp(&a, &b, 4) == 0 || (a != a && b != b); }

void signs_and_thresholds() {
  Random r(6);
  for (const int32_t c : {1, 7, 8, 9, 31, 64, 65})
    for (const Isa isa : isas()) {
      const ValueType floats{DType::f32, 3, 5, c}, ints{DType::i32, 3, 5, c};
      const auto x = with_specials(r, floats.pixels() * c * 2);
      const auto acc = integers<int32_t>(r, x.size(), -9, 9);
      auto threshold = integers<int32_t>(r, c, -9, 9);
      threshold[0] = INT32_MIN;
      const auto flip = bit_rows(r, 1, c);
      OpPtr sign, compare;
      CHECK(
          make_sign(floats, isa, &sign).ok() && make_threshold(ints, threshold.data(), flip.data(), isa, &compare).ok(),
          "creation");
      const auto a = run(*sign, {x.data()}, 2, r), b = run(*compare, {acc.data()}, 2, r);
      const size_t row = sign->output().row_bytes();
      for (size_t i = 0; i < x.size(); ++i) {
        const int32_t at = static_cast<int32_t>(i % c);
        CHECK(bit(&a[i / c * row], at) == (x[i] < 0), "sign(%g) on %s", x[i], isa_name(isa));
        const bool expected = (acc[i] < threshold[at]) != bit(flip.data(), at);
        CHECK(bit(&b[i / c * row], at) == expected, "threshold on %s", isa_name(isa));
      }
    }
}

template <class Make, class F>
void check_map(Random& r, const char* name, int32_t c, Make make, F f) {
  const ValueType type{DType::f32, 4, 3, c};
  const auto x = with_specials(r, type.pixels() * c * 2);
  for (const Isa isa : isas()) {
    const OpPtr op = make(type, isa);
    const auto y = run_as<float>(*op, {x.data(), x.data()}, 2, r);
    for (size_t i = 0; i < x.size(); ++i)
      CHECK(same(y[i], f(x[i], i % c)), "%s(%g) = %g on %s", name, x[i], y[i], isa_name(isa));
  }
}

void maps() {
  Random r(7);
  for (const int32_t c : {1, 5, 8, 19, 32}) {
    const auto scale = reals(r, c), bias = reals(r, c);
    const auto pointwise = [](Eltwise op) {
      return [op](const ValueType& type, Isa isa) {
        OpPtr made;
        CHECK(make_pointwise(op, type, isa, &made).ok(), "creation");
        return made;
      };
    };
    check_map(r, "relu", c, pointwise(Eltwise::relu), [](float x, size_t) { return x > 0 ? x : 0.0f; });
    check_map(r, "add", c, pointwise(Eltwise::add), [](float x, size_t) { return x + x; });
    check_map(r, "hardtanh", c, pointwise(Eltwise::hardtanh),
              [](float x, size_t) { return x != x ? x : std::fmin(std::fmax(x, -1.0f), 1.0f); });
    check_map(
        r, "prelu", c,
        [&](const ValueType& type, Isa isa) {
          OpPtr made;
          CHECK(make_prelu(type, scale.data(), isa, &made).ok(), "creation");
          return made;
        },
        [&](float x, size_t at) { return x >= 0 ? x : scale[at] * x; });
    check_map(
        r, "affine", c,
        [&](const ValueType& type, Isa isa) {
          OpPtr made;
          CHECK(make_affine(type, scale.data(), bias.data(), isa, &made).ok(), "creation");
          return made;
        },
        [&](float x, size_t at) {
          volatile float product = x * scale[at];
          return product + bias[at];
        });
  }
}

void affine_of_integers() {
  Random r(8);
  for (const int32_t c : {3, 8, 21}) {
    const auto scale = reals(r, c), bias = reals(r, c);
    const auto bytes = integers<uint8_t>(r, 12 * c, 0, 255);
    const auto ints = integers<int32_t>(r, 12 * c, -100000000, 100000000);
    const auto bits = bit_rows(r, 12, c);
    for (const Isa isa : isas())
      for (const DType dtype : {DType::u8, DType::i32, DType::bits}) {
        OpPtr op;
        CHECK(make_affine({dtype, 3, 4, c}, scale.data(), bias.data(), isa, &op).ok(), "creation");
        const void* x = dtype == DType::u8    ? static_cast<const void*>(bytes.data())
                        : dtype == DType::i32 ? static_cast<const void*>(ints.data())
                                              : bits.data();
        const auto y = run_as<float>(*op, {x}, 1, r);
        for (int32_t i = 0; i < 12 * c; ++i) {
          const size_t row = (static_cast<size_t>(c) + 7) / 8;
          const float v = dtype == DType::u8               ? bytes[i]
                          : dtype == DType::i32            ? static_cast<float>(ints[i])
                          : bit(&bits[i / c * row], i % c) ? -1.0f
                                                           : 1.0f;
          volatile float product = v * scale[i % c];
          CHECK(y[i] == product + bias[i % c], "affine of type %d on %s", static_cast<int>(dtype), isa_name(isa));
        }
      }
  }
}

// Every float32 bit pattern in steps: within 1 ulp of the float64 function.
void transcendentals() {
  std::vector<float> x;
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += 4099) {
    const uint32_t pattern = static_cast<uint32_t>(bits);
    float value;
    memcpy(&value, &pattern, 4);
    if (value == value) x.push_back(value);
  }
  Random r(9);
  OpPtr tanh_op, sigmoid_op;
  const ValueType type{DType::f32, static_cast<int32_t>(x.size()), 1, 1};
  CHECK(make_pointwise(Eltwise::tanh, type, Isa::scalar, &tanh_op).ok(), "tanh");
  CHECK(make_pointwise(Eltwise::sigmoid, type, Isa::scalar, &sigmoid_op).ok(), "sigmoid");
  const auto t = run_as<float>(*tanh_op, {x.data()}, 1, r), s = run_as<float>(*sigmoid_op, {x.data()}, 1, r);
  const auto ulps = [](float a, float b) {
    const auto line = [](float v) {
      int32_t i;
      memcpy(&i, &v, 4);
      return i < 0 ? -(int64_t{1} << 31) - i : int64_t{i};
    };
    return std::llabs(line(a) - line(b));
  };
  for (size_t i = 0; i < x.size(); ++i) {
    CHECK(ulps(t[i], static_cast<float>(std::tanh(static_cast<double>(x[i])))) <= 1, "tanh(%a) = %a", x[i], t[i]);
    CHECK(ulps(s[i], static_cast<float>(1 / (1 + std::exp(-static_cast<double>(x[i]))))) <= 1, "sigmoid(%a) = %a", x[i],
          s[i]);
  }
}

void pools() {
  Random r(10);
  for (int i = 0; i < 120; ++i) {
    const Isa isa = isas()[static_cast<size_t>(i) % isas().size()];
    const int32_t kh = r.between(1, 4), kw = r.between(1, 4), c = r.between(1, 70), batch = r.between(1, 3);
    const Window w{kh,
                   kw,
                   r.between(1, 3),
                   r.between(1, 3),
                   1,
                   1,
                   r.between(0, kh - 1),
                   r.between(0, kw - 1),
                   r.between(0, kh - 1),
                   r.between(0, kw - 1)};
    const ValueType floats{DType::f32, r.between(4, 9), r.between(4, 9), c}, bits{DType::bits, floats.h, floats.w, c};
    const auto x = with_specials(r, floats.pixels() * c * batch);
    const auto b = bit_rows(r, floats.pixels() * batch, c);
    const auto flip = bit_rows(r, 1, c);
    const bool include = r.between(0, 1) == 1;
    OpPtr largest, packed, flipped, mean;
    CHECK(make_max_pool2d(floats, w, nullptr, isa, &largest).ok() &&
              make_max_pool2d(bits, w, nullptr, isa, &packed).ok() &&
              make_max_pool2d(bits, w, flip.data(), isa, &flipped).ok() &&
              make_avg_pool2d(floats, w, include, isa, &mean).ok(),
          "creation");
    const auto max = run_as<float>(*largest, {x.data()}, batch, r), avg = run_as<float>(*mean, {x.data()}, batch, r);
    const auto and_ = run(*packed, {b.data()}, batch, r), mixed = run(*flipped, {b.data()}, batch, r);
    const ValueType out = largest->output();
    const size_t row = bits.row_bytes();
    for (size_t p = 0; p < out.pixels() * batch; ++p)
      for (int32_t k = 0; k < c; ++k) {
        float best = -kInf, sum = 0;
        bool all = true, any = false;
        int32_t taps = 0;
        for (int32_t y = 0; y < kh; ++y)
          for (int32_t at = 0; at < kw; ++at) {
            const int32_t iy = static_cast<int32_t>(p % out.pixels()) / out.w * w.stride_h + y - w.pad_top;
            const int32_t ix = static_cast<int32_t>(p % out.pixels()) % out.w * w.stride_w + at - w.pad_left;
            if (iy < 0 || ix < 0 || iy >= floats.h || ix >= floats.w) continue;
            const size_t pixel = (p / out.pixels() * floats.h + iy) * floats.w + ix;
            const float v = x[pixel * c + k];
            best = v > best || v != v ? v : best;
            sum += v;
            all &= bit(&b[pixel * row], k);
            any |= bit(&b[pixel * row], k);
            ++taps;
          }
        const float divisor = static_cast<float>(include ? kh * kw : taps);
        CHECK(same(max[p * c + k], best) || max[p * c + k] == best, "max %g, expected %g", max[p * c + k], best);
        CHECK(same(avg[p * c + k], sum / divisor), "avg %g, expected %g", avg[p * c + k], sum / divisor);
        CHECK(bit(&and_[p * row], k) == all, "max of bits");
        CHECK(bit(&mixed[p * row], k) == (bit(flip.data(), k) ? any : all), "max of bits with flip");
      }
  }
}

void integer_and_global_pools() {
  Random r(11);
  const auto u = integers<uint8_t>(r, 6 * 6 * 5, 0, 255);
  const auto v = integers<int32_t>(r, 6 * 6 * 5, INT32_MIN, -1);
  const auto f = reals(r, 6 * 6 * 5);
  float sum = 0;
  for (size_t i = 0; i < f.size(); i += 5) sum += f[i];
  for (const Isa isa : isas()) {
    OpPtr a, b, g;
    CHECK(make_max_pool2d({DType::u8, 6, 6, 5}, {2, 2, 2, 2}, nullptr, isa, &a).ok(), "u8");
    CHECK(make_max_pool2d({DType::i32, 6, 6, 5}, {2, 2, 2, 2, 1, 1, 1, 1, 1, 1}, nullptr, isa, &b).ok(), "i32");
    CHECK(make_global_avg_pool2d({DType::f32, 6, 6, 5}, isa, &g).ok(), "global");
    CHECK(run(*a, {u.data()}, 1, r)[0] == std::max(std::max(u[0], u[5]), std::max(u[30], u[35])), "u8 window");
    CHECK(run_as<int32_t>(*b, {v.data()}, 1, r)[0] == v[0], "padding never wins, even over INT32_MIN..-1");
    CHECK(run_as<float>(*g, {f.data()}, 1, r)[0] == sum / 36, "global mean in (h, w) order");
  }
}

// Wide pixels: whole vectors, vectors that overlap, the rest.
template <class T>
void wide_pools(DType dtype, int32_t low, int32_t high) {
  Random r(13);
  for (const int32_t c : {7, 8, 31, 32, 33, 40, 127, 128, 200}) {
    const auto x = integers<T>(r, static_cast<size_t>(3 * 5 * c), low, high);
    for (const Isa isa : isas()) {
      OpPtr op;
      CHECK(make_max_pool2d({dtype, 3, 5, c}, {3, 2, 1, 3}, nullptr, isa, &op).ok(), "creation");
      const auto y = run_as<T>(*op, {x.data()}, 1, r);
      for (int32_t i = 0; i < 2 * c; ++i) {
        const int32_t first = i / c * 3 * c + i % c;
        T best = x[first];
        for (int32_t tap = 1; tap < 6; ++tap) best = std::max(best, x[first + (tap / 2 * 5 + tap % 2) * c]);
        CHECK(y[i] == best, "%d channels on %s", c, isa_name(isa));
      }
    }
  }
}

void flattens() {
  Random r(12);
  for (const int32_t c : {1, 3, 8, 13, 16, 31}) {
    const ValueType type{DType::bits, 3, 5, c};
    const auto x = bit_rows(r, type.pixels() * 2, c);
    OpPtr op;
    CHECK(make_flatten(type, &op).ok(), "creation");
    const auto y = run(*op, {x.data()}, 2, r);
    for (size_t n = 0; n < 2; ++n)
      for (int32_t i = 0; i < 15 * c; ++i)
        CHECK(bit(&y[n * op->output().bytes()], i) == bit(&x[(n * 15 + i / c) * type.row_bytes()], i % c), "bit %d", i);
  }
}

void refusals() {
  OpPtr op;
  const float one[8] = {};
  const int32_t t[8] = {};
  const uint8_t flip = 0xFF;
  const ValueType f{DType::f32, 2, 2, 3}, i{DType::i32, 2, 2, 3}, b{DType::bits, 2, 2, 3};
  CHECK(make_sign(i, Isa::scalar, &op).code == Code::dtype, "sign of i32");
  CHECK(make_threshold(f, t, &flip, Isa::scalar, &op).code == Code::dtype, "threshold of f32");
  CHECK(make_threshold(i, t, &flip, Isa::scalar, &op).code == Code::range, "tail bits");
  CHECK(make_threshold(i, nullptr, nullptr, Isa::scalar, &op).code == Code::graph, "null");
  CHECK(make_affine(f, one, nullptr, Isa::scalar, &op).code == Code::graph, "null bias");
  CHECK(make_prelu(i, one, Isa::scalar, &op).code == Code::dtype, "prelu of i32");
  CHECK(make_pointwise(Eltwise::relu, b, Isa::scalar, &op).code == Code::dtype, "relu of bits");
  CHECK(make_pointwise(Eltwise::relu, {DType::f32, 0, 2, 3}, Isa::scalar, &op).code == Code::shape, "empty");
  CHECK(make_max_pool2d(f, {2, 2}, &flip, Isa::scalar, &op).code == Code::dtype, "flip without bits");
  CHECK(make_max_pool2d(b, {2, 2}, &flip, Isa::scalar, &op).code == Code::range, "flip tail");
  CHECK(make_max_pool2d(f, {2, 2, 1, 1, 1, 1, 2}, nullptr, Isa::scalar, &op).code == Code::shape,
        "padding as wide as the kernel");
  CHECK(make_max_pool2d({DType::f32, 4, 4, 3}, {2, 2, 1, 1, 2, 1}, nullptr, Isa::scalar, &op).code == Code::range,
        "dilation");
  CHECK(make_avg_pool2d(i, {2, 2}, true, Isa::scalar, &op).code == Code::dtype, "avg of i32");
  CHECK(make_global_avg_pool2d(b, Isa::scalar, &op).code == Code::dtype, "global avg of bits");
  CHECK(make_flatten({DType::bits, 65535, 65535, 3}, &op).code == Code::limit, "2^31 elements");
}

}  // namespace

int main() {
  signs_and_thresholds();
  maps();
  affine_of_integers();
  transcendentals();
  pools();
  integer_and_global_pools();
  wide_pools<uint8_t>(DType::u8, 0, 255);
  wide_pools<int32_t>(DType::i32, INT32_MIN, INT32_MAX);
  flattens();
  refusals();
  return check_summary();
}
