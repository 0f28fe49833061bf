// wconv2d and wdense against loops on every ISA: planes, ternary levels, codes, groups, borders.
#include "ops/wconv.h"

#include "ops/test_case.h"

using namespace xnorkit;
using namespace xnorkit::test;

namespace {

struct Case {
  ValueType input;
  Window window;
  int32_t outputs, groups, batch;
  FewBits bits;

  size_t depth() const {
    return static_cast<size_t>(window.kernel_h) * window.kernel_w * static_cast<size_t>(input.c / groups);
  }
};

std::vector<uint8_t> signs(Random& random, size_t count) {
  std::vector<uint8_t> v = integers<uint8_t>(random, (count + 7) / 8, 0, 255);
  if (count % 8 != 0) v.back() &= static_cast<uint8_t>((1 << count % 8) - 1);
  return v;
}

bool negative(const std::vector<uint8_t>& w, size_t i) { return w[i / 8] >> (i % 8) & 1; }

// The input element under a tap, or null outside the picture.
template <class T>
const T* under(const Case& k, const std::vector<T>& x, int32_t n, int32_t oy, int32_t ox, int32_t kh, int32_t kw) {
  const int32_t iy = oy * k.window.stride_h + kh * k.window.dilation_h - k.window.pad_top;
  const int32_t ix = ox * k.window.stride_w + kw * k.window.dilation_w - k.window.pad_left;
  if (iy < 0 || ix < 0 || iy >= k.input.h || ix >= k.input.w) return nullptr;
  return x.data() + ((static_cast<size_t>(n) * k.input.h + iy) * k.input.w + ix) * k.input.c;
}

int32_t code_sum(const Case& k, const std::vector<uint8_t>& x, const std::vector<uint8_t>& w, int32_t n, int32_t oy,
                 int32_t ox, int32_t o) {
  const int32_t per = k.input.c / k.groups, group = o / (k.outputs / k.groups), most = k.bits.largest_code();
  int32_t acc = 0;
  size_t i = static_cast<size_t>(o) * k.depth();
  const size_t plane = static_cast<size_t>(k.outputs) * k.depth();
  for (int32_t kh = 0; kh < k.window.kernel_h; ++kh)
    for (int32_t kw = 0; kw < k.window.kernel_w; ++kw) {
      const uint8_t* pixel = under(k, x, n, oy, ox, kh, kw);
      for (int32_t c = 0; c < per; ++c, ++i) {
        if (pixel == nullptr) continue;
        const int32_t q = std::min<int32_t>(pixel[group * per + c], most);
        int32_t weight = 0;
        for (int32_t p = 0; p < k.bits.planes; ++p)
          weight += (negative(w, p * plane + i) ? -1 : 1) * (k.bits.ternary ? 1 : 1 << p);
        acc += (k.bits.ternary ? weight / 2 : weight) * (k.bits.signed_codes ? 2 * q - most : q);
      }
    }
  return acc;
}

float float_sum(const Case& k, const std::vector<float>& x, const std::vector<uint8_t>& w, int32_t n, int32_t oy,
                int32_t ox, int32_t o) {
  const int32_t per = k.input.c / k.groups, group = o / (k.outputs / k.groups);
  float total = 0;
  for (int32_t p = 0; p < k.bits.planes; ++p) {
    volatile float acc = 0;
    size_t i = (static_cast<size_t>(p) * k.outputs + o) * k.depth();
    for (int32_t kh = 0; kh < k.window.kernel_h; ++kh)
      for (int32_t kw = 0; kw < k.window.kernel_w; ++kw) {
        const float* pixel = under(k, x, n, oy, ox, kh, kw);
        for (int32_t first = 0; first < per; first += 4) {
          float t[4] = {};
          for (int32_t c = first; c < per && c < first + 4; ++c, ++i)
            if (pixel != nullptr) t[c - first] = negative(w, i) ? -pixel[group * per + c] : pixel[group * per + c];
          volatile float left = t[0] + t[1], right = t[2] + t[3];
          volatile float quad = left + right;
          acc = acc + quad;
        }
      }
    volatile float part = k.bits.ternary ? acc : acc * static_cast<float>(1 << p);
    total = p == 0 ? part : total + part;
  }
  return k.bits.ternary ? total * 0.5f : total;
}

template <class T, class Y, class Sum>
void compare(Random& r, const Case& k, bool dense, const std::vector<T>& x, Sum sum) {
  const auto w = signs(r, k.depth() * k.outputs * k.bits.planes);
  const int64_t bytes = static_cast<int64_t>(w.size());
  for (const Isa isa : isas()) {
    OpPtr op;
    const Status s = dense
                         ? make_wdense(k.input, k.outputs, k.bits, w.data(), bytes, {}, isa, &op)
                         : make_wconv2d(k.input, k.window, k.outputs, k.groups, k.bits, w.data(), bytes, {}, isa, &op);
    CHECK(s.ok(), "%s", s.message);
    std::vector<Y> expected;
    for (int32_t n = 0; n < k.batch; ++n)
      for (int32_t y = 0; y < op->output().h; ++y)
        for (int32_t z = 0; z < op->output().w; ++z)
          for (int32_t o = 0; o < k.outputs; ++o) expected.push_back(sum(k, x, w, n, y, z, o));
    const auto got = run_as<Y>(*op, {x.data()}, k.batch, r);
    CHECK(got == expected, "%s on %s: %d planes, %d bits, %d -> %d channels", op->name(), isa_name(isa), k.bits.planes,
          k.bits.activation_bits, k.input.c, k.outputs);
  }
}

void both(Random& r, Case k, bool dense) {
  const size_t elements = k.input.pixels() * static_cast<size_t>(k.input.c) * static_cast<size_t>(k.batch);
  compare<uint8_t, int32_t>(r, k, dense, integers<uint8_t>(r, elements, 0, 255), code_sum);
  k.input.dtype = DType::f32;
  k.bits.activation_bits = 8;
  k.bits.signed_codes = false;
  compare<float, float>(r, k, dense, reals(r, elements), float_sum);
}

FewBits few_bits(Random& r) {
  const bool ternary = r.between(0, 3) == 0;
  return {ternary ? 2 : r.between(1, 4), ternary, r.between(1, 8), r.between(0, 1) == 1};
}

void convolutions() {
  Random r(11);
  for (int i = 0; i < 40; ++i) {
    const int32_t groups = r.between(1, 3) == 1 ? r.between(1, 4) : 1;
    const int32_t width = i == 0 ? 150 : r.between(7, 12);  // wider than a call takes pixels
    both(r,
         {{DType::u8, r.between(7, 12), width, groups * r.between(1, 40)},
          {r.between(1, 4), r.between(1, 4), r.between(1, 3), r.between(1, 3), r.between(1, 2), r.between(1, 2),
           r.between(0, 3), r.between(0, 3), r.between(0, 3), r.between(0, 3)},
          groups * r.between(1, groups == 1 ? 90 : 20),
          groups,
          r.between(1, 2),
          few_bits(r)},
         false);
  }
}

void dense_layers() {
  Random r(12);
  for (int i = 0; i < 20; ++i)
    both(r, {{DType::u8, 1, 1, r.between(1, 600)}, {1, 1}, r.between(1, 140), 1, r.between(1, 36), few_bits(r)}, true);
}

void refusals() {
  OpPtr op;
  const uint8_t w[64] = {};
  const ValueType u8{DType::u8, 1, 1, 8}, f32{DType::f32, 1, 1, 8};
  const auto code = [&](const ValueType& input, FewBits bits, int64_t bytes) {
    return make_wdense(input, 4, bits, w, bytes, {}, Isa::scalar, &op).code;
  };
  CHECK(code(u8, {}, 5) == Code::shape, "weight bytes");
  CHECK(code(u8, {5}, 20) == Code::range, "planes");
  CHECK(code(u8, {1, true}, 4) == Code::shape, "ternary planes");
  CHECK(code(u8, {1, false, 9}, 4) == Code::range, "activation bits");
  CHECK(code(f32, {1, false, 2}, 4) == Code::shape, "codes on f32");
  CHECK(code({DType::i32, 1, 1, 8}, {}, 4) == Code::dtype, "input");
  CHECK(make_wdense(u8, 4, {}, nullptr, 4, {}, Isa::scalar, &op).code == Code::graph, "null");
  const uint8_t tail[] = {0, 0x80};
  CHECK(make_wdense({DType::u8, 1, 1, 3}, 5, {}, tail, 2, {}, Isa::scalar, &op).code == Code::range, "tail bits");
}

}  // namespace

int main() {
  convolutions();
  dense_layers();
  refusals();
  return check_summary();
}
