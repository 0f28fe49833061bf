// Which instruction sets a kernel may use. Flags travel as an argument: kernels never ask the CPU themselves.
#pragma once
#include <cstdint>

#include "base/status.h"

namespace xnorkit {

// Each level includes the ones before it on its architecture; scalar runs on any CPU.
//   popcnt         x86: POPCNT                      avx2           x86: AVX2
//   avx512bw       x86: AVX-512 F, BW, VL, DQ       avx512vpopcnt  x86: and VPOPCNTDQ
//   neon           64-bit ARM: every one has it
enum class Isa : uint8_t { scalar, popcnt, avx2, avx512bw, avx512vpopcnt, neon };

// The levels of this build's architecture, ascending.
extern const Isa kIsaLevels[];
extern const int32_t kIsaLevelCount;

// "scalar", "popcnt", "avx2", ...
const char* isa_name(Isa isa);

// The highest level that this CPU and its operating system support.
Isa detect_isa();

// The level to use: detect_isa() when wanted is null or empty, else the named one. An override can only lower:
// XK_RANGE for a name unknown on this architecture, XK_UNSUPPORTED for a level that this CPU lacks.
Status select_isa(const char* wanted, Isa* out);

}  // namespace xnorkit
