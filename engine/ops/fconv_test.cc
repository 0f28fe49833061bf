// conv2d and dense against the law written as loops: the same bits on every ISA.
#include "ops/fconv.h"

#include "ops/test_case.h"

using namespace xnorkit;
using namespace xnorkit::test;

namespace {

struct Case {
  ValueType input;
  Window window;
  int32_t outputs, groups, batch;
  bool bias;
};

float tap(const std::vector<float>& x, const ValueType& in, int32_t n, int32_t y, int32_t at, int32_t c) {
  if (y < 0 || at < 0 || y >= in.h || at >= in.w) return 0.0f;
  return x[((static_cast<size_t>(n) * in.h + y) * in.w + at) * in.c + c];
}

// acc = +0; (kh, kw, c) in order, product and sum rounded each; then the bias.
std::vector<float> law(const Case& k, const ValueType& out, const std::vector<float>& x, const std::vector<float>& w,
                       const std::vector<float>& bias) {
  const int32_t per = k.input.c / k.groups, outs = k.outputs / k.groups;
  std::vector<float> y;
  for (int32_t n = 0; n < k.batch; ++n)
    for (int32_t oy = 0; oy < out.h; ++oy)
      for (int32_t ox = 0; ox < out.w; ++ox)
        for (int32_t o = 0; o < k.outputs; ++o) {
          volatile float acc = 0.0f;
          size_t i = static_cast<size_t>(o) * k.window.kernel_h * k.window.kernel_w * per;
          for (int32_t kh = 0; kh < k.window.kernel_h; ++kh)
            for (int32_t kw = 0; kw < k.window.kernel_w; ++kw)
              for (int32_t c = 0; c < per; ++c, ++i) {
                const int32_t iy = oy * k.window.stride_h + kh * k.window.dilation_h - k.window.pad_top;
                const int32_t ix = ox * k.window.stride_w + kw * k.window.dilation_w - k.window.pad_left;
                volatile float product = tap(x, k.input, n, iy, ix, o / outs * per + c) * w[i];
                acc = acc + product;
              }
          if (k.bias) acc = acc + bias[o];
          y.push_back(static_cast<float>(acc));
        }
  return y;
}

Case random_case(Random& r) {
  const int32_t groups = r.between(1, 3) == 1 ? r.between(1, 4) : 1;
  Window w{r.between(1, 4), r.between(1, 4), r.between(1, 3), r.between(1, 3), r.between(1, 2),
           r.between(1, 2), r.between(0, 3), r.between(0, 3), r.between(0, 3), r.between(0, 3)};
  return {{DType::f32, r.between(7, 12), r.between(7, 12), groups * r.between(1, 9)},
          w,
          groups * r.between(1, groups == 1 ? 90 : 20),
          groups,
          r.between(1, 3),
          r.between(0, 1) == 1};
}

// Pictures smaller than their padding, windows that see nothing but padding, rows of one pixel, stems.
const Case kEdges[] = {
    {{DType::f32, 1, 1, 3}, {3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, 17, 1, 2, true},
    {{DType::f32, 2, 3, 2}, {2, 2, 1, 1, 1, 1, 4, 4, 4, 4}, 5, 1, 1, true},
    {{DType::f32, 5, 1, 4}, {3, 1, 2, 1, 2, 1, 3, 0, 0, 6}, 33, 1, 2, false},
    {{DType::f32, 30, 40, 3}, {7, 7, 2, 2, 1, 1, 3, 3, 3, 3}, 64, 1, 1, true},
    {{DType::f32, 31, 37, 1}, {11, 11, 4, 4, 1, 1, 2, 2, 2, 2}, 24, 1, 2, true},
};

void equal_to_the_law() {
  Random r(1);
  for (int i = 0; i < 60; ++i) {
    const Case k = i < static_cast<int>(std::size(kEdges)) ? kEdges[i] : random_case(r);
    const size_t depth = static_cast<size_t>(k.window.kernel_h) * k.window.kernel_w * (k.input.c / k.groups);
    const auto x = reals(r, k.input.pixels() * k.input.c * k.batch), w = reals(r, depth * k.outputs),
               bias = reals(r, k.outputs);
    std::vector<float> expected;
    for (const Isa isa : isas()) {
      OpPtr op;
      const Status s = make_conv2d(k.input, k.window, k.outputs, k.groups, w.data(), static_cast<int64_t>(w.size()),
                                   k.bias ? bias.data() : nullptr, isa, &op);
      CHECK(s.ok(), "%s", s.message);
      if (expected.empty()) expected = law(k, op->output(), x, w, bias);
      const auto got = run_as<float>(*op, {x.data()}, k.batch, r);
      CHECK(got.size() == expected.size() && memcmp(got.data(), expected.data(), got.size() * 4) == 0,
            "case %d on %s: %dx%dx%d, %d outputs, %d groups", i, isa_name(isa), k.input.h, k.input.w, k.input.c,
            k.outputs, k.groups);
    }
  }
}

void dense_equals_conv() {
  Random r(2);
  for (const int32_t batch : {1, 2, 5, 6, 7, 24, 25, 60})
    for (const int32_t outputs : {1, 10, 16, 64, 130}) {
      const int32_t depth = batch == 7 ? 600 : outputs == 16 ? 256 : 37;
      const Case k{{DType::f32, 1, 1, depth}, Window{1, 1}, outputs, 1, batch, true};
      const size_t row = static_cast<size_t>(depth);
      const auto x = reals(r, row * static_cast<size_t>(batch)), w = reals(r, row * static_cast<size_t>(outputs)),
                 bias = reals(r, outputs);
      const auto expected = law(k, {DType::f32, 1, 1, outputs}, x, w, bias);
      for (const Isa isa : isas()) {
        OpPtr op;
        const Status s = make_dense(k.input, outputs, w.data(), static_cast<int64_t>(w.size()), bias.data(), isa, &op);
        CHECK(s.ok(), "%s", s.message);
        const auto got = run_as<float>(*op, {x.data()}, batch, r);
        CHECK(memcmp(got.data(), expected.data(), got.size() * 4) == 0, "batch %d, %d outputs, %s", batch, outputs,
              isa_name(isa));
      }
    }
}

void refusals() {
  const float w[64] = {};
  OpPtr op;
  const ValueType in{DType::f32, 4, 4, 2};
  const auto code = [&](const ValueType& input, const Window& window, int32_t outputs, int32_t groups,
                        const float* weight, int64_t weights) {
    return make_conv2d(input, window, outputs, groups, weight, weights, nullptr, Isa::scalar, &op).code;
  };
  CHECK(code(in, {2, 2}, 8, 1, w, 64) == Code::ok, "a valid one");
  CHECK(code({DType::u8, 4, 4, 2}, {2, 2}, 8, 1, w, 64) == Code::dtype, "u8");
  CHECK(code(in, {2, 2}, 8, 1, nullptr, 64) == Code::graph, "null weight");
  CHECK(code(in, {2, 2}, 8, 1, w, 63) == Code::shape, "weight size");
  CHECK(code(in, {5, 5}, 8, 1, w, 64) == Code::shape, "kernel wider than the picture");
  CHECK(code(in, {2, 2}, 9, 2, w, 64) == Code::shape, "groups");
  CHECK(code(in, {2, 2}, 0, 1, w, 64) == Code::range, "no outputs");
  CHECK(code(in, {2, 2, 0, 1}, 8, 1, w, 64) == Code::range, "stride 0");
  CHECK(code(in, {2, 2, 1, 1, 1, 1, -1}, 8, 1, w, 64) == Code::range, "negative padding");
  CHECK(code({DType::f32, 65535, 65535, 2}, {2, 2}, 8, 1, w, 64) == Code::limit, "2^31 elements");
  CHECK(code({DType::f32, 1, 1, 65535}, {65535, 65535, 1, 1, 1, 1, 65535, 65535}, 8, 1, w, 64) == Code::limit,
        "weight elements overflow");
  CHECK(make_dense(in, 8, w, 16, nullptr, Isa::scalar, &op).code == Code::shape, "dense on a picture");
}

}  // namespace

int main() {
  equal_to_the_law();
  dense_equals_conv();
  refusals();
  return check_summary();
}
