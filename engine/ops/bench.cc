// Times the ops that are not binary, one thread: float32 and uint8 x int8 convolutions and dense layers, pools, maps.
//   ops_bench [rounds] [part of a name]
// First this core's peaks, all operands in registers. Each answer is compared with the scalar kernels' first; rounds go
// through the works in turn. Columns: best and median of the rounds' milliseconds, G multiply-adds/s (convolutions,
// dense layers) or GB/s of values in and out (the rest).
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <vector>

#include "base/aligned.h"
#include "base/random.h"
#include "kernels/fgemm/narrow.h"
#include "kernels/peak/peak.h"
#include "ops/eltwise.h"
#include "ops/fconv.h"
#include "ops/ndense.h"
#include "ops/pool.h"
#include "ops/qconv.h"

namespace xnorkit {
namespace {

// Weights, scales, slopes: one well of numbers for all works.
struct Well {
  std::vector<float> reals;
  std::vector<int8_t> integers, small;  // -127..127, -64..64
  std::vector<uint8_t> bytes;
  std::vector<uint16_t> halves;  // bfloat16
};

struct Work {
  const char* name;
  ValueType input;
  int32_t batch;
  double multiply_adds;  // of one image; 0: bound by memory
  std::function<Status(const Well&, Isa, OpPtr*)> make;
};

Window window(int32_t kernel, int32_t stride, int32_t pad) {
  return {kernel, kernel, stride, stride, 1, 1, pad, pad, pad, pad};
}

Work conv(const char* name, DType type, int32_t size, int32_t c, int32_t o, Window w, bool small = false) {
  const ValueType input{type, size, size, c};
  const int32_t out = (size + 2 * w.pad_top - w.kernel_h) / w.stride_h + 1;
  const int64_t weights = int64_t{o} * w.kernel_h * w.kernel_w * c;
  return {name, input, 1, static_cast<double>(weights) * out * out, [=](const Well& well, Isa isa, OpPtr* op) {
            if (type == DType::f32)
              return make_conv2d(input, w, o, 1, well.reals.data(), weights, well.reals.data(), isa, op);
            const Epilogue affine{Epilogue::Kind::affine, nullptr, nullptr, well.reals.data(), well.reals.data()};
            return make_qconv2d(input, w, o, 1, (small ? well.small : well.integers).data(), weights, affine, isa, op);
          }};
}

Work dense(const char* name, DType type, int32_t batch, int32_t c, int32_t o) {
  const ValueType input{type, 1, 1, c};
  const int64_t weights = int64_t{c} * o;
  return {name, input, batch, static_cast<double>(weights), [=](const Well& well, Isa isa, OpPtr* op) {
            if (type == DType::f32) return make_dense(input, o, well.reals.data(), weights, well.reals.data(), isa, op);
            const Epilogue affine{Epilogue::Kind::affine, nullptr, nullptr, well.reals.data(), well.reals.data()};
            return make_qdense(input, o, well.integers.data(), weights, affine, isa, op);
          }};
}

Work narrow_dense(const char* name, NarrowWeight weight, int32_t batch, int32_t c, int32_t o) {
  const ValueType input{DType::f32, 1, 1, c};
  const int64_t weights = int64_t{c} * o;
  return {name, input, batch, static_cast<double>(weights), [=](const Well& well, Isa isa, OpPtr* op) {
            const float* reals = well.reals.data();
            if (weight == NarrowWeight::i8)
              return make_dense_i8(input, o, well.integers.data(), weights, reals, reals, isa, op);
            return make_dense_bf16(input, o, well.halves.data(), weights, reals, isa, op);
          }};
}

Work max_pool(const char* name, DType type, int32_t size, int32_t c, Window w) {
  const ValueType input{type, size, size, c};
  return {name, input, 1, 0, [=](const Well& well, Isa isa, OpPtr* op) {
            return make_max_pool2d(input, w, type == DType::bits ? well.bytes.data() : nullptr, isa, op);
          }};
}

Work map(const char* name, Eltwise kind, DType type, int32_t size, int32_t c) {
  const ValueType input{type, size, size, c};
  return {name, input, 1, 0, [=](const Well& well, Isa isa, OpPtr* op) {
            switch (kind) {
              case Eltwise::sign: return make_sign(input, isa, op);
              case Eltwise::prelu: return make_prelu(input, well.reals.data(), isa, op);
              case Eltwise::affine_f32: return make_affine(input, well.reals.data(), well.reals.data(), isa, op);
              default: return make_pointwise(kind, input, isa, op);
            }
          }};
}

std::vector<Work> works() {
  const DType f32 = DType::f32, u8 = DType::u8, bits = DType::bits;
  const ValueType last{f32, 7, 7, 512};
  return {
      conv("stem_3x3s2_f32", f32, 224, 3, 32, window(3, 2, 1)),
      conv("stem_5x5_f32", f32, 28, 1, 32, window(5, 1, 2)),
      conv("stem_3x3_f32", f32, 224, 3, 64, window(3, 1, 1)),
      conv("stem_7x7s2_f32", f32, 224, 3, 64, window(7, 2, 3)),
      conv("stem_11x11s4_f32", f32, 224, 3, 96, window(11, 4, 2)),
      conv("stem_3x3s2_int8", u8, 224, 3, 32, window(3, 2, 1)),
      conv("stem_5x5_int8", u8, 28, 1, 32, window(5, 1, 2)),
      conv("stem_3x3_int8", u8, 224, 3, 64, window(3, 1, 1)),
      conv("stem_7x7s2_int8", u8, 224, 3, 64, window(7, 2, 3)),
      conv("stem_11x11s4_int8", u8, 224, 3, 96, window(11, 4, 2)),
      conv("stem_3x3s2_7bit", u8, 224, 3, 32, window(3, 2, 1), true),
      conv("stem_7x7s2_7bit", u8, 224, 3, 64, window(7, 2, 3), true),
      conv("stem_11x11s4_7bit", u8, 224, 3, 96, window(11, 4, 2), true),
      conv("shortcut_1x1s2_64x56_f32", f32, 56, 64, 128, window(1, 2, 0)),
      conv("shortcut_1x1_64x28_f32", f32, 28, 64, 128, window(1, 1, 0)),
      conv("shortcut_1x1_256x7_f32", f32, 7, 256, 512, window(1, 1, 0)),
      conv("shortcut_1x1_256x7_int8", u8, 7, 256, 512, window(1, 1, 0)),
      conv("conv3x3_256x14_f32", f32, 14, 256, 256, window(3, 1, 1)),
      conv("conv3x3_256x14_int8", u8, 14, 256, 256, window(3, 1, 1)),
      conv("conv3x3_256x14_7bit", u8, 14, 256, 256, window(3, 1, 1), true),
      dense("dense_1x512x1000_f32", f32, 1, 512, 1000),
      dense("dense_1x4096x1000_f32", f32, 1, 4096, 1000),
      dense("dense_4x4096x1000_f32", f32, 4, 4096, 1000),
      dense("dense_16x4096x1000_f32", f32, 16, 4096, 1000),
      dense("dense_64x4096x1000_f32", f32, 64, 4096, 1000),
      narrow_dense("dense_1x512x1000_bf16", NarrowWeight::bf16, 1, 512, 1000),
      narrow_dense("dense_1x4096x1000_bf16", NarrowWeight::bf16, 1, 4096, 1000),
      narrow_dense("dense_16x4096x1000_bf16", NarrowWeight::bf16, 16, 4096, 1000),
      narrow_dense("dense_1x512x1000_i8", NarrowWeight::i8, 1, 512, 1000),
      narrow_dense("dense_1x4096x1000_i8", NarrowWeight::i8, 1, 4096, 1000),
      narrow_dense("dense_16x4096x1000_i8", NarrowWeight::i8, 16, 4096, 1000),
      dense("dense_1x4096x1000_u8", u8, 1, 4096, 1000),
      dense("dense_1x4096x1000_bits", bits, 1, 4096, 1000),
      dense("dense_64x4096x1000_u8", u8, 64, 4096, 1000),
      max_pool("max_pool_3x3s2_64x112_f32", f32, 112, 64, window(3, 2, 1)),
      max_pool("max_pool_3x3s2_64x112_u8", u8, 112, 64, window(3, 2, 1)),
      max_pool("max_pool_2x2s2_64x112_i32", DType::i32, 112, 64, window(2, 2, 0)),
      max_pool("max_pool_2x2s2_64x112_bits", bits, 112, 64, window(2, 2, 0)),
      max_pool("max_pool_3x3s2_256x28_bits", bits, 28, 256, window(3, 2, 1)),
      {"avg_pool_2x2s2_64x56_f32",
       {f32, 56, 56, 64},
       1,
       0,
       [](const Well&, Isa isa, OpPtr* op) {
         return make_avg_pool2d({DType::f32, 56, 56, 64}, window(2, 2, 0), true, isa, op);
       }},
      {"global_avg_pool_512x7_f32", last, 1, 0,
       [=](const Well&, Isa isa, OpPtr* op) { return make_global_avg_pool2d(last, isa, op); }},
      map("affine_64x56_f32", Eltwise::affine_f32, f32, 56, 64),
      map("affine_3x224_u8", Eltwise::affine_f32, u8, 224, 3),
      map("affine_64x56_u8", Eltwise::affine_f32, u8, 56, 64),
      map("affine_64x56_bits", Eltwise::affine_f32, bits, 56, 64),
      map("add_64x56_f32", Eltwise::add, f32, 56, 64),
      map("relu_64x56_f32", Eltwise::relu, f32, 56, 64),
      map("prelu_64x56_f32", Eltwise::prelu, f32, 56, 64),
      map("hardtanh_64x56_f32", Eltwise::hardtanh, f32, 56, 64),
      map("sign_64x56_f32", Eltwise::sign, f32, 56, 64),
  };
}

// CPU time of this thread: other programs on the machine count less than on the wall clock.
double thread_milliseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

struct Runner {
  OpPtr op;
  AlignedBuffer scratch, output;

