// Which instruction sets a kernel may use. Flags travel as an argument: kernels never ask the CPU themselves.
#pragma once
#include <cstdint>

#include "base/status.h"

namespace xnorkit {

// Each level includes the ones before it. scalar runs on any CPU.
enum class Isa : uint8_t { scalar, popcnt, avx2 };

// "scalar", "popcnt", "avx2".
const char* isa_name(Isa isa);

// The highest level that this CPU and its operating system support.
Isa detect_isa();

// The level to use: detect_isa() when wanted is null or empty, else the named one. An override can only lower:
// XK_RANGE for an unknown name, XK_UNSUPPORTED for a level that this CPU lacks.
Status select_isa(const char* wanted, Isa* out);

}  // namespace xnorkit
