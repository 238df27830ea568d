// Writer: how messages are put together; big-endian throughout.
//
// Guarantees: a length that does not fit its field is a sticky failure that names the field, never
// a wrapped number; take() gives the bytes or that failure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace espalier::ike::wire {

class Writer {
 public:
  explicit Writer(std::size_t expected = 0) { out_.reserve(expected); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void u8(std::uint8_t value) { out_.push_back(value); }
  void u16(std::uint16_t value);
  void u32(std::uint32_t value);
  void u64(std::uint64_t value);
  void bytes(ByteView bytes) { append(out_, bytes); }
  void zeros(std::size_t count) { out_.insert(out_.end(), count, 0); }
  // A one-octet count or length; fails when `value` is above 255.
  void count8(std::size_t value, std::string_view field);
  void count16(std::size_t value, std::string_view field);

  // Overwrites one octet that was written before; used for "Next Payload" and "Last Substruc".
  void patch8(std::size_t at, std::uint8_t value);

  // Reserves a 16-bit length here and, at the scope's end, fills in the octets written since
  // `start`, the length field included.
  class Length16 {
   public:
    Length16(Writer& writer, std::size_t start, std::string_view field);
    Length16(const Length16&) = delete;
    Length16& operator=(const Length16&) = delete;
    ~Length16();

   private:
    Writer& writer_;
    std::size_t start_;
    std::size_t at_;
    std::string_view field_;
  };
  [[nodiscard]] Length16 length16(std::size_t start, std::string_view field) {
    return {*this, start, field};
  }

  void fail(std::string_view field, std::string detail);
  [[nodiscard]] bool ok() const { return !failure_; }
  [[nodiscard]] std::size_t size() const { return out_.size(); }
  [[nodiscard]] Result<Bytes> take();

 private:
  void patch16(std::size_t at, std::uint16_t value);

  Bytes out_;
  std::optional<Error> failure_;
};

}  // namespace espalier::ike::wire
