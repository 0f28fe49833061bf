// scale_channels: each image's own factors, any number of channels, units that end inside an image.
#include "ops/scale_channels.h"

#include "ops/test_case.h"

using namespace xnorkit;
using namespace xnorkit::test;

namespace {

void scales(int32_t h, int32_t w, int32_t c) {
  Random r(3);
  const int32_t batch = 3, image = h * w * c;
  const auto x = integers<float>(r, static_cast<size_t>(batch * image), -9, 9);
  const auto factor = integers<float>(r, static_cast<size_t>(batch * c), -5, 5);
  OpPtr op;
  CHECK(make_scale_channels({DType::f32, h, w, c}, {DType::f32, 1, 1, c}, &op).ok(), "creation");
  const auto y = run_as<float>(*op, {x.data(), factor.data()}, batch, r);
  for (int32_t i = 0; i < batch * image; ++i)
    CHECK(y[i] == x[i] * factor[i / image * c + i % c], "%d x %d x %d, element %d", h, w, c, i);
}

void refusals() {
  OpPtr op;
  const ValueType f{DType::f32, 2, 2, 3};
  CHECK(make_scale_channels(f, {DType::f32, 2, 2, 3}, &op).code == Code::shape, "a picture of factors");
  CHECK(make_scale_channels(f, {DType::f32, 1, 1, 4}, &op).code == Code::shape, "channels");
  CHECK(make_scale_channels({DType::i32, 2, 2, 3}, {DType::f32, 1, 1, 3}, &op).code == Code::dtype, "integers");
  CHECK(make_scale_channels(f, {DType::u8, 1, 1, 3}, &op).code == Code::dtype, "factors");
  CHECK(make_scale_channels({DType::f32, 2, 2, 0}, {DType::f32, 1, 1, 0}, &op).code == Code::shape, "empty");
}

}  // namespace

int main() {
  for (const int32_t c : {1, 7, 16, 9000}) scales(1, 3, c);
  scales(41, 27, 19);
  refusals();
  return check_summary();
}