  Status create(const Work& work, const Well& well, Isa isa) {
    if (Status s = work.make(well, isa, &op); !s.ok()) return s;
    if (scratch.allocate(op->scratch_bytes()) &&
        output.allocate(op->output().bytes() * static_cast<size_t>(work.batch)))
      return {};
    return Status::error(Code::limit, "[%s] memory refused", work.name);
  }
  double time(const void* const* inputs, int32_t batch, int repeats) {
    const double start = thread_milliseconds();
    for (int i = 0; i < repeats; ++i) op->run({inputs, output.as(), batch}, 0, op->units(batch), scratch.as());
    return (thread_milliseconds() - start) / repeats;
  }
};

void fill(const ValueType& type, Random& random, size_t bytes, uint8_t* to) {
  for (size_t i = 0; type.dtype == DType::f32 && i < bytes / 4; ++i)
    reinterpret_cast<float*>(to)[i] = static_cast<float>(random.between(-1000, 1000)) / 256;
  for (size_t i = 0; type.dtype != DType::f32 && i < bytes; ++i) to[i] = static_cast<uint8_t>(random.next() >> 32);
}

bool time_work(const Work& work, const Well& well, int rounds) {
  Random random{1};
  AlignedBuffer input;
  const size_t bytes = work.input.bytes() * static_cast<size_t>(work.batch);
  Runner scalar, best;
  Status status = scalar.create(work, well, Isa::scalar);
  if (status.ok()) status = best.create(work, well, detect_isa());
  if (!status.ok() || !input.allocate(bytes)) {
    std::fprintf(stderr, "%s: %s\n", work.name, status.message);
    return false;
  }
  fill(work.input, random, bytes, input.as());
  const void* inputs[] = {input.as(), input.as()};
  scalar.time(inputs, work.batch, 1);
  const double once = std::max(1e-4, best.time(inputs, work.batch, 1));
  if (memcmp(scalar.output.as(), best.output.as(), best.output.bytes()) != 0) {
    std::fprintf(stderr, "%s: %s differs from %s\n", work.name, best.op->kernel_name(), scalar.op->kernel_name());
    return false;
  }
  std::vector<double> times;
  const int repeats = std::max(1, static_cast<int>(2.0 / once));
  for (int round = 0; round < rounds; ++round) times.push_back(best.time(inputs, work.batch, repeats));
  std::sort(times.begin(), times.end());
  const bool adds = work.multiply_adds > 0;
  const double amount = adds ? work.multiply_adds * work.batch : static_cast<double>(bytes + best.output.bytes());
  std::printf("%-27s %-28s best %8.4f ms  median %8.4f ms  %7.1f %s\n", work.name, best.op->kernel_name(),
              times.front(), times[times.size() / 2], amount / times.front() * 1e-6,
              adds ? "G multiply-adds/s" : "GB/s");
  return true;
}

void time_peak(const Peak& peak, int rounds) {
  constexpr int64_t kIterations = 200000;
  double best = 1e9;
  for (int round = 0; round < rounds; ++round) {
    const double start = thread_milliseconds();
    peak.run(kIterations);
    best = std::min(best, thread_milliseconds() - start);
  }
  std::printf("%-27s %-28s %42.1f G multiply-adds/s\n", peak.name, peak.kind,
              static_cast<double>(peak.multiply_adds * kIterations) / best * 1e-6);
}

}  // namespace
}  // namespace xnorkit

int main(int argc, char** argv) {
  using namespace xnorkit;
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 25;
  Well well{std::vector<float>(5u << 20), std::vector<int8_t>(5u << 20), std::vector<int8_t>(1u << 20),
            std::vector<uint8_t>(1024, 0x5A), std::vector<uint16_t>(5u << 20)};
  Random random{7};
  for (float& x : well.reals) x = static_cast<float>(random.between(-1000, 1000)) / 1024;
  for (int8_t& x : well.integers) x = static_cast<int8_t>(random.between(-127, 127));
  for (int8_t& x : well.small) x = static_cast<int8_t>(random.between(-64, 64));
  for (uint16_t& x : well.halves) x = static_cast<uint16_t>(0x3f00 ^ (random.next() & 0x80ff));
  for (const Peak& peak : kPeaks)
    if (peak.isa <= detect_isa() && std::strcmp(peak.kind, "binary") != 0) time_peak(peak, rounds);
  bool ok = true;
  for (const Work& work : works())
    if (argc < 3 || std::strstr(work.name, argv[2])) ok = time_work(work, well, rounds) && ok;
  return ok ? 0 : 1;
}
