// Times the binary ops of one thread: packed bits in -> threshold -> packed bits out, every kernel of this CPU in turn.
//   bgemm_bench [rounds] [part of a layer's name] [part of a kernel's name]
// Each round runs every kernel once in rotating order; every answer is compared with the scalar kernel's first.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <vector>

#include "base/aligned.h"
#include "base/bits.h"
#include "base/random.h"
#include "kernels/bgemm/bgemm.h"
#include "ops/bconv2d.h"
#include "ops/bdense.h"

namespace xnorkit {
namespace {

struct Layer {
  const char* name;
  int32_t size, channels, outputs, kernel, batch;  // size 0: dense
  int32_t groups = 1, stride = 1;
};

constexpr Layer kLayers[] = {
    {"3x3 64ch 56x56", 56, 64, 64, 3, 1},
    {"3x3 128ch 28x28", 28, 128, 128, 3, 1},
    {"3x3 256ch 14x14", 14, 256, 256, 3, 1},
    {"3x3 512ch 7x7", 7, 512, 512, 3, 1},
    {"1x1 256ch 14x14", 14, 256, 256, 1, 1},
    {"dense 1x4096x4096", 0, 4096, 4096, 1, 1},
    {"dense 1x9216x4096", 0, 9216, 4096, 1, 1},
    {"dense 64x4096x4096", 0, 4096, 4096, 1, 64},
    {"dense 4x4096x4096", 0, 4096, 4096, 1, 4},
    {"dense 16x4096x4096", 0, 4096, 4096, 1, 16},
    {"depthwise 64ch 56x56", 56, 64, 64, 3, 1, 64},
    {"depthwise 256ch 28x28", 28, 256, 256, 3, 1, 256},
    {"grouped 32x8ch 28x28", 28, 256, 256, 3, 1, 32},
    {"grouped 4x64ch 14x14", 14, 256, 256, 3, 1, 4},
    {"3x3 16ch 56x56", 56, 16, 16, 3, 1},
    {"3x3/2 64-128ch 56x56", 56, 64, 128, 3, 1, 1, 2},
    {"1x1/2 64-128ch 56x56", 56, 64, 128, 1, 1, 1, 2},
};

// CPU time of this thread: other programs on the machine count less than on the wall clock.
double thread_milliseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

struct Runner {
  OpPtr op;
  AlignedBuffer scratch;
  std::vector<uint8_t> output;
  std::vector<double> milliseconds;

  void run(const std::vector<uint8_t>& input, int32_t batch) {
    const void* inputs[] = {input.data()};
    op->run({inputs, output.data(), batch}, 0, op->units(batch), scratch.as());
  }
  double time(const std::vector<uint8_t>& input, int32_t batch, int repeats) {
    const double start = thread_milliseconds();
    for (int i = 0; i < repeats; ++i) run(input, batch);
    return (thread_milliseconds() - start) / repeats;
  }
};

double multiply_adds(const Layer& layer) {
  const double pixels = layer.size == 0 ? 1.0 : double{1} * layer.size * layer.size;
  return pixels / layer.stride / layer.stride * layer.batch * layer.channels / layer.groups * layer.outputs *
         layer.kernel * layer.kernel;
}

Status make(const Layer& layer, const std::vector<uint8_t>& weight, const Epilogue& epilogue, Isa isa, OpPtr* op) {
  if (layer.size == 0) {
    return make_bdense({DType::bits, 1, 1, layer.channels}, layer.outputs, weight.data(), weight.size(), epilogue, isa,
                       op);
  }
  const int32_t pad = layer.kernel / 2;
  const Window window{layer.kernel, layer.kernel, layer.stride, layer.stride, 1, 1, pad, pad, pad, pad};
  return make_bconv2d({DType::bits, layer.size, layer.size, layer.channels}, window, layer.outputs, layer.groups, 0,
                      weight.data(), weight.size(), epilogue, isa, op);
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

bool race(const Layer& layer, int rounds, const char* only) {
  Random random{1};
  const size_t weights = static_cast<size_t>(layer.outputs) *
                         static_cast<size_t>(layer.kernel * layer.kernel * layer.channels / layer.groups);
  std::vector<uint8_t> weight(bytes_of_bits(weights)), flip(bytes_of_bits(static_cast<size_t>(layer.outputs)));
  std::vector<int32_t> threshold(static_cast<size_t>(layer.outputs));
  random.fill_bits(weight.data(), weights);
  random.fill_bits(flip.data(), static_cast<size_t>(layer.outputs));
  for (int32_t& t : threshold) t = random.between(-40, 40);
  const size_t pixels = layer.size == 0 ? 1 : static_cast<size_t>(layer.size) * static_cast<size_t>(layer.size);
  std::vector<uint8_t> input(pixels * static_cast<size_t>(layer.batch) * static_cast<size_t>(layer.channels / 8));
  random.fill_bits(input.data(), input.size() * 8);
  Epilogue epilogue{Epilogue::Kind::threshold, threshold.data(), flip.data()};
  std::vector<Runner> runners;
  for (int32_t k = 0; k < bgemm::kKernelCount && bgemm::kKernels[k]->isa <= detect_isa(); ++k) {
    Runner& runner = runners.emplace_back();
    const Status status = make(layer, weight, epilogue, bgemm::kKernels[k]->isa, &runner.op);
    if (!status.ok() || !runner.scratch.allocate(runner.op->scratch_bytes())) {
      std::fprintf(stderr, "%s: %s\n", layer.name, status.message);
      return false;
    }
    runner.output.resize(runner.op->output().bytes() * static_cast<size_t>(layer.batch));
    runner.run(input, layer.batch);
    if (runner.output != runners.front().output) {
      std::fprintf(stderr, "%s: %s differs from %s\n", layer.name, runner.op->kernel_name(),
                   runners.front().op->kernel_name());
      return false;
    }
  }
  const int repeats = std::max(1, static_cast<int>(4e8 / multiply_adds(layer)));
  for (int round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < runners.size(); ++i) {
      Runner& runner = runners[(i + static_cast<size_t>(round)) % runners.size()];
      const bool oracle = runner.op->kernel_name() == runners.front().op->kernel_name();
      if ((oracle && round > 0) || std::strstr(runner.op->kernel_name(), only) == nullptr) continue;
      runner.milliseconds.push_back(runner.time(input, layer.batch, oracle ? 1 : repeats));
    }
  }
  for (const Runner& runner : runners) {
    if (runner.milliseconds.empty()) continue;
    const double best = *std::min_element(runner.milliseconds.begin(), runner.milliseconds.end());
    std::printf("%-20s %-26s median %8.4f ms  best %8.4f ms  %7.1f G multiply-adds/s\n", layer.name,
                runner.op->kernel_name(), median(runner.milliseconds), best, multiply_adds(layer) / best * 1e-6);
  }
  return true;
}

}  // namespace
}  // namespace xnorkit

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 31;
  const char* part = argc > 2 ? argv[2] : "";
  bool ok = true;
  for (const xnorkit::Layer& layer : xnorkit::kLayers) {
    if (std::strstr(layer.name, part) != nullptr) ok = xnorkit::race(layer, rounds, argc > 3 ? argv[3] : "") && ok;
  }
  return ok ? 0 : 1;
}
