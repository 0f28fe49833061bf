// The rows of the kernel table, and what the kernels that count words share (defined in scalar.cc, compiled without
// flags).
#pragma once
#include "base/arch.h"
#include "kernels/bgemm/bgemm.h"

namespace xnorkit::bgemm {

extern const Kernel kScalar;
extern const Kernel kPopcnt;
extern const Kernel kAvx2;
extern const Kernel kAvx512bw;
extern const Kernel kAvx512vpopcnt;
extern const Kernel kNeon;

// Word kernels: a row is ceil(channels / 64) little-endian words; counts are int32 (entries, kPanelChannels).
size_t word_row_bytes(int32_t channels);
size_t word_work_bytes();
void word_prepare(const Source* sources, int32_t count, int32_t channels, uint8_t* dst, size_t dst_stride);
void word_prepare_alone(const uint8_t* a, int32_t channels, uint8_t* dst);
// Epilogue of all entries from the counts in block.work.
void word_store(const Block& block);

}  // namespace xnorkit::bgemm
