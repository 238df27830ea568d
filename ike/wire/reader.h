// Reader: the only way to look at a peer's bytes.
//
// Guarantees: never reads outside its span; after the first failure (sticky, and shared by a reader
// and everything made from it by sub()) every read gives zero or nothing and remaining() is 0, so a
// decoder may read a whole structure and ask once. The failure names the field by its path:
// "IKE_AUTH.TSi.selector[1].end_port". Paths are put together only when something fails.
// Assumption: the bytes, the names and the reader that sub() was called on outlive the reader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace espalier::ike::wire {

class Reader {
 public:
  Reader(ByteView bytes, std::string_view name) : name_(name), left_(bytes) {}
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // Big-endian integers; 0 after a failure.
  std::uint8_t u8(std::string_view field);
  std::uint16_t u16(std::string_view field);
  std::uint32_t u32(std::string_view field);
  std::uint64_t u64(std::string_view field);
  // Exactly `count` octets; an empty view after a failure.
  ByteView bytes(std::size_t count, std::string_view field);
  // Everything that is left.
  ByteView rest();
  // A reader over the next `count` octets that reports into this one under `name` or "name[index]".
  [[nodiscard]] Reader sub(std::size_t count, std::string_view name, int index = -1);

  // Fails when octets are left.
  void expect_end();
  // Records a failure at `field` (empty: at the structure itself); the first one stays.
  void fail(std::string_view field, Code code, std::string detail);

  [[nodiscard]] bool ok() const { return !root().failure_; }
  [[nodiscard]] std::size_t remaining() const { return ok() ? left_.size() : 0; }
  // Precondition: !ok().
  [[nodiscard]] const Error& error() const { return *root().failure_; }

 private:
  Reader(Reader& parent, ByteView bytes, std::string_view name, int index)
      : parent_(&parent), name_(name), index_(index), left_(bytes) {}
  [[nodiscard]] const Reader& root() const;
  [[nodiscard]] std::string path(std::string_view field, int index) const;
  // The next `count` octets, or none and a failure at "field" or "field[index]".
  ByteView take(std::size_t count, std::string_view field, int index);
  void fail_at(std::string_view field, int index, Code code, std::string detail);

  Reader* parent_ = nullptr;
  std::string_view name_;
  int index_ = -1;
  ByteView left_;
  std::optional<Error> failure_;  // the root's is the one that counts
};

}  // namespace espalier::ike::wire
