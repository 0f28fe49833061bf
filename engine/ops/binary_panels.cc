#include "ops/binary_panels.h"

#include <bit>
#include <cstring>

#include "base/bits.h"

namespace xnorkit {
namespace {

using bgemm::kPanelChannels;

bgemm::Store store_of(Epilogue::Kind kind) {
  switch (kind) {
    case Epilogue::Kind::none: return bgemm::Store::i32;
    case Epilogue::Kind::threshold: return bgemm::Store::bits;
    case Epilogue::Kind::affine: return bgemm::Store::f32;
  }
  return bgemm::Store::i32;
}

Status refused(const char* where, size_t bytes) {
  return Status::error(Code::limit, "[%s] memory: got %zu bytes refused, expected them for packed weights", where,
                       bytes);
}

int32_t popcount_bytes(const uint8_t* bytes, size_t count) {
  int32_t total = 0;
  for (size_t i = 0; i < count; ++i) total += std::popcount(bytes[i]);
  return total;
}

}  // namespace

// 2 pc > base - threshold  <=>  pc >= floor((base - threshold) / 2) + 1.
int64_t limit_of(int64_t base, int64_t threshold, int64_t never) {
  const int64_t limit = ((base - threshold) >> 1) + 1;
  return limit < 0 ? 0 : limit > never ? never : limit;
}

Status check_weight_bits(const char* where, const uint8_t* weight, size_t weight_bytes, size_t bits) {
  if (weight == nullptr)
    return Status::error(Code::graph, "[%s] weight: got null, expected %zu bytes", where, bytes_of_bits(bits));
  if (weight_bytes != bytes_of_bits(bits)) {
    return Status::error(Code::shape, "[%s] weight: got %zu bytes, expected %zu", where, weight_bytes,
                         bytes_of_bits(bits));
  }
  if (bits % 8 != 0 && weight[weight_bytes - 1] >> (bits % 8) != 0) {
    return Status::error(Code::range, "[%s] weight: got non-zero bits after the last weight, expected 0", where);
  }
  return {};
}

Status BinaryPanels::create(const char* where, const PanelShape& shape, const uint8_t* weight, size_t weight_bytes,
                            const Epilogue& epilogue, Isa isa, const TapRect* classes, size_t class_count,
                            int32_t pad_value) {
  shape_ = shape;
  const size_t bits =
      static_cast<size_t>(shape.out_channels) * static_cast<size_t>(shape.taps()) * static_cast<size_t>(shape.channels);
  Status status = check_weight_bits(where, weight, weight_bytes, bits);
  if (!status.ok()) return status;
  status = epilogue_.create(where, epilogue, shape.out_channels);
  if (!status.ok()) return status;
  kernel_ = bgemm::select(isa, static_cast<int64_t>(shape.taps()) * shape.channels);
  if (shape.adjacent && bgemm::rows_join(*kernel_, shape.channels)) run_taps_ = shape.kernel_w;
  edge_bytes_ = epilogue.kind == Epilogue::Kind::threshold ? static_cast<size_t>(kernel_->limit_bytes) : 4;
  if (status = list_slices(where); !status.ok()) return status;
  if (status = pack(where, weight); !status.ok()) return status;
  return make_edges(where, weight, classes, class_count, pad_value);
}

Status BinaryPanels::list_slices(const char* where) {
  const int32_t panels = shape_.group_panels(), outputs = shape_.group_outputs();
  if (!slices_.allocate(static_cast<size_t>(shape_.slices()) * sizeof(Slice))) {
    return refused(where, static_cast<size_t>(shape_.slices()) * sizeof(Slice));
  }
  size_t start = 0;
  for (int32_t slice = 0; slice < shape_.slices(); ++slice) {
    const int32_t group = slice / panels, within = slice % panels * kPanelChannels;
    const int32_t count = outputs - within < kPanelChannels ? outputs - within : kPanelChannels;
    slices_.as<Slice>()[slice] = {start, group, group * outputs + within, count};
    start += align_up(kernel_->panel_bytes(shape_.taps() / run_taps_, shape_.channels * run_taps_, count));
  }
  if (!weights_.allocate(start)) return refused(where, start);
  return {};
}

Status BinaryPanels::pack(const char* where, const uint8_t* weight) {
  const int32_t runs = shape_.taps() / run_taps_, run_bits = shape_.channels * run_taps_;
  const size_t row_bits = static_cast<size_t>(run_bits), taps = static_cast<size_t>(runs);
  AlignedBuffer rows;
  const size_t rows_bytes = static_cast<size_t>(kPanelChannels) * taps * bytes_of_bits(row_bits);
  if (!rows.allocate(rows_bytes)) return refused(where, rows_bytes);
  for (int32_t slice = 0; slice < shape_.slices(); ++slice) {
    const size_t count = static_cast<size_t>(slice_outputs(slice)) * taps;
    const size_t first = static_cast<size_t>(slice_first(slice)) * taps;
    for (size_t row = 0; row < count; ++row) {
      copy_bits(weight, (first + row) * row_bits, row_bits, rows.as() + row * bytes_of_bits(row_bits));
    }
    kernel_->pack(rows.as(), runs, run_bits, slice_outputs(slice), weights_.as() + slices_.as<Slice>()[slice].start);
  }
  const size_t outputs = static_cast<size_t>(shape_.out_channels);
  if (epilogue_.kind() != Epilogue::Kind::affine) return {};
  const size_t padded = outputs + kPanelChannels;
  if (!affine_.allocate(2 * padded * sizeof(float))) return refused(where, 2 * padded * sizeof(float));
  std::memcpy(affine_.as<float>(), epilogue_.scale(), outputs * sizeof(float));
  std::memcpy(affine_.as<float>() + padded, epilogue_.bias(), outputs * sizeof(float));
  return {};
}

// Zero padding: the kernels read a padded tap as +1 (bit 0), which adds the tap's sum of weight signs. With
// S = that sum over the taps outside the picture, acc = K - 2 pc - S for pad_value 0, K - 2 pc - 2 S for -1.
// S of a rectangle's complement comes from two-dimensional prefix sums of the taps' sign sums.
Status BinaryPanels::make_edges(const char* where, const uint8_t* weight, const TapRect* classes, size_t class_count,
                                int32_t pad_value) {
  const size_t outputs = static_cast<size_t>(shape_.out_channels), row_bits = static_cast<size_t>(shape_.channels);
  const size_t height = static_cast<size_t>(shape_.kernel_h), width = static_cast<size_t>(shape_.kernel_w);
  AlignedBuffer row, prefix;
  const size_t edges_bytes = (class_count * outputs + kPanelChannels) * edge_bytes_;
  if (!edges_.allocate(edges_bytes) || !row.allocate(bytes_of_bits(row_bits)) ||
      !prefix.allocate((height + 1) * (width + 1) * sizeof(int64_t))) {
    return refused(where, edges_bytes);
  }
  int64_t* sums = prefix.as<int64_t>();
  const auto at = [&](int32_t y, int32_t x) {
    return sums[static_cast<size_t>(y) * (width + 1) + static_cast<size_t>(x)];
  };
  const int64_t bits = static_cast<int64_t>(shape_.taps()) * shape_.channels;
  const int64_t weight_of_outside = pad_value == 0 ? 1 : pad_value == -1 ? 2 : 0;
  const TapRect whole{0, shape_.kernel_h, 0, shape_.kernel_w};
  const bool never_outside = weight_of_outside == 0 || (class_count == 1 && classes[0] == whole);
  for (size_t o = 0; o < outputs; ++o) {
    for (size_t y = 0; y < height && !never_outside; ++y) {
      for (size_t x = 0; x < width; ++x) {
        copy_bits(weight, ((o * height + y) * width + x) * row_bits, row_bits, row.as());
        const int64_t signs = shape_.channels - 2 * int64_t{popcount_bytes(row.as(), row.bytes())};
        const size_t cell = (y + 1) * (width + 1) + x + 1;
        sums[cell] = signs + sums[cell - 1] + sums[cell - width - 1] - sums[cell - width - 2];
      }
    }
    for (size_t k = 0; k < class_count; ++k) {
      const TapRect& r = classes[k];
      const int64_t inside = at(r.y1, r.x1) - at(r.y0, r.x1) - at(r.y1, r.x0) + at(r.y0, r.x0);
      const int64_t outside = at(shape_.kernel_h, shape_.kernel_w) - inside;
      write_edge(k * outputs + o, static_cast<int32_t>(o), bits - weight_of_outside * outside);
    }
  }
  return {};
}

void BinaryPanels::write_edge(size_t at, int32_t o, int64_t base) {
  if (epilogue_.kind() != Epilogue::Kind::threshold) {
    edges_.as<uint32_t>()[at] = static_cast<uint32_t>(base);  // wraps; the kernels' subtraction wraps back
  } else if (edge_bytes_ == 2) {
    edges_.as<uint16_t>()[at] = static_cast<uint16_t>(limit_of(base, epilogue_.threshold()[o], UINT16_MAX));
  } else {
    edges_.as<int32_t>()[at] = static_cast<int32_t>(limit_of(base, epilogue_.threshold()[o], INT32_MAX));
  }
}

void BinaryPanels::fill(int32_t slice, bgemm::Block* block) const {
  const size_t first = static_cast<size_t>(slice_first(slice));
  block->taps = shape_.taps() / run_taps_;
  block->channels = shape_.channels * run_taps_;
  block->out_channels = slice_outputs(slice);
  block->weights = weights_.as() + slices_.as<Slice>()[slice].start;
  block->store = store_of(epilogue_.kind());
  block->edges = edges_.as() + first * edge_bytes_;
  block->edge_stride = static_cast<size_t>(shape_.out_channels) * edge_bytes_;
  block->flip = 0;
  block->scale = block->bias = nullptr;
  if (block->store == bgemm::Store::f32) {
    block->scale = affine_.as<float>() + first;
    block->bias = block->scale + shape_.out_channels + kPanelChannels;
  }
  if (block->store == bgemm::Store::bits) {
    uint8_t bytes[8] = {};
    copy_bits(epilogue_.flip(), first, static_cast<size_t>(block->out_channels), bytes);
    for (int i = 0; i < 8; ++i) block->flip |= static_cast<uint64_t>(bytes[i]) << (8 * i);
  }
}

}  // namespace xnorkit
