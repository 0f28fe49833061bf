// The contract between program/ (order, memory, threads) and ops/ (shapes, kernels).
//
// An op is created by a free function that checks every shape and size, selects kernels for the given CPU, packs its
// weights into tiles, and then is immutable: run() is const, allocates nothing and cannot fail.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/status.h"

namespace xnorkit {

enum class DType : uint8_t { u8, i32, f32, bits };

// Type of one value for ONE image: NHWC without N. Vectors are (1, 1, C).
// bits: every pixel's channel row is ceil(C / 8) bytes, LSB first, bit 1 = -1, tail bits 0.
struct ValueType {
  DType dtype;
  int32_t h, w, c;

  size_t row_bytes() const {  // bytes of one pixel
    const size_t channels = static_cast<size_t>(c);
    switch (dtype) {
      case DType::u8: return channels;
      case DType::bits: return (channels + 7) / 8;
      default: return channels * 4;
    }
  }
  size_t pixels() const { return static_cast<size_t>(h) * static_cast<size_t>(w); }
  size_t bytes() const { return row_bytes() * pixels(); }
  bool operator==(const ValueType&) const = default;
};

// What happens to an int32 accumulator before it is stored. Fused by program/ when the accumulator has no other reader.
//   none:      store i32
//   threshold: bit[c] = (acc < threshold[c]) ^ flip bit c               -> bits
//   affine:    y = float(acc) * scale[c] + bias[c], two roundings       -> f32
// Pointers are only read while the op is created.
struct Epilogue {
  enum class Kind : uint8_t { none, threshold, affine } kind = Kind::none;
  const int32_t* threshold = nullptr;  // C
  const uint8_t* flip = nullptr;       // ceil(C / 8) bytes
  const float* scale = nullptr;        // C
  const float* bias = nullptr;         // C

  DType output_dtype() const {
    return kind == Kind::none ? DType::i32 : kind == Kind::threshold ? DType::bits : DType::f32;
  }
};

// For ops that keep state from block to block (Op::calls_sink): each block of units that share their pixels goes to
// `tile`, its first pixel first, or to the output where tile is null; then done(context, begin, end) is called.
struct BlockSink {
  void* tile;
  void* context;
  void (*done)(void* context, int64_t unit_begin, int64_t unit_end);
};

struct RunArgs {
  const void* const* inputs;  // one pointer per input value, batch-major, images back to back
  void* output;
  int32_t batch;
  void* second = nullptr;  // of an op with two outputs: f32 and the bits of its signs
  const BlockSink* sink = nullptr;
};

// What one unit writes: pixels of the whole batch, images back to back, times channels; first_channel is a multiple
// of 8.
struct UnitBlock {
  int64_t first_pixel;
  int32_t pixels;
  int32_t first_channel, last_channel;
};

class Op {
 public:
  virtual ~Op() = default;
  virtual const char* name() const = 0;         // the op, e.g. "bconv2d"
  virtual const char* kernel_name() const = 0;  // the sentence of the chosen kernel, e.g. "bgemm_b1b1i32_4x64_avx2"
  virtual ValueType output() const = 0;
  virtual size_t packed_bytes() const = 0;  // weights as they sit in memory
  // Independent units of work for a batch; units write disjoint outputs, so any split over threads is the same result.
  virtual int64_t units(int32_t batch) const = 0;
  // Ops that may head a chain (ops/chain.h) say what a unit writes, and the most pixels of one; 0: the op may not.
  virtual int64_t most_unit_pixels() const { return 0; }
  virtual bool calls_sink() const { return false; }
  virtual UnitBlock unit_block(int32_t /*batch*/, int64_t /*unit*/) const { return {}; }
  // Bytes each thread needs, 64-byte aligned, for run().
  virtual size_t scratch_bytes() const { return 0; }
  virtual void run(const RunArgs& args, int64_t unit_begin, int64_t unit_end, void* scratch) const noexcept = 0;
};

using OpPtr = std::unique_ptr<Op>;

// Geometry of a 2-D window, shared by convolutions and pools. Checked by ops, never trusted.
struct Window {
  int32_t kernel_h, kernel_w;
  int32_t stride_h = 1, stride_w = 1;
  int32_t dilation_h = 1, dilation_w = 1;
  int32_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
};

}  // namespace xnorkit
