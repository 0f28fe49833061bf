#include "base/cpu.h"

#include <cstring>

namespace xnorkit {

#if defined(__x86_64__)
#define XNORKIT_LEVEL_NAMES "scalar, popcnt, avx2, avx512bw or avx512vpopcnt"
const Isa kIsaLevels[] = {Isa::scalar, Isa::popcnt, Isa::avx2, Isa::avx512bw, Isa::avx512vpopcnt};
#elif defined(__aarch64__)
#define XNORKIT_LEVEL_NAMES "scalar or neon"
const Isa kIsaLevels[] = {Isa::scalar, Isa::neon};
#else
#define XNORKIT_LEVEL_NAMES "scalar"
const Isa kIsaLevels[] = {Isa::scalar};
#endif
const int32_t kIsaLevelCount = sizeof kIsaLevels / sizeof kIsaLevels[0];

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::scalar: return "scalar";
    case Isa::popcnt: return "popcnt";
    case Isa::avx2: return "avx2";
    case Isa::avx512bw: return "avx512bw";
    case Isa::avx512vpopcnt: return "avx512vpopcnt";
    case Isa::neon: return "neon";
  }
  return "unknown";
}

Isa detect_isa() {
#if defined(__x86_64__)
  // The compiler's run-time library also asks whether the operating system keeps the wide registers.
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("popcnt")) return Isa::scalar;
  if (!__builtin_cpu_supports("avx2")) return Isa::popcnt;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq")) {
    return Isa::avx2;
  }
  return __builtin_cpu_supports("avx512vpopcntdq") ? Isa::avx512vpopcnt : Isa::avx512bw;
#elif defined(__aarch64__)
  return Isa::neon;
#else
  return Isa::scalar;
#endif
}

Status select_isa(const char* wanted, Isa* out) {
  const Isa best = detect_isa();
  *out = best;
  if (wanted == nullptr || *wanted == '\0') return {};
  for (const Isa level : kIsaLevels) {
    if (std::strcmp(wanted, isa_name(level)) != 0) continue;
    if (level > best) {
      return Status::error(Code::unsupported, "[cpu] isa: got %s, expected at most %s on this CPU", wanted,
                           isa_name(best));
    }
    *out = level;
    return {};
  }
  return Status::error(Code::range, "[cpu] isa: got %.32s, expected " XNORKIT_LEVEL_NAMES, wanted);
}

}  // namespace xnorkit
