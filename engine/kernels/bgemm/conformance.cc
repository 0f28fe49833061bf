#include "kernels/bgemm/conformance.h"

#include <cstring>

#include "base/random.h"
#include "kernels/bgemm/rows.h"

namespace xnorkit::bgemm {
namespace {

constexpr int64_t kMostWords = 16000;  // 64-bit words that the scalar kernel counts for one shape
constexpr int32_t kMostPixels = 64, kMostClasses = 3;
constexpr uint8_t kPoison = 0xa5;

// What a shape is run on. Rows are canonical: ceil(channels / 8) bytes, clear tails.
struct Case {
  Shape shape;
  size_t row_bytes;
  const uint8_t* weights;  // (out_channels, taps) rows
  const uint8_t* inputs;   // (taps, pixels) rows
  const bool* padded;      // (taps, pixels): the row is absent, zeros
  const int32_t* limits;   // (kMostClasses, kPanelChannels), of popcounts; for bits
  const int32_t* edges;    // the same; for int32 and float32
  const float* scale;      // kPanelChannels
  const float* bias;       // kPanelChannels
  uint64_t flip;
  int32_t positions[kMostPixels];  // a permutation, some -1
  int32_t classes[kMostPixels];
  size_t out_stride;
  int32_t gap, cut;  // bytes between prepared rows; entries of a block
  bool join;         // give an entry's taps as one, where the kernel's rows allow it

