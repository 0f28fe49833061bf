// An epilogue of accumulators that lie in memory, for a range of channels, by the elementwise kernels of the ISA.
#pragma once
#include <cstring>

#include "base/cpu.h"
#include "ops/eltwise.h"
#include "ops/epilogue.h"

namespace xnorkit {

class ChannelEpilogue {
 public:
  // Errors as EpilogueTable::create.
  Status create(const char* where, const Epilogue& epilogue, int32_t channels, Isa isa) {
    const bool bits = epilogue.kind == Epilogue::Kind::threshold;
    kernel_ = select_eltwise(bits ? Eltwise::threshold : Eltwise::affine_i32, isa);
    return table_.create(where, epilogue, channels);
  }

  DType output_dtype() const { return table_.output_dtype(); }
  size_t bytes() const { return table_.bytes(); }

  // Channels first .. last - 1 of consecutive pixels, whose accumulators lie in rows of all channels; `rows` are the
  // pixels' outputs, first is a multiple of 8.
  void store(const int32_t* acc, int32_t pixels, int32_t first, int32_t last, uint8_t* rows, size_t row_bytes) const {
    store_tile(acc + first, table_.channels(), pixels, first, last, rows, row_bytes);
  }

  // The same from a tile of accumulators that begins at channel `first`, its pixels `stride` apart.
  void store_tile(const int32_t* acc, int32_t stride, int32_t pixels, int32_t first, int32_t last, uint8_t* rows,
                  size_t row_bytes) const {
    if (last - first == table_.channels() && stride == table_.channels())
      return store_rows(acc, static_cast<size_t>(pixels), 0, last, rows);
    for (int32_t p = 0; p < pixels; ++p, acc += stride, rows += row_bytes) store_rows(acc, 1, first, last, rows);
  }

 private:
  // acc: of channel `first`, pixels together.
  void store_rows(const int32_t* acc, size_t pixels, int32_t first, int32_t last, uint8_t* row) const {
    EltwiseArgs args{acc, nullptr, nullptr, pixels, last - first, nullptr, nullptr, nullptr, nullptr};
    switch (table_.kind()) {
      case Epilogue::Kind::none:
        memcpy(row + size_t{4} * static_cast<size_t>(first), acc,
               size_t{4} * static_cast<size_t>(last - first) * pixels);
        return;
      case Epilogue::Kind::threshold:
        args.out = row + first / 8;
        args.threshold = table_.threshold() + first;
        args.flip = table_.flip() + first / 8;
        break;
      case Epilogue::Kind::affine:
        args.out = row + size_t{4} * static_cast<size_t>(first);
        args.scale = table_.scale() + first;
        args.bias = table_.bias() + first;
        break;
    }
    kernel_->run(args);
  }

  EpilogueTable table_;
  const EltwiseKernel* kernel_ = nullptr;
};

}  // namespace xnorkit
