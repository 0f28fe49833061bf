// The conformance suite without an operating system: an emulator that knows AVX-512 (Bochs) boots this, reads the text
// from port 0xE9 and is told to stop through port 0x8900. tools/run_bochs.py builds the image and judges the text.
#include <cpuid.h>

#include "kernels/bgemm/conformance.h"
#include "kernels/bgemm/rows.h"

extern "C" void* memcpy(void* dst, const void* src, size_t count) {
  void* const start = dst;
  asm volatile("rep movsb" : "+D"(dst), "+S"(src), "+c"(count) : : "memory");
  return start;
}

extern "C" void* memset(void* dst, int value, size_t count) {
  void* const start = dst;
  asm volatile("rep stosb" : "+D"(dst), "+c"(count) : "a"(value) : "memory");
  return start;
}

extern "C" int strcmp(const char* a, const char* b) {
  for (; *a != '\0' && *a == *b; ++a) ++b;
  return static_cast<unsigned char>(*a) - static_cast<unsigned char>(*b);
}

namespace {

using namespace xnorkit::bgemm;

constexpr uint64_t kSeed = 7;  // as conformance_test

void out_byte(uint16_t port, char byte) { asm volatile("outb %0, %1" : : "a"(byte), "Nd"(port)); }

void print(const char* text) {
  for (; *text != '\0'; ++text) out_byte(0xe9, *text);
}

void print(int64_t value) {
  char digits[24];
  int at = 23;
  digits[at] = '\0';
  do digits[--at] = static_cast<char>('0' + value % 10);
  while ((value /= 10) > 0);
  print(digits + at);
}

alignas(64) uint8_t arena[16 << 20];
size_t taken = 0;

void* take(size_t bytes) {
  if (bytes > sizeof arena - taken) return nullptr;
  uint8_t* const at = arena + taken;
  taken = (taken + bytes + 63) / 64 * 64;
  return at;
}

void release() { taken = 0; }

bool has_avx512() {
  unsigned a, b = 0, c = 0, d;
  __cpuid_count(7, 0, a, b, c, d);
  return (b & bit_AVX512F) && (b & bit_AVX512BW) && (b & bit_AVX512VL) && (b & bit_AVX512DQ) &&
         (c & bit_AVX512VPOPCNTDQ);
}

void check(const Kernel& kernel) {
  const Verdict v = conform(kernel, XNORKIT_BARE_SHAPES, kSeed, {take, release});
  print(kernel.name);
  print(" ");
  print(v.shapes);
  print(" shapes, ");
  print(v.bytes);
  print(" output bytes, ");
  print(v.failures);
  print(" differ\n");
  if (v.failures == 0) return;
  const Shape& s = v.first_failure;
  const int32_t numbers[] = {s.taps, s.channels, s.out_channels, s.pixels, s.alone, static_cast<int32_t>(s.store)};
  for (const int32_t number : numbers) {
    print(" ");
    print(int64_t{number});
  }
  print(" = taps channels outputs pixels alone store\n");
}

}  // namespace

extern "C" void bare_main() {
  print(has_avx512() ? "cpu: AVX-512 F BW VL DQ VPOPCNTDQ\n" : "cpu: no AVX-512\n");
  if (has_avx512()) {
    check(kAvx512bw);
    check(kAvx512vpopcnt);
    print("end\n");
  }
  for (const char* text = "Shutdown"; *text != '\0'; ++text) out_byte(static_cast<uint16_t>(0x8900), *text);
}
