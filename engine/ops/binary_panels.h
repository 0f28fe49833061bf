// Packed weights of a binary op and everything its epilogue needs, laid out by panel. Shared by bconv2d and bdense.
#pragma once
#include "base/aligned.h"
#include "kernels/bgemm/bgemm.h"
#include "ops/epilogue.h"

namespace xnorkit {

// Taps [y0, y1) x [x0, x1) of the kernel that lie inside the picture: all pixels of one border class share them.
struct TapRect {
  int32_t y0, y1, x0, x1;
  bool operator==(const TapRect&) const = default;
};

// `bits` weights, LSB first, and 0 bits to the end of the last byte. XK_GRAPH, XK_SHAPE, XK_RANGE.
Status check_weight_bits(const char* where, const uint8_t* weight, size_t weight_bytes, size_t bits);

// bit = (acc < threshold), acc = base - 2 pc, as pc >= limit; clamped to 0 .. never, which no count reaches.
int64_t limit_of(int64_t base, int64_t threshold, int64_t never);

struct PanelShape {
  int32_t groups, out_channels;  // out_channels of all groups
  int32_t kernel_h, kernel_w;
  int32_t channels;  // input channels of one group
  bool adjacent;     // prepared rows of taps (ky, 0 .. kernel_w - 1) lie behind each other, if row_bytes fills them

  int32_t taps() const { return kernel_h * kernel_w; }
  int32_t group_outputs() const { return out_channels / groups; }
  int32_t group_panels() const { return (group_outputs() + bgemm::kPanelChannels - 1) / bgemm::kPanelChannels; }
  int32_t slices() const { return groups * group_panels(); }
};

// A slice is one panel of one group; slices are ordered by their first output channel.
class BinaryPanels {
 public:
  // shape is already checked: out_channels * taps * channels < 2^31. Weight as in make_bconv2d. classes: border
  // classes, at least one; pad_value says what the taps outside a class's rectangle contribute.
  Status create(const char* where, const PanelShape& shape, const uint8_t* weight, size_t weight_bytes,
                const Epilogue& epilogue, Isa isa, const TapRect* classes, size_t class_count, int32_t pad_value);

  const bgemm::Kernel& kernel() const { return *kernel_; }
  const PanelShape& shape() const { return shape_; }
  const EpilogueTable& epilogue() const { return epilogue_; }
  size_t packed_bytes() const { return weights_.bytes(); }
  // False where two slices share an output byte; then one thread must run all slices of a pixel.
  bool slices_disjoint() const {
    return shape_.groups == 1 || shape_.group_outputs() % 8 == 0 || epilogue_.kind() != Epilogue::Kind::threshold;
  }

  // Taps that the kernel takes as one: kernel_w where the rows of a kernel row are one row of kernel_w * channels,
  // else 1.
  int32_t run_taps() const { return run_taps_; }

  int32_t slice_group(int32_t slice) const { return slices_.as<Slice>()[slice].group; }
  int32_t slice_first(int32_t slice) const { return slices_.as<Slice>()[slice].first; }  // output channel
  int32_t slice_outputs(int32_t slice) const { return slices_.as<Slice>()[slice].outputs; }
  // Fills what the slice decides: taps, channels, out_channels, store, weights, edges, flip, scale, bias.
  void fill(int32_t slice, bgemm::Block* block) const;

 private:
  struct Slice {
    size_t start;  // of its weights
    int32_t group, first, outputs;
  };

  Status list_slices(const char* where);
  Status pack(const char* where, const uint8_t* weight);
  Status make_edges(const char* where, const uint8_t* weight, const TapRect* classes, size_t class_count,
                    int32_t pad_value);
  void write_edge(size_t at, int32_t o, int64_t base);

  const bgemm::Kernel* kernel_ = nullptr;
  PanelShape shape_{};
  EpilogueTable epilogue_;
  int32_t run_taps_ = 1;
  size_t edge_bytes_ = 4;                            // of one channel
  AlignedBuffer weights_, slices_, edges_, affine_;  // slices_: of Slice; affine_: scale, bias with a readable tail
};

}  // namespace xnorkit