  size_t out_bytes() const { return static_cast<size_t>(shape.pixels) * out_stride; }
};

int32_t draw_channels(Random& random) {
  switch (random.next() % 6) {
    case 0: return random.between(1, 16);
    case 1: return 64 * random.between(1, 8);
    case 2: return 64 * random.between(1, 16) + random.between(-5, 5);
    case 3: return random.between(900, 4500);
    default: return random.between(1, 320);
  }
}

int32_t draw_taps(Random& random) {
  switch (random.next() % 4) {
    case 0: return 1;
    case 1: return 9;
    default: return random.between(1, 25);
  }
}

Shape draw_shape(Random& random) {
  Shape s{draw_taps(random),
          draw_channels(random),
          random.between(1, kPanelChannels),
          random.between(1, kMostPixels),
          false,
          static_cast<Store>(random.next() % 3)};
  if (random.next() % 3 == 0) s.out_channels = kPanelChannels;
  if (random.next() % 4 == 0) s.taps = s.pixels = 1;
  if (random.next() % 64 == 0) s = {random.between(1, 3), random.between(5000, 21844), 2, 3, false, s.store};
  const auto words = [&s] { return int64_t{s.taps} * (s.channels / 64 + 1) * s.out_channels * s.pixels; };
  while (words() > kMostWords) {
    int32_t& largest = s.pixels > s.out_channels ? s.pixels : s.out_channels;
    (largest > s.taps ? largest : s.taps) /= 2;
  }
  s.alone = s.taps == 1 && s.pixels == 1 && random.next() % 2 == 0;
  return s;
}

uint8_t* random_rows(Random& random, size_t count, size_t channels, uint8_t* dst) {
  const size_t row_bytes = (channels + 7) / 8;
  for (size_t row = 0; row < count; ++row) random.fill_bits(dst + row * row_bytes, channels);
  return dst;
}

void draw_positions(Random& random, Case* c) {
  for (int32_t i = 0; i < c->shape.pixels; ++i) {
    const int32_t other = random.between(0, i);
    c->positions[i] = c->positions[other];
    c->positions[other] = i;
  }
  for (int32_t i = 0; i < c->shape.pixels; ++i) {
    c->classes[i] = random.between(0, kMostClasses - 1);
    if (c->shape.pixels > 1 && random.next() % 8 == 0) c->positions[i] = -1;
  }
}

void draw_edges(Random& random, int32_t bits, int32_t* limits, int32_t* edges, float* scale, float* bias) {
  const int32_t spread = 2 + bits / 16;
  for (int32_t i = 0; i < kMostClasses * kPanelChannels; ++i) {
    const uint64_t odd = random.next() % 16;
    const int32_t near = bits / 2 + random.between(-spread, spread);
    limits[i] = odd == 0 ? 0 : odd == 1 ? INT32_MAX : near > 0 ? near : 0;
    edges[i] = odd == 2 ? static_cast<int32_t>(random.next()) : random.between(-bits, bits);
  }
  for (int32_t i = 0; i < kPanelChannels; ++i) {
    scale[i] = static_cast<float>(random.between(-1000, 1000)) / 317.0f;
    bias[i] = static_cast<float>(random.between(-1000, 1000)) / 13.0f;
  }
}

bool draw(Random& random, const Memory& memory, Case* c) {
  c->shape = draw_shape(random);
  const Shape& s = c->shape;
  const size_t taps = static_cast<size_t>(s.taps), channels = static_cast<size_t>(s.channels);
  const size_t pixels = static_cast<size_t>(s.pixels), outputs = static_cast<size_t>(s.out_channels);
  c->row_bytes = (channels + 7) / 8;
  const size_t edges_bytes = kMostClasses * kPanelChannels * sizeof(int32_t);
  auto* weights = static_cast<uint8_t*>(memory.take(outputs * taps * c->row_bytes));
  auto* inputs = static_cast<uint8_t*>(memory.take(taps * pixels * c->row_bytes));
  auto* padded = static_cast<bool*>(memory.take(taps * pixels));
  auto* limits = static_cast<int32_t*>(memory.take(edges_bytes));
  auto* edges = static_cast<int32_t*>(memory.take(edges_bytes));
  auto* scale = static_cast<float*>(memory.take(kPanelChannels * sizeof(float)));
  auto* bias = static_cast<float*>(memory.take(kPanelChannels * sizeof(float)));
  if (!weights || !inputs || !padded || !limits || !edges || !scale || !bias) return false;
  c->weights = random_rows(random, outputs * taps, channels, weights);
  c->inputs = random_rows(random, taps * pixels, channels, inputs);
  for (size_t i = 0; i < taps * pixels; ++i) padded[i] = !s.alone && random.next() % 8 == 0;
  draw_edges(random, s.taps * s.channels, limits, edges, scale, bias);
  c->padded = padded;
  c->limits = limits;
  c->edges = edges;
  c->scale = scale;
  c->bias = bias;
  c->flip = random.next();
  if (s.out_channels < kPanelChannels) c->flip &= (uint64_t{1} << s.out_channels) - 1;
  draw_positions(random, c);
  const size_t extra = random.next() % 3;
  c->out_stride = s.store == Store::bits ? (outputs + 7) / 8 + extra : (outputs + extra) * 4;
  c->gap = 8 * random.between(0, 2);
  c->cut = random.between(1, kBlockEntries);
  c->join = random.next() % 2 == 0;
  return true;
}

// The arrays that one kernel needs for a case.
struct Prepared {
  uint8_t* panel;
  uint8_t* rows;
  uint8_t* edges;
  uint8_t* work;
  Source* sources;
  uint32_t* offsets;
  int32_t* pixels;
  int32_t* classes;
  int32_t entries;
  bool joined;
  size_t row_stride;
};

bool take(const Kernel& kernel, const Case& c, const Memory& memory, Prepared* p) {
  const Shape& s = c.shape;
  p->entries = (s.pixels + kernel.entry_pixels - 1) / kernel.entry_pixels;
  const size_t rows = static_cast<size_t>(s.taps) * static_cast<size_t>(p->entries);
  const size_t row_bytes = kernel.row_bytes(s.channels);
  const size_t panel_bytes = kernel.panel_bytes(s.taps, s.channels, s.out_channels);
  const size_t pixels_bytes = static_cast<size_t>(p->entries * kernel.entry_pixels) * sizeof(int32_t);
  p->joined = c.join && !s.alone && rows_join(kernel, s.channels);
  p->row_stride = p->joined ? row_bytes : (row_bytes + 7) / 8 * 8 + static_cast<size_t>(c.gap);
  p->panel = static_cast<uint8_t*>(memory.take(panel_bytes));
  p->rows = static_cast<uint8_t*>(memory.take((rows - 1) * p->row_stride + row_bytes));
  p->edges = static_cast<uint8_t*>(memory.take(kMostClasses * kPanelChannels * sizeof(int32_t)));
  p->work = static_cast<uint8_t*>(memory.take(kernel.work_bytes()));
  p->sources = static_cast<Source*>(memory.take(rows * sizeof(Source)));
  p->offsets = static_cast<uint32_t*>(memory.take(rows * sizeof(uint32_t)));
  p->pixels = static_cast<int32_t*>(memory.take(pixels_bytes));
  p->classes = static_cast<int32_t*>(memory.take(pixels_bytes));
  if (!p->panel || !p->rows || !p->edges || !p->work || !p->sources || !p->offsets || !p->pixels || !p->classes) {
    return false;
  }
  memset(p->panel, 0, panel_bytes);
  memset(p->rows, kPoison, (rows - 1) * p->row_stride + row_bytes);
  memset(p->work, kPoison, kernel.work_bytes());
  return true;
}

const uint8_t* input_row(const Case& c, int32_t tap, int32_t pixel) {
  if (pixel >= c.shape.pixels) return nullptr;
  const size_t row = static_cast<size_t>(tap) * static_cast<size_t>(c.shape.pixels) + static_cast<size_t>(pixel);
  return c.padded[row] ? nullptr : c.inputs + row * c.row_bytes;
}

// Prepares all rows, last tap first, so that offsets are not simply ascending; joined rows entry by entry.
void prepare_rows(const Kernel& kernel, const Case& c, Prepared* p) {
  if (c.shape.alone) {
    kernel.prepare_alone(c.inputs, c.shape.channels, p->rows);
    p->offsets[0] = 0;
    return;
  }
  const int32_t taps = c.shape.taps;
  for (int32_t tap = 0; tap < taps; ++tap) {
    for (int32_t entry = 0; entry < p->entries; ++entry) {
      const int32_t pixel = entry * kernel.entry_pixels;
      const int32_t place = p->joined ? entry * taps + tap : (taps - 1 - tap) * p->entries + entry;
      p->sources[place].a = input_row(c, tap, pixel);
      p->sources[place].b = kernel.entry_pixels == 2 ? input_row(c, tap, pixel + 1) : nullptr;
      p->offsets[tap * p->entries + entry] = static_cast<uint32_t>(static_cast<size_t>(place) * p->row_stride);
    }
  }
  kernel.prepare(p->sources, taps * p->entries, c.shape.channels, p->rows, p->row_stride);
}

// Edges in the kernel's form, one class after the other.
void write_edges(const Kernel& kernel, const Case& c, uint8_t* edges) {
  for (int32_t i = 0; i < kMostClasses * kPanelChannels; ++i) {
    if (c.shape.store == Store::bits && kernel.limit_bytes == 2) {
      const uint16_t limit = static_cast<uint16_t>(c.limits[i] < UINT16_MAX ? c.limits[i] : UINT16_MAX);
      memcpy(edges + i * 2, &limit, 2);
    } else {
      memcpy(edges + i * 4, c.shape.store == Store::bits ? c.limits + i : c.edges + i, 4);
    }
  }
}

// out: out_bytes, poisoned. False: memory refused.
bool run_on(const Kernel& kernel, const Case& c, const Memory& memory, uint8_t* out) {
  const Shape& s = c.shape;
  Prepared p{};
  if (!take(kernel, c, memory, &p)) return false;
  const int32_t run_taps = p.joined ? 1 : s.taps, run_channels = p.joined ? s.taps * s.channels : s.channels;
  kernel.pack(c.weights, run_taps, run_channels, s.out_channels, p.panel);
  prepare_rows(kernel, c, &p);
  write_edges(kernel, c, p.edges);
  for (int32_t i = 0; i < p.entries * kernel.entry_pixels; ++i) {
    p.pixels[i] = i < s.pixels ? c.positions[i] : -1;
    p.classes[i] = i < s.pixels ? c.classes[i] : 0;
  }
  const size_t edge_bytes = s.store == Store::bits ? static_cast<size_t>(kernel.limit_bytes) : 4;
  for (int32_t first = 0; first < p.entries; first += c.cut) {
    const int32_t left = p.entries - first;
    Block block{};
    block.taps = run_taps;
    block.channels = run_channels;
    block.out_channels = s.out_channels;
    block.entries = left < c.cut ? left : c.cut;
    block.alone = s.alone;
    block.store = s.store;
    block.rows = p.rows;
    block.offsets = p.offsets + first;
    block.offset_stride = static_cast<size_t>(p.entries);
    block.weights = p.panel;
    block.pixels = p.pixels + first * kernel.entry_pixels;
    block.classes = p.classes + first * kernel.entry_pixels;
    block.out = out;
    block.out_stride = c.out_stride;
    block.edges = p.edges;
    block.edge_stride = static_cast<size_t>(kPanelChannels) * edge_bytes;
    block.flip = s.store == Store::bits ? c.flip : 0;
    block.scale = s.store == Store::f32 ? c.scale : nullptr;
    block.bias = s.store == Store::f32 ? c.bias : nullptr;
    block.work = p.work;
    kernel.run(block);
  }
  return true;
}

bool same(const uint8_t* a, const uint8_t* b, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

bool holds(const Kernel& kernel, Random& random, const Memory& memory, Case* c, int64_t* bytes) {
  if (!draw(random, memory, c)) return false;
  auto* expected = static_cast<uint8_t*>(memory.take(c->out_bytes()));
  auto* got = static_cast<uint8_t*>(memory.take(c->out_bytes()));
  if (expected == nullptr || got == nullptr) return false;
  memset(expected, kPoison, c->out_bytes());
  memset(got, kPoison, c->out_bytes());
  *bytes += static_cast<int64_t>(c->out_bytes());
  return run_on(kScalar, *c, memory, expected) && run_on(kernel, *c, memory, got) &&
         same(expected, got, c->out_bytes());
}

}  // namespace

Verdict conform(const Kernel& kernel, int32_t shapes, uint64_t seed, const Memory& memory) {
  Verdict verdict{};
  for (; verdict.shapes < shapes; ++verdict.shapes) {
    Random random{seed + static_cast<uint64_t>(verdict.shapes) * 0x100000001b3};
    Case c{};
    const bool ok = holds(kernel, random, memory, &c, &verdict.bytes);
    memory.release();
    if (!ok && verdict.failures++ == 0) verdict.first_failure = c.shape;
  }
  return verdict;
}

}  // namespace xnorkit::bgemm
