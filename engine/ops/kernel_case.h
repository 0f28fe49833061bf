// What the tests of kernel rows share: random shapes with tails, their data, and an op run on every ISA.
#pragma once
#include <functional>
#include <map>
#include <string>

#include "ops/eltwise.h"
#include "ops/test_case.h"

namespace xnorkit::test {

inline constexpr int32_t kSums = 5000;  // accumulators and thresholds are around this

inline std::map<std::string, int> ran;  // kernel -> shapes

using Make = std::function<Status(Isa, OpPtr*)>;

inline std::vector<uint8_t> value(Random& random, const ValueType& type, int32_t batch) {
  const size_t pixels = type.pixels() * static_cast<size_t>(batch), count = pixels * static_cast<size_t>(type.c);
  const auto bytes = [](const auto& v) {
    const auto* begin = reinterpret_cast<const uint8_t*>(v.data());
    return std::vector<uint8_t>(begin, begin + v.size() * sizeof(v[0]));
  };
  switch (type.dtype) {
    case DType::bits: return bit_rows(random, pixels, type.c);
    case DType::u8: return integers<uint8_t>(random, count, random.next() % 8 == 0 ? 255 : 0, 255);
    case DType::i32: return bytes(integers<int32_t>(random, count, -kSums, kSums));
    default: return bytes(reals(random, count));
  }
}

// The op on each ISA, its inputs of the given types; outputs must have the same bytes.
inline void compare(Random& random, const char* family, int shape, int32_t batch, const std::vector<ValueType>& types,
                    const Make& make) {
  std::vector<std::vector<uint8_t>> values;
  std::vector<const void*> inputs;
  for (const ValueType& type : types) values.push_back(value(random, type, batch));
  for (const auto& v : values) inputs.push_back(v.data());
  std::vector<uint8_t> expected;
  std::string last;
  for (const Isa isa : isas()) {
    OpPtr op;
    const Status s = make(isa, &op);
    CHECK(s.ok(), "%s %d: %s", family, shape, s.message);
    if (!s.ok()) return;
    std::string name = op->kernel_name();
    if (name == last) continue;
    last = name;
    const std::vector<uint8_t> out = run(*op, inputs, batch, random);
    if (expected.empty()) expected = out;
    CHECK(out == expected, "%s, shape %d of %s: input %dx%dx%d x %d", name.c_str(), shape, family, types[0].h,
          types[0].w, types[0].c, batch);
    for (size_t plus; (plus = name.find(" + ")) != std::string::npos; name = name.substr(plus + 3))
      ++ran[name.substr(0, plus)];
    ++ran[name];
  }
}

inline int32_t channels(Random& random) {
  const int32_t most = random.next() % 8 == 0 ? 150 : random.next() % 2 == 0 ? 40 : 9;
  return random.next() % 4 == 0 ? 8 * random.between(1, 9) : random.between(1, most);
}

inline Window window(Random& random) {
  const int32_t kh = random.between(1, 4), kw = random.between(1, 4);
  Window w{kh, kw, random.between(1, 2), random.between(1, 3), random.between(1, 2), random.between(1, 2)};
  if (random.next() % 2 == 0) w = {3, 3};
  const auto pad = [&random] { return random.between(0, 2); };
  return {w.kernel_h, w.kernel_w, w.stride_h, w.stride_w, w.dilation_h, w.dilation_w, pad(), pad(), pad(), pad()};
}

// A picture that the window fits; sometimes wider than any kernel's block of pixels.
inline ValueType picture(Random& random, DType type, const Window& w, int32_t c) {
  const int32_t wide = c < 8 && random.next() % 16 == 0 ? 150 : 9;
  return {type, (w.kernel_h - 1) * w.dilation_h + random.between(1, 5),
          (w.kernel_w - 1) * w.dilation_w + random.between(1, wide), c};
}

struct Conv {
  Window w;
  int32_t groups, outputs;
  ValueType input;
  int64_t weights;

  // runs: kernel rows lie contiguous in the picture.
  Conv(Random& random, DType type, bool runs = false)
      : w(window(random)), groups(random.next() % 4 == 0 && !runs ? random.between(2, 4) : 1) {
    if (runs) w.dilation_w = 1;
    outputs = groups * channels(random);
    input = picture(random, type, w, groups * channels(random));
    weights = int64_t{outputs} * w.kernel_h * w.kernel_w * (input.c / groups);
  }
};

struct Epilogues {
  std::vector<int32_t> threshold;
  std::vector<uint8_t> flip;
  std::vector<float> scale, bias;
  Epilogue epilogue;

  Epilogues(Random& random, int32_t c) {
    threshold = integers<int32_t>(random, static_cast<size_t>(c), -kSums, kSums);
    flip = bit_rows(random, 1, c);
    scale = reals(random, static_cast<size_t>(c));
    bias = reals(random, static_cast<size_t>(c));
    epilogue = {static_cast<Epilogue::Kind>(random.next() % 3), threshold.data(), flip.data(), scale.data(),
                bias.data()};
  }
};

}  // namespace xnorkit::test
