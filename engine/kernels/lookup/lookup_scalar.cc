#include "kernels/lookup/lookup.h"

namespace xnorkit::lookup {

void tables_scalar(const Tables& t) {
  const float* book = t.book;
  for (int32_t s = 0; s < t.segments; ++s) {
    float* to = t.to + int64_t{s} * t.stride;
    for (int32_t v = 0; v < t.stride; ++v) to[v] = 0.0f;
    for (int32_t j = 0; j < t.width; ++j, book += t.stride) {
      const float x = t.x[int64_t{s} * t.width + j];
      for (int32_t v = 0; v < t.stride; ++v) to[v] += x * book[v];
    }
  }
}

void sums_scalar(const Sums& t) {
  float acc[kLanes];
  for (int32_t o = 0; o < kLanes; ++o) acc[o] = t.resume ? t.out[o] : 0.0f;
  const uint8_t* index = t.index;
  const float* table = t.tables;
  for (int32_t s = 0; s < t.segments; ++s, index += kLanes, table += t.stride)
    for (int32_t o = 0; o < kLanes; ++o) acc[o] += table[index[o]];
  for (int32_t o = 0; o < kLanes; ++o) t.out[o] = t.bias ? acc[o] + t.bias[o] : acc[o];
}

void tables_many_scalar(const Tables& t) {
  const float *book = t.book, *x = t.x;
  for (int32_t s = 0; s < t.segments; ++s) {
    float* to = t.to + int64_t{s} * t.stride * kImages;
    for (int32_t v = 0; v < t.stride * kImages; ++v) to[v] = 0.0f;
    for (int32_t j = 0; j < t.width; ++j, x += kImages)
      for (int32_t v = 0; v < t.stride; ++v, ++book)
        for (int32_t i = 0; i < kImages; ++i) to[v * kImages + i] += x[i] * *book;
  }
}

void sums_many_scalar(const Sums& t) {
  for (int32_t o = 0; o < kLanes; ++o) {
    float acc[kImages];
    for (int32_t i = 0; i < kImages; ++i) acc[i] = t.resume ? t.out[o * kImages + i] : 0.0f;
    for (int32_t s = 0; s < t.segments; ++s) {
      const float* entry = t.tables + (int64_t{s} * t.stride + t.index[s * kLanes + o]) * kImages;
      for (int32_t i = 0; i < kImages; ++i) acc[i] += entry[i];
    }
    for (int32_t i = 0; i < kImages; ++i) t.out[o * kImages + i] = acc[i];
  }
}

}  // namespace xnorkit::lookup
