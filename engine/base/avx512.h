// AVX-512 intrinsics for the files compiled for AVX-512; no other file may include it. They come from SIMDe in the
// build that runs those files on other CPUs.
#pragma once
#include "base/arch.h"

#if defined(XNORKIT_SIMDE)
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#else
#include <immintrin.h>
#endif
