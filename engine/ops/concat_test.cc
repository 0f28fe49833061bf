// concat of every element type, bits that join inside a byte included.
#include "ops/concat.h"

#include "ops/test_case.h"

using namespace xnorkit;
using namespace xnorkit::test;

namespace {

void joins_bits() {
  Random r(1);
  for (const int32_t a : {1, 3, 7, 8, 9, 16, 31, 64})
    for (const int32_t b : {1, 5, 7, 8, 12, 33}) {
      const ValueType first{DType::bits, 3, 2, a}, second{DType::bits, 3, 2, b};
      OpPtr op;
      CHECK(make_concat(first, second, &op).ok(), "creation");
      const auto x = bit_rows(r, 12, a), y = bit_rows(r, 12, b);
      const auto z = run(*op, {x.data(), y.data()}, 2, r);
      const size_t row = op->output().row_bytes();
      for (size_t p = 0; p < 12; ++p)
        for (int32_t c = 0; c < static_cast<int32_t>(8 * row); ++c) {
          const bool expected = c < a       ? bit(&x[p * first.row_bytes()], c)
                                : c < a + b ? bit(&y[p * second.row_bytes()], c - a)
                                            : false;
          CHECK(bit(&z[p * row], c) == expected, "%d + %d channels, bit %d", a, b, c);
        }
    }
}

template <class T>
void joins(DType dtype) {
  Random r(2);
  for (const int32_t a : {1, 7, 9000}) {
    const auto x = integers<T>(r, static_cast<size_t>(6 * a), 0, 255), y = integers<T>(r, 6 * 3, 0, 255);
    OpPtr op;
    CHECK(make_concat({dtype, 1, 3, a}, {dtype, 1, 3, 3}, &op).ok(), "creation");
    const auto z = run_as<T>(*op, {x.data(), y.data()}, 2, r);
    for (int32_t i = 0; i < 6 * (a + 3); ++i) {
      const int32_t p = i / (a + 3), c = i % (a + 3);
      CHECK(z[i] == (c < a ? x[p * a + c] : y[p * 3 + c - a]), "%d + 3 channels, element %d", a, i);
    }
  }
}

void refusals() {
  OpPtr op;
  const ValueType f{DType::f32, 2, 2, 3};
  CHECK(make_concat(f, {DType::f32, 2, 1, 3}, &op).code == Code::shape, "width");
  CHECK(make_concat(f, {DType::i32, 2, 2, 3}, &op).code == Code::shape, "element type");
  CHECK(make_concat(f, {DType::f32, 2, 2, 0}, &op).code == Code::shape, "empty");
  CHECK(make_concat({DType::u8, 1, 1, INT32_MAX}, {DType::u8, 1, 1, 9}, &op).code == Code::limit, "2^31 channels");
  CHECK(make_concat({DType::u8, 1024, 1024, 1024}, {DType::u8, 1024, 1024, 1024}, &op).code == Code::limit, "elements");
}

}  // namespace

int main() {
  joins_bits();
  joins<uint8_t>(DType::u8);
  joins<int32_t>(DType::i32);
  joins<float>(DType::f32);
  refusals();
  return check_summary();
}
