// Owned, checked copies of an Epilogue's arrays, and its meaning for one row of accumulators. Shared by integer ops.
#pragma once
#include "base/aligned.h"
#include "ops/op.h"

namespace xnorkit {

// Threshold, flip, scale and bias of C channels, copied once while an op is created.
class EpilogueTable {
 public:
  // `where` names the op in messages. XK_GRAPH when an array the kind needs is null, XK_RANGE when flip's tail bits
  // are not 0, XK_LIMIT when memory cannot be had.
  Status create(const char* where, const Epilogue& epilogue, int32_t channels);

  Epilogue::Kind kind() const { return kind_; }
  DType output_dtype() const { return Epilogue{kind_}.output_dtype(); }
  int32_t channels() const { return channels_; }
  const int32_t* threshold() const { return first_.as<int32_t>(); }
  const uint8_t* flip() const { return second_.as<uint8_t>(); }
  const float* scale() const { return first_.as<float>(); }
  const float* bias() const { return second_.as<float>(); }
  size_t bytes() const { return first_.bytes() + second_.bytes(); }

  // One pixel: acc (C) int32 -> out (C) int32, or ceil(C / 8) bytes, or (C) float32. The scalar law of every kernel.
  void store_row(const int32_t* acc, void* out) const;

 private:
  Epilogue::Kind kind_ = Epilogue::Kind::none;
  int32_t channels_ = 0;
  AlignedBuffer first_, second_;
};

}  // namespace xnorkit
