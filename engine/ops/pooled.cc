#include "ops/pooled.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/aligned.h"
#include "ops/tiling.h"

namespace xnorkit {
namespace {

constexpr int64_t kSpareRows = 4;  // of the head's: so many are computed before what is done with moves out
// A unit begins with rows of the head that the unit before has computed, too: at most one of so many.
constexpr int64_t kRowsPerRepeat = 12;

class Pooled final : public Op {
 public:
  Pooled(OpPtr head, OpPtr pool, const Window& window)
      : head_(std::move(head)),
        pool_(std::move(pool)),
        window_(window),
        map_(head_->output()),
        out_(pool_->output()),
        rows_(std::max(1, static_cast<int32_t>(ceil_div(kRowsPerRepeat * std::max(0, window.kernel_h - window.stride_h),
                                                        window.stride_h)))),
        parts_(ceil_div(out_.h, rows_)),
        kernel_name_(std::string(head_->kernel_name()) + " + " + pool_->kernel_name()) {}

  const char* name() const override { return head_->name(); }
  const char* kernel_name() const override { return kernel_name_.c_str(); }
  ValueType output() const override { return out_; }
  size_t packed_bytes() const override { return head_->packed_bytes() + pool_->packed_bytes(); }
  int64_t units(int32_t batch) const override { return parts_ * batch; }
  int64_t most_unit_pixels() const override { return int64_t{rows_} * out_.w; }
  UnitBlock unit_block(int32_t, int64_t unit) const override {
    const Span rows = rows_of(unit);
    return {rows.first * out_.w, static_cast<int32_t>((rows.last - rows.first) * out_.w), 0, out_.c};
  }
  bool calls_sink() const override { return true; }
  size_t scratch_bytes() const override {
    return head_bytes() + pool_bytes() + align_up(capacity() * map_.row_bytes());
  }

  void run(const RunArgs& args, int64_t begin, int64_t end, void* scratch) const noexcept override {
    uint8_t* pool_scratch = static_cast<uint8_t*>(scratch) + head_bytes();
    Rows rows{pool_scratch + pool_bytes(), 0, 0, 0};
    rows.next = unit_with(args.batch, pixels_under(rows_of(begin).first).first, &rows.first);
    rows.last = rows.first;
    for (int64_t unit = begin; unit < end; ++unit) {
      const Span band = rows_of(unit);
      void* to = args.output;
      if (args.sink != nullptr && args.sink->tile != nullptr) {
        to = shifted(args.sink->tile, -band.first * out_.w * static_cast<int64_t>(out_.row_bytes()));
      }
      for (int64_t row = band.first; row < band.last; ++row) {
        fill(args, pixels_under(row), scratch, &rows);
        // The pool reads these pixels alone, so the address of pixel 0 need not be in the scratch.
        const void* origin = at(rows, 0);
        pool_->run({&origin, to, args.batch}, row, row + 1, pool_scratch);
      }
      if (args.sink != nullptr) args.sink->done(args.sink->context, unit, unit + 1);
    }
  }

 private:
  struct Span {
    int64_t first, last;
  };
  // Pixels first .. last - 1 of the head's map, at `base`; `next` is the head's unit that follows them.
  struct Rows {
    uint8_t* base;
    int64_t first, last, next;
  };

  static void* shifted(void* from, int64_t bytes) {
    return reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(from) + static_cast<uintptr_t>(bytes));
  }
  void* at(const Rows& rows, int64_t pixel) const {
    return shifted(rows.base, (pixel - rows.first) * static_cast<int64_t>(map_.row_bytes()));
  }

  size_t head_bytes() const { return align_up(head_->scratch_bytes()); }
  size_t pool_bytes() const { return align_up(pool_->scratch_bytes()); }
  // A row of windows and the spare rows; on both sides a unit of the head that may reach over.
  size_t capacity() const {
    const int64_t rows = std::min<int64_t>(window_.kernel_h, map_.h) + kSpareRows;
    return static_cast<size_t>(rows * map_.w + 2 * head_->most_unit_pixels());
  }

  // Rows of the pool in this unit, counted through the batch.
  Span rows_of(int64_t unit) const {
    const int64_t image = unit / parts_ * out_.h, y = unit % parts_ * rows_;
    return {image + y, image + std::min<int64_t>(y + rows_, out_.h)};
  }

  // The head's pixels that a row of the pool reads.
  Span pixels_under(int64_t row) const {
    const int64_t image = row / out_.h * map_.h, y = row % out_.h * window_.stride_h - window_.pad_top;
    return {(image + std::max<int64_t>(y, 0)) * map_.w,
            (image + std::min<int64_t>(y + window_.kernel_h, map_.h)) * map_.w};
  }

  // The first of the head's units that write this pixel, and their first pixel.
  int64_t unit_with(int32_t batch, int64_t pixel, int64_t* first_pixel) const {
    int64_t low = 0, high = head_->units(batch);  // the first unit behind the pixel is in low + 1 .. high
    while (high - low > 1) {
      const int64_t middle = low + (high - low) / 2;
      (head_->unit_block(batch, middle).first_pixel <= pixel ? low : high) = middle;
    }
    *first_pixel = head_->unit_block(batch, low).first_pixel;
    while (low > 0 && head_->unit_block(batch, low - 1).first_pixel == *first_pixel) --low;
    return low;
  }

  // Runs the head until the span is there, dropping what lies before it when room is needed.
  void fill(const RunArgs& args, const Span& need, void* scratch, Rows* rows) const {
    while (rows->last < need.last) {
      const UnitBlock block = head_->unit_block(args.batch, rows->next);
      int64_t stop = rows->next + 1;  // units that share their pixels follow each other
      const int64_t all = head_->units(args.batch);
      while (stop < all && head_->unit_block(args.batch, stop).first_pixel == block.first_pixel) ++stop;
      if (block.first_pixel + block.pixels - rows->first > static_cast<int64_t>(capacity())) {
        const int64_t keep = std::min(need.first, rows->last);
        memmove(rows->base, at(*rows, keep), static_cast<size_t>(rows->last - keep) * map_.row_bytes());
        rows->first = keep;
      }
      head_->run({args.inputs, at(*rows, 0), args.batch}, rows->next, stop, scratch);
      rows->next = stop;
      rows->last = block.first_pixel + block.pixels;
    }
  }

  OpPtr head_, pool_;
  Window window_;
  ValueType map_, out_;
  int32_t rows_;   // of the pool in a unit
  int64_t parts_;  // units of an image
  std::string kernel_name_;
};

}  // namespace

bool may_pool(const Op& head) { return head.most_unit_pixels() > 0 && !head.calls_sink(); }

Status make_pooled(OpPtr head, OpPtr pool, const Window& window, OpPtr* out) {
  const bool fits = head != nullptr && pool != nullptr && may_pool(*head) &&
                    pool->output().dtype == head->output().dtype && pool->output().c == head->output().c &&
                    pool->units(1) == pool->output().h;
  if (!fits) return Status::error(Code::graph, "[pooled] pool: expected one on the head's output");
  *out = std::make_unique<Pooled>(std::move(head), std::move(pool), window);
  return {};
}

}  // namespace xnorkit
