// bconv2d against +-1 arithmetic: every kernel of this CPU, every epilogue, random shapes; and every refusal.
#include "ops/bconv2d.h"

#include <algorithm>

#include "base/bits.h"
#include "kernels/bdepth/bdepth.h"
#include "ops/binary_case.h"

namespace xnorkit::test {
namespace {

struct Case {
  ValueType input;
  Window window;
  int32_t out_channels, groups, pad_value, batch, out_h, out_w;
  std::vector<uint8_t> x, weight;

  int32_t bits() const { return window.kernel_h * window.kernel_w * input.c / groups; }
  std::string text() const {
    const Window& w = window;
    char line[256];
    std::snprintf(
        line, sizeof line,
        "%dx%dx%d -> %d, kernel %dx%d stride %dx%d dilation %dx%d pad %d,%d,%d,%d value %d groups %d batch %d", input.h,
        input.w, input.c, out_channels, w.kernel_h, w.kernel_w, w.stride_h, w.stride_w, w.dilation_h, w.dilation_w,
        w.pad_top, w.pad_left, w.pad_bottom, w.pad_right, pad_value, groups, batch);
    return line;
  }
};

Case random_case(Random& random) {
  Case c{};
  const int32_t group_choices[] = {1, 1, 1, 1, 2, 3, 5};
  const int32_t channel_choices[] = {1, 3, 4, 7, 8, 12, 16, 20, 31, 32, 64, 65, 100, 112, 200, 256, 260};
  const int32_t output_choices[] = {1, 2, 5, 8, 9, 31, 32, 33, 50, 63, 64, 65, 96, 130};
  c.groups = group_choices[random.next() % 7];
  const bool wide = c.groups == 1;
  c.input = {DType::bits, random.between(1, 12), random.between(1, 12),
             c.groups * channel_choices[random.next() % (wide ? 17 : 9)]};
  c.out_channels = c.groups * output_choices[random.next() % (wide ? 14 : 8)];
  if (random.next() % 16 == 0) {  // more entries than one kernel call takes
    c.input = {DType::bits, random.between(1, 7), random.between(60, 150), c.groups * random.between(1, 20)};
    c.out_channels = c.groups * random.between(1, 12);
  }
  int32_t widest = 5;
  if (random.next() % 8 == 0) {  // depthwise
    widest = random.next() % 4 == 0 ? 15 : 5;
    const int32_t depth = 1 << random.next() % 4, most = random.next() % 2 == 0 ? 20 : 600;
    c.groups = random.between(2, std::max(2, most / depth));
    c.input = {DType::bits, random.between(1, 9), random.between(1, 20), c.groups * depth};
    c.out_channels = c.input.c;
  }
  c.pad_value = random.between(-1, 1);
  c.batch = random.between(1, 3);
  Window& w = c.window;
  do {
    w.kernel_h = random.between(1, widest), w.kernel_w = random.between(1, widest);
    w.stride_h = random.between(1, 3), w.stride_w = random.between(1, 3);
    w.dilation_h = random.between(1, 3), w.dilation_w = random.between(1, 3);
    w.pad_top = random.between(0, 4), w.pad_left = random.between(0, 4);
    w.pad_bottom = random.between(0, 4), w.pad_right = random.between(0, 4);
    const int32_t free_h = c.input.h + w.pad_top + w.pad_bottom - (w.kernel_h - 1) * w.dilation_h - 1;
    const int32_t free_w = c.input.w + w.pad_left + w.pad_right - (w.kernel_w - 1) * w.dilation_w - 1;
    c.out_h = free_h < 0 ? 0 : free_h / w.stride_h + 1;
    c.out_w = free_w < 0 ? 0 : free_w / w.stride_w + 1;
  } while (c.out_h == 0 || c.out_w == 0);
  const size_t pixels = c.input.pixels() * static_cast<size_t>(c.batch), row = c.input.row_bytes();
  c.x.resize(pixels * row);
  for (size_t i = 0; i < pixels; ++i) random.fill_bits(c.x.data() + i * row, static_cast<size_t>(c.input.c));
  const size_t weights = static_cast<size_t>(c.out_channels) * static_cast<size_t>(c.bits());
  c.weight.resize(bytes_of_bits(weights));
  random.fill_bits(c.weight.data(), weights);
  return c;
}

// One accumulator by meaning.
int32_t accumulate(const Case& c, int32_t n, int32_t y, int32_t x, int32_t o) {
  const Window& w = c.window;
  const int32_t channels = c.input.c / c.groups, first = o / (c.out_channels / c.groups) * channels;
  int32_t acc = 0;
  for (int32_t ky = 0; ky < w.kernel_h; ++ky) {
    for (int32_t kx = 0; kx < w.kernel_w; ++kx) {
      const int32_t iy = y * w.stride_h + ky * w.dilation_h - w.pad_top,
                    ix = x * w.stride_w + kx * w.dilation_w - w.pad_left;
      const bool inside = iy >= 0 && iy < c.input.h && ix >= 0 && ix < c.input.w;
      const size_t pixel = static_cast<size_t>((n * c.input.h + iy) * c.input.w + ix) * c.input.row_bytes();
      const size_t tap = static_cast<size_t>(((o * w.kernel_h + ky) * w.kernel_w + kx) * channels);
      for (int32_t i = 0; i < channels; ++i) {
        const int32_t a = inside ? sign_at(c.x.data() + pixel, static_cast<size_t>(first + i)) : c.pad_value;
        acc += a * sign_at(c.weight.data(), tap + static_cast<size_t>(i));
      }
    }
  }
  return acc;
}

std::vector<int32_t> accumulate_all(const Case& c) {
  std::vector<int32_t> acc;
  for (int32_t n = 0; n < c.batch; ++n) {
    for (int32_t y = 0; y < c.out_h; ++y) {
      for (int32_t x = 0; x < c.out_w; ++x) {
        for (int32_t o = 0; o < c.out_channels; ++o) acc.push_back(accumulate(c, n, y, x, o));
      }
    }
  }
  return acc;
}

void test_random(int32_t configurations) {
  Random random{2026};
  for (int32_t i = 0; i < configurations; ++i) {
    const Case c = random_case(random);
    const std::vector<int32_t> acc = accumulate_all(c);
    for (int32_t k = 0; k < bgemm::kKernelCount && bgemm::kKernels[k]->isa <= detect_isa(); ++k) {
      for (const auto kind : {Epilogue::Kind::none, Epilogue::Kind::threshold, Epilogue::Kind::affine}) {
        const EpilogueCase epilogue(random, c.out_channels, c.bits(), kind);
        OpPtr op;
        const Status status = make_bconv2d(c.input, c.window, c.out_channels, c.groups, c.pad_value, c.weight.data(),
                                           c.weight.size(), epilogue.epilogue, bgemm::kKernels[k]->isa, &op);
        CHECK(status.ok(), "%s: %s", c.text().c_str(), status.message);
        if (!status.ok()) continue;
        const bool depthwise = c.groups > 1 && c.input.c == c.out_channels && 8 % (c.input.c / c.groups) == 0 &&
                               c.bits() <= bdepth::kMaxTaps;
        const char* name = depthwise ? bdepth::select(bgemm::kKernels[k]->isa)->name : bgemm::kKernels[k]->name;
        CHECK(std::strcmp(op->kernel_name(), name) == 0, "%s", op->kernel_name());
        CHECK(op->output().h == c.out_h && op->output().w == c.out_w, "%s", c.text().c_str());
        const bool equal = run_cut(*op, c.x, c.batch, random) == expected_bytes(acc, epilogue, c.out_channels);
        CHECK(equal, "%s epilogue %d: %s", op->kernel_name(), static_cast<int>(kind), c.text().c_str());
      }
    }
  }
}

// All bits opposite: every count at its largest, the bound of the 8- and 16-bit counters.
void test_extremes() {
  Random random{7};
  const int32_t shapes[][3] = {{3, 256, 64}, {1, 256, 64}, {1, 65534, 2}, {1, 65535, 2}, {3, 7281, 33}, {5, 62, 8}};
  for (const auto& [kernel, channels, outputs] : shapes) {
    Case c{{DType::bits, kernel, kernel, channels}, {kernel, kernel}, outputs, 1, 0, 1, 1, 1, {}, {}};
    c.x.assign(c.input.bytes(), 0);
    const size_t weights = static_cast<size_t>(outputs) * static_cast<size_t>(c.bits());
    c.weight.resize(bytes_of_bits(weights));
    for (size_t i = 0; i < weights; ++i) c.weight[i / 8] = static_cast<uint8_t>(c.weight[i / 8] | 1u << (i % 8));
    const std::vector<int32_t> acc(static_cast<size_t>(outputs), -c.bits());
    for (int32_t k = 0; k < bgemm::kKernelCount && bgemm::kKernels[k]->isa <= detect_isa(); ++k) {
      for (const auto kind : {Epilogue::Kind::none, Epilogue::Kind::threshold}) {
        const EpilogueCase epilogue(random, outputs, c.bits(), kind);
        OpPtr op;
        const Status status = make_bconv2d(c.input, c.window, outputs, 1, 0, c.weight.data(), c.weight.size(),
                                           epilogue.epilogue, bgemm::kKernels[k]->isa, &op);
        CHECK(status.ok(), "%s", status.message);
        if (!status.ok()) continue;
        CHECK(run_cut(*op, c.x, 1, random) == expected_bytes(acc, epilogue, outputs), "%s %s", op->kernel_name(),
              c.text().c_str());
      }
    }
  }
}

void refuse(const char* what, Code code, ValueType input, Window window, int32_t outputs, int32_t groups,
            int32_t pad_value, size_t weight_bytes, uint8_t last_byte = 0) {
  std::vector<uint8_t> weight(1 << 16, 0);
  if (weight_bytes > 0 && weight_bytes <= weight.size()) weight[weight_bytes - 1] = last_byte;
  OpPtr op;
  const Status status =
      make_bconv2d(input, window, outputs, groups, pad_value, weight.data(), weight_bytes, {}, Isa::scalar, &op);
  CHECK(status.code == code && op == nullptr, "%s: got %s %s", what, code_name(status.code), status.message);
}

void test_refusals() {
  const ValueType bits{DType::bits, 4, 4, 6};
  const Window w{3, 3};
  const size_t bytes = 14;  // 2 x 3 x 3 x 6 bits = 108
  OpPtr op;
  CHECK(make_bconv2d(bits, w, 2, 1, 0, std::vector<uint8_t>(bytes).data(), bytes, {}, Isa::scalar, &op).ok(),
        "valid case");
  CHECK(make_bconv2d(bits, w, 2, 1, 0, nullptr, bytes, {}, Isa::scalar, &op).code == Code::graph, "null weight");
  const Epilogue no_arrays{Epilogue::Kind::threshold};
  CHECK(make_bconv2d(bits, w, 2, 1, 0, std::vector<uint8_t>(bytes).data(), bytes, no_arrays, Isa::scalar, &op).code ==
            Code::graph,
        "null threshold");
  refuse("dtype", Code::dtype, {DType::u8, 4, 4, 6}, w, 2, 1, 0, bytes);
  refuse("weight bytes", Code::shape, bits, w, 2, 1, 0, bytes + 1);
  refuse("tail bits", Code::range, bits, w, 2, 1, 0, bytes, 0x10);
  refuse("groups", Code::shape, bits, w, 2, 4, 0, bytes);
  refuse("groups of outputs", Code::shape, bits, w, 3, 2, 0, bytes);
  refuse("pad value", Code::range, bits, w, 2, 1, 2, bytes);
  refuse("no channels", Code::range, {DType::bits, 4, 4, 0}, w, 2, 1, 0, bytes);
  refuse("negative height", Code::range, {DType::bits, -4, 4, 6}, w, 2, 1, 0, bytes);
  refuse("too many channels", Code::range, {DType::bits, 4, 4, 65536}, w, 2, 1, 0, bytes);
  refuse("no outputs", Code::range, bits, w, 0, 1, 0, bytes);
  refuse("no groups", Code::range, bits, w, 2, 0, 0, bytes);
  refuse("window too wide", Code::shape, bits, {5, 3}, 2, 1, 0, bytes);
  refuse("dilated window too wide", Code::shape, bits, {3, 3, 1, 1, 1, 2}, 2, 1, 0, bytes);
  refuse("no stride", Code::range, bits, {3, 3, 0, 1}, 2, 1, 0, bytes);
  refuse("negative padding", Code::range, bits, {3, 3, 1, 1, 1, 1, 0, -1, 0, 0}, 2, 1, 0, bytes);
  refuse("input elements", Code::limit, {DType::bits, 65535, 65535, 1}, w, 2, 1, 0, bytes);
  refuse("output elements", Code::limit, {DType::bits, 4096, 4096, 1}, w, 1024, 1, 0, bytes);
  refuse("weight elements", Code::limit, {DType::bits, 64, 64, 65535}, {64, 64}, 64, 1, 0, bytes);
}

}  // namespace
}  // namespace xnorkit::test

int main() {
  using namespace xnorkit::test;
  test_random(1200);
  test_extremes();
  test_refusals();
  return check_summary();
}
