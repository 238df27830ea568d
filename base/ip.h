// IP value types: address, prefix, range, endpoint. Both families in one type; plain values,
// ordered and hashable.
//
// Guarantees: parse() accepts exactly one spelling class (no zone, no leading zeros, no surrounding
// space) and never throws; to_string() gives RFC 5952 text.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace espalier {

enum class IpFamily : std::uint8_t { kV4 = 4, kV6 = 6 };

class IpAddress {
 public:
  IpAddress() = default;  // 0.0.0.0
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);
  // 4 or 16 bytes in network order; nullopt for any other length.
  [[nodiscard]] static std::optional<IpAddress> from_bytes(ByteView bytes);
  [[nodiscard]] static IpAddress any(IpFamily family);
  [[nodiscard]] static IpAddress v4(std::uint32_t host_order);

  [[nodiscard]] IpFamily family() const { return family_; }
  [[nodiscard]] bool is_v4() const { return family_ == IpFamily::kV4; }
  [[nodiscard]] std::size_t size() const { return is_v4() ? 4 : 16; }
  [[nodiscard]] int bits() const { return is_v4() ? 32 : 128; }
  [[nodiscard]] ByteView bytes() const { return {bytes_.data(), size()}; }
  [[nodiscard]] bool is_unspecified() const;
  [[nodiscard]] std::string to_string() const;
  // The next address; wraps at the end of the family's space.
  [[nodiscard]] IpAddress next() const;

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  IpFamily family_ = IpFamily::kV4;
  std::array<std::uint8_t, 16> bytes_{};  // an IPv4 address uses the first four, the rest is zero
};

// A CIDR block; host bits are zero.
class Prefix {
 public:
  Prefix() = default;
  Prefix(const IpAddress& address,
         int length);  // length is clamped to the family; host bits are cleared
  // "10.0.0.0/8". Host bits set or a missing length give nullopt.
  [[nodiscard]] static std::optional<Prefix> parse(std::string_view text);
  [[nodiscard]] static Prefix host(const IpAddress& address) { return {address, address.bits()}; }

  [[nodiscard]] const IpAddress& address() const { return address_; }
  [[nodiscard]] int length() const { return length_; }
  [[nodiscard]] IpFamily family() const { return address_.family(); }
  [[nodiscard]] IpAddress first() const { return address_; }
  [[nodiscard]] IpAddress last() const;
  [[nodiscard]] bool contains(const IpAddress& address) const;
  [[nodiscard]] bool contains(const Prefix& other) const;
  [[nodiscard]] bool overlaps(const Prefix& other) const;
  [[nodiscard]] std::string to_string() const;

  friend auto operator<=>(const Prefix&, const Prefix&) = default;

 private:
  IpAddress address_;
  std::uint8_t length_ = 0;
};

// An address and a UDP or TCP port (0 to 65535, host order).
struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  [[nodiscard]] std::string to_string() const;  // "192.0.2.1:500", "[2001:db8::1]:500"
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

}  // namespace espalier

template <>
struct std::hash<espalier::IpAddress> {
  std::size_t operator()(const espalier::IpAddress& address) const noexcept;
};
template <>
struct std::hash<espalier::Endpoint> {
  std::size_t operator()(const espalier::Endpoint& endpoint) const noexcept {
    return std::hash<espalier::IpAddress>{}(endpoint.address) * 31 + endpoint.port;
  }
};
