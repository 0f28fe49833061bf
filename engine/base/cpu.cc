#include "base/cpu.h"

#include <cstring>

namespace xnorkit {
namespace {

constexpr Isa kLevels[] = {Isa::scalar, Isa::popcnt, Isa::avx2};

}  // namespace

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::scalar: return "scalar";
    case Isa::popcnt: return "popcnt";
    case Isa::avx2: return "avx2";
  }
  return "unknown";
}

Isa detect_isa() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("popcnt")) return Isa::scalar;
  return __builtin_cpu_supports("avx2") ? Isa::avx2 : Isa::popcnt;
#else
  return Isa::scalar;
#endif
}

Status select_isa(const char* wanted, Isa* out) {
  const Isa best = detect_isa();
  *out = best;
  if (wanted == nullptr || *wanted == '\0') return {};
  for (const Isa level : kLevels) {
    if (std::strcmp(wanted, isa_name(level)) != 0) continue;
    if (level > best) {
      return Status::error(Code::unsupported, "[cpu] isa: got %s, expected at most %s on this CPU", wanted,
                           isa_name(best));
    }
    *out = level;
    return {};
  }
  return Status::error(Code::range, "[cpu] isa: got %.32s, expected scalar, popcnt or avx2", wanted);
}

}  // namespace xnorkit
