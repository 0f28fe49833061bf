// Products with rows of few different vectors, by tables: every segment's products with all vectors of its codebook,
// then for each output the sum of the entries that its indices name. The order of roundings is that of `dense` with
// segments:
//
//   T[s][v] = +0;  for j: T[s][v] = fl(T[s][v] + fl(x[s][j] * book[s][j][v]))
//   acc[o]  = +0;  for s: acc[o]  = fl(acc[o] + T[s][index[s][o]]);   out = fl(acc + bias)
//
// One image: lanes are outputs; 8 sums are two shuffles of registers, or a gather where a codebook has more than 16
// vectors. Kept for fewer than kImages images: with that many, lanes are images, and 8 sums are a load and an add.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/cpu.h"

namespace xnorkit::lookup {

constexpr int32_t kLanes = 64;      // outputs of a block
constexpr int32_t kValueLanes = 8;  // a table's row is padded to a multiple
constexpr int32_t kShuffledValues = 16;
constexpr int32_t kImages = 8;

// The tables of `segments` segments: x (segments, width), book (segments, width, stride), to (segments, stride).
struct Tables {
  const float* x;
  int32_t segments, width, stride;
  const float* book;
  float* to;
};

// One block of outputs. index (segments, kLanes), its numbers below stride. `resume` goes on from what lies in `out`;
// a null bias is not added yet.
struct Sums {
  const float* tables;
  int32_t segments, stride;
  const uint8_t* index;
  const float* bias;  // kLanes
  bool resume;
  float* out;  // kLanes
};

// kImages images: x (segments, width, kImages), to (segments, stride, kImages), out (kLanes, kImages); no bias.
void tables_many_scalar(const Tables&);
void sums_many_scalar(const Sums&);
void tables_many_avx2(const Tables&);
void sums_many_avx2(const Sums&);

struct Kernel {
  const char* name;
  Isa isa;
  void (*tables)(const Tables&);
  void (*sums)(const Sums&);
  void (*tables_many)(const Tables&);
  void (*sums_many)(const Sums&);
};

void tables_scalar(const Tables&);
void sums_scalar(const Sums&);
void tables_avx2(const Tables&);
void sums_avx2(const Sums&);

// Fastest first; the last row runs everywhere.
inline constexpr Kernel kKernels[] = {
#if defined(__x86_64__)
    {"lookup_f32u8f32_64_avx2", Isa::avx2, tables_avx2, sums_avx2, tables_many_avx2, sums_many_avx2},
#endif
    {"lookup_f32u8f32_64_scalar", Isa::scalar, tables_scalar, sums_scalar, tables_many_scalar, sums_many_scalar},
};

}  // namespace xnorkit::lookup
