// A 64-byte aligned, zero-filled block of memory that reports failure instead of throwing.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace xnorkit {

constexpr size_t kAlignment = 64;

constexpr size_t align_up(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;
  ~AlignedBuffer() { std::free(data_); }

  // Replaces the content by `bytes` zeros. False, and empty, when the memory cannot be had.
  [[nodiscard]] bool allocate(size_t bytes) {
    std::free(std::exchange(data_, nullptr));
    bytes_ = 0;
    if (bytes == 0) return true;
    if (bytes > SIZE_MAX - kAlignment) return false;
    data_ = std::aligned_alloc(kAlignment, align_up(bytes));
    if (data_ == nullptr) return false;
    bytes_ = bytes;
    std::memset(data_, 0, align_up(bytes));
    return true;
  }

  size_t bytes() const { return bytes_; }

  template <class T = uint8_t>
  T* as() {
    return static_cast<T*>(data_);
  }
  template <class T = uint8_t>
  const T* as() const {
    return static_cast<const T*>(data_);
  }

 private:
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace xnorkit
