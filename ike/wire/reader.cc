#include "ike/wire/reader.h"

#include <utility>

#include <fmt/format.h>

namespace espalier::ike::wire {

const Reader& Reader::root() const {
  const Reader* reader = this;
  while (reader->parent_) reader = reader->parent_;
  return *reader;
}

std::string Reader::path(std::string_view field, int index) const {
  std::string text = parent_ ? parent_->path(name_, index_) : std::string(name_);
  if (field.empty()) return text;
  if (!text.empty()) text += '.';
  text += field;
  if (index >= 0) text += fmt::format("[{}]", index);
  return text;
}

void Reader::fail_at(std::string_view field, int index, Code code, std::string detail) {
  Reader* top = this;
  while (top->parent_) top = top->parent_;
  if (!top->failure_) top->failure_ = Error{code, path(field, index), std::move(detail)};
}

void Reader::fail(std::string_view field, Code code, std::string detail) {
  fail_at(field, -1, code, std::move(detail));
}

ByteView Reader::take(std::size_t count, std::string_view field, int index) {
  if (!ok()) return {};
  if (left_.size() < count) {
    fail_at(field, index, Code::kTruncated,
            fmt::format("needs {} octets, {} are left", count, left_.size()));
    return {};
  }
  const ByteView taken = left_.first(count);
  left_ = left_.subspan(count);
  return taken;
}

ByteView Reader::bytes(std::size_t count, std::string_view field) {
  return take(count, field, -1);
}

std::uint8_t Reader::u8(std::string_view field) {
  const ByteView b = bytes(1, field);
  return b.empty() ? std::uint8_t{0} : b[0];
}

std::uint16_t Reader::u16(std::string_view field) {
  const ByteView b = bytes(2, field);
  return b.empty() ? std::uint16_t{0} : static_cast<std::uint16_t>(b[0] << 8 | b[1]);
}

std::uint32_t Reader::u32(std::string_view field) {
  std::uint32_t value = 0;
  for (const std::uint8_t octet : bytes(4, field)) value = value << 8 | octet;
  return value;
}

std::uint64_t Reader::u64(std::string_view field) {
  std::uint64_t value = 0;
  for (const std::uint8_t octet : bytes(8, field)) value = value << 8 | octet;
  return value;
}

ByteView Reader::rest() {
  return bytes(remaining(), {});
}

Reader Reader::sub(std::size_t count, std::string_view name, int index) {
  return Reader(*this, take(count, name, index), name, index);
}

void Reader::expect_end() {
  if (remaining() > 0) {
    fail({}, Code::kInvalid, fmt::format("{} octets after its end", left_.size()));
  }
}

}  // namespace espalier::ike::wire
