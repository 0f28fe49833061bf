// NEON intrinsics for the files compiled for NEON; no other file may include it. They come from SIMDe in the build
// that runs those files on other CPUs.
#pragma once
#include "base/arch.h"

#if defined(XNORKIT_SIMDE)
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/arm/neon.h>
#else
#include <arm_neon.h>
#endif
