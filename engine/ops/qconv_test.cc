// qconv2d and qdense against loops, with every epilogue, on every ISA.
#include "ops/qconv.h"

#include "ops/quad_steps.h"
#include "ops/test_case.h"

using namespace xnorkit;
using namespace xnorkit::test;

namespace {

struct Case {
  ValueType input;
  Window window;
  int32_t outputs, groups, batch;
};

std::vector<int32_t> law(const Case& k, const ValueType& out, const std::vector<uint8_t>& x,
                         const std::vector<int8_t>& w) {
  const int32_t per = k.input.c / k.groups, outs = k.outputs / k.groups;
  std::vector<int32_t> y;
  for (int32_t n = 0; n < k.batch; ++n)
    for (int32_t oy = 0; oy < out.h; ++oy)
      for (int32_t ox = 0; ox < out.w; ++ox)
        for (int32_t o = 0; o < k.outputs; ++o) {
          int32_t acc = 0;
          size_t i = static_cast<size_t>(o) * k.window.kernel_h * k.window.kernel_w * per;
          for (int32_t kh = 0; kh < k.window.kernel_h; ++kh)
            for (int32_t kw = 0; kw < k.window.kernel_w; ++kw)
              for (int32_t c = 0; c < per; ++c, ++i) {
                const int32_t iy = oy * k.window.stride_h + kh * k.window.dilation_h - k.window.pad_top;
                const int32_t ix = ox * k.window.stride_w + kw * k.window.dilation_w - k.window.pad_left;
                if (iy < 0 || ix < 0 || iy >= k.input.h || ix >= k.input.w) continue;
                const size_t pixel = (static_cast<size_t>(n) * k.input.h + iy) * k.input.w + ix;
                acc += x[pixel * k.input.c + o / outs * per + c] * w[i];
              }
          y.push_back(acc);
        }
  return y;
}

// Checks one op's three epilogues, given its plain accumulators.
template <class Make>
void check_epilogues(Random& r, const std::vector<int32_t>& acc, int32_t channels, const void* x, int32_t batch,
                     Make make) {
  const auto threshold = integers<int32_t>(r, channels, -20000, 20000);
  const auto flip = bit_rows(r, 1, channels);
  const auto scale = reals(r, channels), bias = reals(r, channels);
  Epilogue bits{Epilogue::Kind::threshold, threshold.data(), flip.data(), nullptr, nullptr};
  Epilogue affine{Epilogue::Kind::affine, nullptr, nullptr, scale.data(), bias.data()};
  for (const Isa isa : isas()) {
    const OpPtr plain = make(Epilogue{}, isa), packed = make(bits, isa), scaled = make(affine, isa);
    const auto got = run_as<int32_t>(*plain, {x}, batch, r);
    CHECK(got == acc, "accumulators of %s on %s", plain->name(), isa_name(isa));
    const auto rows = run(*packed, {x}, batch, r);
    const auto values = run_as<float>(*scaled, {x}, batch, r);
    const size_t row_bytes = packed->output().row_bytes();
    bool bits_equal = true, floats_equal = true;
    for (size_t i = 0; i < acc.size(); ++i) {
      const int32_t c = static_cast<int32_t>(i % channels);
      const bool expected = (acc[i] < threshold[c]) != bit(flip.data(), c);
      bits_equal &= bit(&rows[i / channels * row_bytes], c) == expected;
      volatile float product = static_cast<float>(acc[i]) * scale[c];
      floats_equal &= values[i] == product + bias[c];
    }
    for (size_t p = 0; channels % 8 != 0 && p < acc.size() / channels; ++p)
      bits_equal &= rows[(p + 1) * row_bytes - 1] >> (channels % 8) == 0;
    CHECK(bits_equal, "threshold of %s on %s, %d channels", packed->name(), isa_name(isa), channels);
    CHECK(floats_equal, "affine of %s on %s, %d channels", scaled->name(), isa_name(isa), channels);
  }
}

// Weights of 8 bits: anything, or mostly small ones with a few that no pair of 16-bit sums can hold at once.
std::vector<int8_t> weights(Random& r, size_t count, bool wild) {
  auto w = integers<int8_t>(r, count, wild ? -127 : -64, wild ? 127 : 64);
  if (!wild)
    for (size_t i = 0; i < count; ++i)
      if (r.between(1, 60) == 1) w[i] = r.between(0, 1) ? 127 : -127;
  return w;
}

void convolutions() {
  Random r(3);
  for (int i = 0; i < 80; ++i) {
    const int32_t groups = r.between(1, 3) == 1 ? r.between(1, 4) : 1;
    const Case k{{DType::u8, r.between(7, 12), r.between(7, 12), groups * r.between(1, 9)},
                 {r.between(1, 4), r.between(1, 4), r.between(1, 3), r.between(1, 3), r.between(1, 2), r.between(1, 2),
                  r.between(0, 3), r.between(0, 3), r.between(0, 3), r.between(0, 3)},
                 groups * r.between(1, groups == 1 ? 90 : 20),
                 groups,
                 r.between(1, 3)};
    const size_t depth = static_cast<size_t>(k.window.kernel_h) * k.window.kernel_w * (k.input.c / k.groups);
    const auto x = integers<uint8_t>(r, k.input.bytes() * k.batch, i % 4 == 0 ? 255 : 0, 255);
    const auto w = weights(r, depth * k.outputs, i % 2 == 0);
    const auto make = [&](const Epilogue& e, Isa isa) {
      OpPtr op;
      const Status s =
          make_qconv2d(k.input, k.window, k.outputs, k.groups, w.data(), static_cast<int64_t>(w.size()), e, isa, &op);
      CHECK(s.ok(), "%s", s.message);
      return op;
    };
    const ValueType out = make(Epilogue{}, Isa::scalar)->output();
    check_epilogues(r, law(k, out, x, w), k.outputs, x.data(), k.batch, make);
  }
}

// Every step's pairs fit in 16 bits, and all steps of an input together are its weight.
void steps() {
  Random r(6);
  for (int i = 0; i < 50; ++i) {
    const ValueType input{DType::u8, 9, 9, r.between(1, 9)};
    const int32_t outputs = r.between(1, 40);
    ConvShape g;
    CHECK(conv_shape("steps", input, {r.between(1, 4), r.between(1, 4)}, outputs, 1, &g).ok(), "a valid shape");
    const int64_t tap_step = 1000;
    const auto w = weights(r, static_cast<size_t>(g.weights()), i % 2 == 0);
    QuadSteps steps;
    CHECK(steps.create(g, tap_step, w.data()).ok(), "memory");
    std::vector<int32_t> sums(w.size());
    for (int32_t block = 0; block * kLanes < outputs; ++block)
      for (int32_t s = 0; s < steps.steps(block); ++s)
        for (int32_t lane = 0; lane < kLanes; ++lane) {
          const int8_t* quad = steps.weight(block) + (s * kLanes + lane) * 4;
          for (int32_t pair = 0; pair < 4; pair += 2) {
            const int32_t a = quad[pair], b = quad[pair + 1];
            CHECK(std::max(a, 0) + std::max(b, 0) <= 128 && std::min(a, 0) + std::min(b, 0) >= -128, "%d, %d", a, b);
          }
          const int64_t tap = steps.offsets(block)[s] / tap_step, k = steps.offsets(block)[s] % tap_step;
          const int32_t o = block * kLanes + lane;
          for (int32_t j = 0; j < 4; ++j) {
            if (o < outputs && k + j < g.run)
              sums[(int64_t{o} * g.taps + tap) * g.run + k + j] += quad[j];
            else
              CHECK(quad[j] == 0, "a weight behind the run");
          }
        }
    CHECK(std::equal(sums.begin(), sums.end(), w.begin()), "steps of %d weights", static_cast<int>(w.size()));
  }
}

// Trained weights go by quads, weights that need a second step nearly everywhere by pairs.
void choice() {
  Random r(7);
  for (const bool wild : {false, true}) {
    OpPtr op;
    const auto w = integers<int8_t>(r, 7 * 7 * 3 * 64, wild ? 65 : -64, wild ? 127 : 64);
    const Status s = make_qconv2d({DType::u8, 32, 32, 3}, {7, 7, 2, 2}, 64, 1, w.data(), static_cast<int64_t>(w.size()),
                                  {}, Isa::scalar, &op);
    CHECK(s.ok() && (strstr(op->kernel_name(), "u8s8") == nullptr) == wild, "%s", op->kernel_name());
  }
}

void dense() {
  Random r(4);
  for (const bool packed : {false, true})
    for (const int32_t batch : {1, 6, 31})
      for (const int32_t outputs : {1, 9, 64, 200}) {
        const int32_t c = r.between(1, 70);
        const ValueType in{packed ? DType::bits : DType::u8, 1, 1, c};
        const auto x = packed ? bit_rows(r, batch, c) : integers<uint8_t>(r, static_cast<size_t>(c) * batch, 0, 255);
        const auto w = integers<int8_t>(r, static_cast<size_t>(c) * outputs, -127, 127);
        std::vector<int32_t> acc;
        for (int32_t n = 0; n < batch; ++n)
          for (int32_t o = 0; o < outputs; ++o) {
            int32_t sum = 0;
            for (int32_t k = 0; k < c; ++k) {
              const int32_t v = packed ? (bit(&x[n * in.row_bytes()], k) ? -1 : 1) : x[static_cast<size_t>(n) * c + k];
              sum += v * w[static_cast<size_t>(o) * c + k];
            }
            acc.push_back(sum);
          }
        check_epilogues(r, acc, outputs, x.data(), batch, [&](const Epilogue& e, Isa isa) {
          OpPtr op;
          const Status s = make_qdense(in, outputs, w.data(), static_cast<int64_t>(w.size()), e, isa, &op);
          CHECK(s.ok(), "%s", s.message);
          return op;
        });
      }
}

void extremes() {  // the largest sums a depth of 66311 can reach
  Random r(5);
  const std::vector<int8_t> w(66311, -127);
  const std::vector<uint8_t> x(66311, 255);
  for (const Isa isa : isas()) {
    OpPtr op;
    CHECK(make_qdense({DType::u8, 1, 1, 66311}, 1, w.data(), 66311, {}, isa, &op).ok(), "66311 inputs");
    CHECK(run_as<int32_t>(*op, {x.data()}, 1, r)[0] == -66311 * 255 * 127, "on %s", isa_name(isa));
  }
}

void refusals() {
  std::vector<int8_t> w(66312, 1);
  OpPtr op;
  const ValueType in{DType::u8, 4, 4, 2};
  const auto code = [&](const ValueType& input, const int8_t* weight, int64_t weights, const Epilogue& e) {
    return make_qconv2d(input, {2, 2}, 1, 1, weight, weights, e, Isa::scalar, &op).code;
  };
  const float one = 1;
  const int32_t zero = 0;
  const uint8_t tail = 2;
  CHECK(code(in, w.data(), 8, {}) == Code::ok, "a valid one");
  CHECK(code({DType::f32, 4, 4, 2}, w.data(), 8, {}) == Code::dtype, "f32");
  CHECK(code({DType::bits, 4, 4, 2}, w.data(), 8, {}) == Code::dtype, "bits into qconv2d");
  CHECK(code(in, nullptr, 8, {}) == Code::graph, "null weight");
  CHECK(code(in, w.data(), 9, {}) == Code::shape, "weight size");
  CHECK(code(in, w.data(), 8, {Epilogue::Kind::affine, nullptr, nullptr, &one, nullptr}) == Code::graph, "null bias");
  CHECK(code(in, w.data(), 8, {Epilogue::Kind::threshold, &zero, &tail, nullptr, nullptr}) == Code::range, "flip tail");
  w[3] = -128;
  CHECK(code(in, w.data(), 8, {}) == Code::range, "-128");
  w[3] = 1;
  CHECK(make_qdense({DType::u8, 1, 1, 66312}, 1, w.data(), 66312, {}, Isa::scalar, &op).code == Code::limit,
        "overflow");
  CHECK(make_qdense({DType::bits, 1, 1, 66312}, 1, w.data(), 66312, {}, Isa::scalar, &op).ok(), "bits cannot overflow");
}

}  // namespace

int main() {
  convolutions();
  steps();
  choice();
  dense();
  extremes();
  refusals();
  return check_summary();
}
