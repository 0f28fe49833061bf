// bdense against +-1 arithmetic: every kernel of this CPU, every epilogue, random sizes and batches; and every refusal.
#include "ops/bdense.h"

#include <algorithm>

#include "base/bits.h"
#include "ops/binary_case.h"

namespace xnorkit::test {
namespace {

// opposite: every bit of x is 0, every weight bit 1, so that every count is as large as it gets.
void test_case(Random& random, int32_t channels, int32_t outputs, int32_t batch, bool opposite = false) {
  const size_t c = static_cast<size_t>(channels), row = bytes_of_bits(c), weights = c * static_cast<size_t>(outputs);
  std::vector<uint8_t> x(row * static_cast<size_t>(batch)), weight(bytes_of_bits(weights));
  for (int32_t n = 0; n < batch; ++n) random.fill_bits(x.data() + static_cast<size_t>(n) * row, c);
  random.fill_bits(weight.data(), weights);
  if (opposite) {
    std::fill(x.begin(), x.end(), uint8_t{0});
    std::fill(weight.begin(), weight.end(), uint8_t{0xff});
    if (weights % 8 != 0) weight.back() = static_cast<uint8_t>((1u << (weights % 8)) - 1);
  }
  std::vector<int32_t> acc;
  for (int32_t n = 0; n < batch; ++n) {
    for (int32_t o = 0; o < outputs; ++o) {
      int32_t sum = 0;
      for (size_t i = 0; i < c; ++i) {
        sum += sign_at(x.data() + static_cast<size_t>(n) * row, i) *
               sign_at(weight.data(), static_cast<size_t>(o) * c + i);
      }
      acc.push_back(sum);
    }
  }
  for (int32_t k = 0; k < bgemm::kKernelCount && bgemm::kKernels[k]->isa <= detect_isa(); ++k) {
    for (const auto kind : {Epilogue::Kind::none, Epilogue::Kind::threshold, Epilogue::Kind::affine}) {
      const EpilogueCase epilogue(random, outputs, channels, kind);
      OpPtr op;
      const Status status = make_bdense({DType::bits, 1, 1, channels}, outputs, weight.data(), weight.size(),
                                        epilogue.epilogue, bgemm::kKernels[k]->isa, &op);
      CHECK(status.ok(), "%s", status.message);
      if (!status.ok()) continue;
      CHECK(run_cut(*op, x, batch, random) == expected_bytes(acc, epilogue, outputs), "%s C=%d O=%d N=%d epilogue %d",
            op->kernel_name(), channels, outputs, batch, static_cast<int>(kind));
    }
  }
}

Code refusal(ValueType input, int32_t outputs, size_t weight_bytes, uint8_t last_byte = 0) {
  std::vector<uint8_t> weight(weight_bytes + 1, 0);
  if (weight_bytes > 0) weight[weight_bytes - 1] = last_byte;
  OpPtr op;
  return make_bdense(input, outputs, weight.data(), weight_bytes, {}, Isa::scalar, &op).code;
}

void test_refusals() {
  CHECK(refusal({DType::bits, 1, 1, 5}, 3, 2) == Code::ok, "valid case");
  CHECK(refusal({DType::f32, 1, 1, 5}, 3, 2) == Code::dtype, "dtype");
  CHECK(refusal({DType::bits, 1, 2, 5}, 3, 2) == Code::shape, "not a vector");
  CHECK(refusal({DType::bits, 1, 1, 5}, 3, 3) == Code::shape, "weight bytes");
  CHECK(refusal({DType::bits, 1, 1, 5}, 3, 2, 0x80) == Code::range, "tail bits");
  CHECK(refusal({DType::bits, 1, 1, 0}, 3, 2) == Code::range, "no inputs");
  CHECK(refusal({DType::bits, 1, 1, 5}, 0, 2) == Code::range, "no outputs");
  CHECK(refusal({DType::bits, 1, 1, 1 << 20}, 1 << 14, 2) == Code::limit, "elements");
  OpPtr op;
  CHECK(make_bdense({DType::bits, 1, 1, 5}, 3, nullptr, 2, {}, Isa::scalar, &op).code == Code::graph, "null weight");
}

}  // namespace
}  // namespace xnorkit::test

int main() {
  using namespace xnorkit::test;
  xnorkit::Random random{11};
  for (int i = 0; i < 200; ++i) {
    test_case(random, random.between(1, 700), random.between(1, 150),
              random.between(1, random.next() % 4 == 0 ? 70 : 5));
  }
  test_case(random, 70001, 3, 3);  // past the 16-bit counters
  test_case(random, 30000, 65, 66);
  for (const int32_t channels : {248, 1984, 4103, 65534, 65535}) {  // the bounds of 8- and 16-bit counters
    test_case(random, channels, 65, 1, true);
    test_case(random, channels, 33, 3, true);
  }
  test_refusals();
  return check_summary();
}
