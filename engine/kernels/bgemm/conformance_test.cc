// Every row of the kernel table against the scalar row.
//   conformance_test [shapes [part of a kernel name]]
// Runs the rows this CPU has; with SIMDe, where no row needs its CPU, the rows that are compiled through it as well.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/arch.h"
#include "base/check.h"
#include "kernels/bgemm/conformance.h"

namespace xnorkit::bgemm {
namespace {

constexpr int32_t kShapes = 5000;
constexpr uint64_t kSeed = 7;
constexpr int kMostArrays = 64;

void* arrays[kMostArrays];
int array_count = 0;

// Each array is an allocation of its own, exactly as long as asked: AddressSanitizer sees the first byte past its end.
void* take(size_t bytes) {
  void* array = nullptr;
  if (array_count == kMostArrays || posix_memalign(&array, 64, bytes) != 0) return nullptr;
  return arrays[array_count++] = array;
}

void release() {
  while (array_count > 0) std::free(arrays[--array_count]);
}

bool runs_here(const Kernel& kernel) {
#if defined(XNORKIT_SIMDE)
  if (kernel.isa >= Isa::avx512bw) return true;
#endif
  return kernel.isa <= detect_isa();
}

void check(const Kernel& kernel, int32_t shapes) {
  const Verdict v = conform(kernel, shapes, kSeed, {take, release});
  const Shape& s = v.first_failure;
  CHECK(v.shapes == shapes && v.failures == 0,
        "%s: %lld of %lld shapes differ, first: taps %d channels %d outputs %d pixels %d%s store %d", kernel.name,
        static_cast<long long>(v.failures), static_cast<long long>(v.shapes), s.taps, s.channels, s.out_channels,
        s.pixels, s.alone ? " alone" : "", static_cast<int>(s.store));
  std::printf("%-34s %lld shapes, %lld output bytes, %lld differ\n", kernel.name, static_cast<long long>(v.shapes),
              static_cast<long long>(v.bytes), static_cast<long long>(v.failures));
}

}  // namespace
}  // namespace xnorkit::bgemm

int main(int argc, char** argv) {
  using namespace xnorkit::bgemm;
  const int32_t shapes = argc > 1 ? std::atoi(argv[1]) : kShapes;
  for (int32_t k = 0; k < kKernelCount; ++k) {
    if (runs_here(*kKernels[k]) && (argc < 3 || std::strstr(kKernels[k]->name, argv[2]))) check(*kKernels[k], shapes);
  }
  return xnorkit::test::check_summary();
}
