#include "ops/epilogue.h"

#include <cstring>

namespace xnorkit {

Status EpilogueTable::create(const char* where, const Epilogue& epilogue, int32_t channels) {
  kind_ = epilogue.kind;
  channels_ = channels;
  if (kind_ == Epilogue::Kind::none) return {};
  const size_t count = static_cast<size_t>(channels);
  const bool bits = kind_ == Epilogue::Kind::threshold;
  const void* first = bits ? static_cast<const void*>(epilogue.threshold) : epilogue.scale;
  const void* second = bits ? static_cast<const void*>(epilogue.flip) : epilogue.bias;
  if (first == nullptr || second == nullptr) {
    return Status::error(Code::graph, "[%s] epilogue: got a null array, expected %s", where,
                         bits ? "threshold and flip" : "scale and bias");
  }
  const size_t second_bytes = bits ? (count + 7) / 8 : count * sizeof(float);
  if (!first_.allocate(count * 4) || !second_.allocate(second_bytes)) {
    return Status::error(Code::limit, "[%s] memory: got %zu bytes refused, expected them for the epilogue", where,
                         count * 8);
  }
  std::memcpy(first_.as(), first, count * 4);
  std::memcpy(second_.as(), second, second_bytes);
  if (bits && count % 8 != 0 && flip()[count / 8] >> (count % 8) != 0) {
    return Status::error(Code::range, "[%s] flip: got non-zero bits after channel %zu, expected 0", where, count - 1);
  }
  return {};
}

void EpilogueTable::store_row(const int32_t* acc, void* out) const {
  const size_t count = static_cast<size_t>(channels_);
  switch (kind_) {
    case Epilogue::Kind::none: std::memcpy(out, acc, count * 4); return;
    case Epilogue::Kind::threshold: {
      uint8_t* bytes = static_cast<uint8_t*>(out);
      for (size_t first = 0; first < count; first += 8) {
        unsigned byte = 0;
        for (size_t c = first; c < count && c < first + 8; ++c) {
          byte |= static_cast<unsigned>(acc[c] < threshold()[c]) << (c - first);
        }
        bytes[first / 8] = static_cast<uint8_t>(byte ^ flip()[first / 8]);
      }
      return;
    }
    case Epilogue::Kind::affine: {
      float* values = static_cast<float*>(out);
      for (size_t c = 0; c < count; ++c) values[c] = static_cast<float>(acc[c]) * scale()[c] + bias()[c];
      return;
    }
  }
}

}  // namespace xnorkit
