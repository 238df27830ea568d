// SecretBytes: the home of a key outside NSS.
//
// Guarantees: move-only (copy() is explicit), wiped before the memory is given back, also when
// moved from, shrunk or assigned to; no stream operator, no ==; ct_equal compares. Caveat: the
// process also sets PR_SET_DUMPABLE 0 and RLIMIT_CORE 0 (base/process), so that a core dump
// cannot hold one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

#include "base/bytes.h"

namespace espalier {

class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(std::size_t size)
      : size_(size), data_(size ? new std::uint8_t[size]() : nullptr) {}
  explicit SecretBytes(ByteView from) : SecretBytes(from.size()) {
    std::copy(from.begin(), from.end(), data_.get());
  }
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  SecretBytes(SecretBytes&& other) noexcept
      : size_(std::exchange(other.size_, 0)), data_(std::move(other.data_)) {}
  SecretBytes& operator=(SecretBytes&& other) noexcept {
    if (this != &other) {
      wipe();
      size_ = std::exchange(other.size_, 0);
      data_ = std::move(other.data_);
    }
    return *this;
  }
  ~SecretBytes() { wipe(); }

  [[nodiscard]] SecretBytes copy() const { return SecretBytes(view()); }
  [[nodiscard]] ByteView view() const { return {data_.get(), size_}; }
  [[nodiscard]] std::span<std::uint8_t> writable() { return {data_.get(), size_}; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

  // The bytes [offset, offset + length) as a secret of their own; clamped to what is there.
  [[nodiscard]] SecretBytes slice(std::size_t offset, std::size_t length) const {
    if (offset > size_) offset = size_;
    if (length > size_ - offset) length = size_ - offset;
    return SecretBytes(view().subspan(offset, length));
  }

  void wipe() {
    if (data_) explicit_bzero(data_.get(), size_);
    data_.reset();
    size_ = 0;
  }

 private:
  std::size_t size_ = 0;
  std::unique_ptr<std::uint8_t[]> data_;
};

}  // namespace espalier
