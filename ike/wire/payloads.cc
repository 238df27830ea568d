#include "ike/wire/payloads.h"

namespace espalier::ike::wire {

namespace {

template <typename Number>
std::optional<Number> number_of(ByteView octets) {
  if (octets.size() != sizeof(Number)) return std::nullopt;
  Number number = 0;
  for (const std::uint8_t octet : octets) number = static_cast<Number>(number << 8 | octet);
  return number;
}

template <typename Number>
Bytes octets_of(Number number) {
  Bytes octets(sizeof(Number));
  for (std::size_t i = octets.size(); i-- > 0;) {
    octets[i] = static_cast<std::uint8_t>(number);
    number = static_cast<Number>(number >> 8);
  }
  return octets;
}

struct TypeOf {
  template <typename P>
  PayloadType operator()(const P&) const {
    return P::kType;
  }
  PayloadType operator()(const Unknown& unknown) const {
    return static_cast<PayloadType>(unknown.type);
  }
};

}  // namespace

std::optional<std::uint32_t> spi32_of(ByteView spi) {
  return number_of<std::uint32_t>(spi);
}

std::optional<std::uint64_t> spi64_of(ByteView spi) {
  return number_of<std::uint64_t>(spi);
}

Bytes spi_bytes(std::uint32_t spi) {
  return octets_of(spi);
}

Bytes spi_bytes(std::uint64_t spi) {
  return octets_of(spi);
}

std::optional<std::uint32_t> Notify::spi32() const {
  return spi32_of(spi);
}

PayloadType type_of(const Payload& payload) {
  return std::visit(TypeOf{}, payload);
}

}  // namespace espalier::ike::wire
