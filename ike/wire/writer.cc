#include "ike/wire/writer.h"

#include <string>
#include <utility>

#include <fmt/format.h>

namespace espalier::ike::wire {

void Writer::u16(std::uint16_t value) {
  u8(static_cast<std::uint8_t>(value >> 8));
  u8(static_cast<std::uint8_t>(value));
}

void Writer::u32(std::uint32_t value) {
  u16(static_cast<std::uint16_t>(value >> 16));
  u16(static_cast<std::uint16_t>(value));
}

void Writer::u64(std::uint64_t value) {
  u32(static_cast<std::uint32_t>(value >> 32));
  u32(static_cast<std::uint32_t>(value));
}

void Writer::count8(std::size_t value, std::string_view field) {
  if (value > 0xff) fail(field, fmt::format("{} does not fit one octet", value));
  u8(static_cast<std::uint8_t>(value));
}

void Writer::count16(std::size_t value, std::string_view field) {
  if (value > 0xffff) fail(field, fmt::format("{} does not fit two octets", value));
  u16(static_cast<std::uint16_t>(value));
}

void Writer::patch8(std::size_t at, std::uint8_t value) {
  if (at < out_.size()) out_[at] = value;
}

void Writer::patch16(std::size_t at, std::uint16_t value) {
  patch8(at, static_cast<std::uint8_t>(value >> 8));
  patch8(at + 1, static_cast<std::uint8_t>(value));
}

void Writer::fail(std::string_view field, std::string detail) {
  if (!failure_) failure_ = Error{Code::kInvalid, std::string(field), std::move(detail)};
}

Result<Bytes> Writer::take() {
  if (failure_) return tl::unexpected<Error>(*std::move(failure_));
  return std::move(out_);
}

Writer::Length16::Length16(Writer& writer, std::size_t start, std::string_view field)
    : writer_(writer), start_(start), at_(writer.size()), field_(field) {
  writer_.u16(0);
}

Writer::Length16::~Length16() {
  const std::size_t length = writer_.size() - start_;
  if (length > 0xffff) writer_.fail(field_, fmt::format("{} octets do not fit", length));
  writer_.patch16(at_, static_cast<std::uint16_t>(length));
}

}  // namespace espalier::ike::wire
