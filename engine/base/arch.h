// Which families of kernels this build holds: those of its processor, or, where intrinsics come from SIMDe
// (XNORKIT_SIMDE, a test build), AVX-512 and NEON on any processor. Files of one ISA begin with one of these macros.
#pragma once

#if defined(__x86_64__) || defined(XNORKIT_SIMDE)
#define XNORKIT_AVX512 1
#endif
#if defined(__aarch64__) || defined(XNORKIT_SIMDE)
#define XNORKIT_NEON 1
#endif
