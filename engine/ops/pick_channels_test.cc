// pick_channels: slices and shuffles of every element type, bits that start and end inside a byte.
#include "ops/pick_channels.h"

#include "ops/test_case.h"

using namespace xnorkit;
using namespace xnorkit::test;

namespace {

constexpr Pick kPicks[] = {{0, 64, 1}, {0, 64, 2}, {0, 64, 32}, {8, 16, 1}, {3, 1, 1},  {5, 21, 1},
                           {5, 21, 7}, {63, 1, 1}, {1, 60, 4},  {16, 9, 3}, {0, 63, 1}, {32, 32, 8}};

int32_t source(const Pick& p, int32_t j) { return p.begin + j % p.groups * (p.count / p.groups) + j / p.groups; }

template <class T>
void picks(DType dtype) {
  Random r(1);
  const auto x = integers<T>(r, 12 * 64, 0, 255);
  for (const Pick& p : kPicks) {
    OpPtr op;
    CHECK(make_pick_channels({dtype, 3, 2, 64}, p, &op).ok(), "creation");
    const auto y = run_as<T>(*op, {x.data()}, 2, r);
    for (int32_t i = 0; i < 12; ++i)
      for (int32_t j = 0; j < p.count; ++j)
        CHECK(y[static_cast<size_t>(i * p.count + j)] == x[static_cast<size_t>(i * 64 + source(p, j))],
              "%d of %d in %d groups, pixel %d, channel %d", p.count, p.begin, p.groups, i, j);
  }
}

void picks_bits() {
  Random r(2);
  const ValueType type{DType::bits, 3, 2, 64};
  const auto x = bit_rows(r, 12, 64);
  for (const Pick& p : kPicks) {
    OpPtr op;
    CHECK(make_pick_channels(type, p, &op).ok(), "creation");
    const auto y = run(*op, {x.data()}, 2, r);
    const size_t row = op->output().row_bytes();
    for (size_t i = 0; i < 12; ++i)
      for (int32_t j = 0; j < static_cast<int32_t>(8 * row); ++j)
        CHECK(bit(&y[i * row], j) == (j < p.count && bit(&x[i * type.row_bytes()], source(p, j))),
              "%d of %d in %d groups, bit %d", p.count, p.begin, p.groups, j);
  }
}

void refusals() {
  OpPtr op;
  const ValueType f{DType::f32, 2, 2, 6};
  CHECK(make_pick_channels(f, {3, 4, 1}, &op).code == Code::shape, "past the end");
  CHECK(make_pick_channels(f, {0, 6, 4}, &op).code == Code::shape, "groups");
  CHECK(make_pick_channels(f, {2147483647, 2147483647, 1}, &op).code == Code::shape, "sum over 2^31");
  CHECK(make_pick_channels(f, {-1, 2, 1}, &op).code == Code::range, "begin");
  CHECK(make_pick_channels(f, {0, 0, 1}, &op).code == Code::range, "nothing");
  CHECK(make_pick_channels(f, {0, 2, 0}, &op).code == Code::range, "no group");
  CHECK(make_pick_channels({DType::f32, 2, 2, 0}, {0, 1, 1}, &op).code == Code::shape, "empty");
}

}  // namespace

int main() {
  picks<uint8_t>(DType::u8);
  picks<int32_t>(DType::i32);
  picks<float>(DType::f32);
  picks_bits();
  refusals();
  return check_summary();
}
