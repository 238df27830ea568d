// Every payload of RFC 7296 as a plain struct (SK and SKF are framing: see Encrypted in message.h).
//
// Guarantees of decoded ones: the limits of limits.h, and the rules that each struct states. Fields
// the RFC calls RESERVED are dropped, except in IDi and IDr, whose octets are signed.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "ike/wire/constants.h"
#include "ike/wire/identification.h"
#include "ike/wire/traffic_selector.h"

namespace espalier::ike::wire {

// RFC 7296 section 3.3.5. A TV attribute (the registry's only one is) has a two-octet value.
struct Attribute {
  std::uint16_t type = 0;  // 15 bits
  bool tv = true;
  Bytes value;  // two octets when tv
  friend bool operator==(const Attribute&, const Attribute&) = default;
};

// RFC 7296 section 3.3.2.
struct Transform {
  TransformType type{};
  std::uint16_t id = 0;
  std::optional<std::uint16_t> key_length;  // bits
  // What is not the one Key Length attribute, a second Key Length included. RFC 7296 section 3.3.6:
  // a transform with one that is not understood is not chosen; the rest of the proposal stands.
  std::vector<Attribute> other_attributes;
  friend bool operator==(const Transform&, const Transform&) = default;
};

// RFC 7296 section 3.3.1.
struct Proposal {
  std::uint8_t number = 1;
  ProtocolId protocol = ProtocolId::kIke;
  Bytes spi;  // 0 or 8 octets for IKE, 4 for AH and ESP: checked by who uses the proposal
  std::vector<Transform> transforms;
  friend bool operator==(const Proposal&, const Proposal&) = default;
};

// RFC 7296 section 3.3; at least one proposal, numbered as they came.
struct Sa {
  static constexpr PayloadType kType = PayloadType::kSa;
  std::vector<Proposal> proposals;
  friend bool operator==(const Sa&, const Sa&) = default;
};

// RFC 7296 section 3.4; `data` is not empty. The length that the group asks for is the provider's
// to check.
struct Ke {
  static constexpr PayloadType kType = PayloadType::kKe;
  std::uint16_t group = 0;
  Bytes data;
  friend bool operator==(const Ke&, const Ke&) = default;
};

// RFC 7296 section 3.5. RESERVED is kept because it is part of what AUTH covers.
template <PayloadType kPayloadType>
struct IdPayload {
  static constexpr PayloadType kType = kPayloadType;
  Identification id;
  std::array<std::uint8_t, 3> reserved{};
  // RFC 7296 section 2.15, RestOfInitIDPayload and RestOfRespIDPayload: what MACedIDForI covers.
  [[nodiscard]] Bytes body() const {
    Bytes octets(4 + id.data.size());
    octets[0] = static_cast<std::uint8_t>(id.type);
    std::copy(reserved.begin(), reserved.end(), octets.begin() + 1);
    std::copy(id.data.begin(), id.data.end(), octets.begin() + 4);
    return octets;
  }
  friend bool operator==(const IdPayload&, const IdPayload&) = default;
};
using Idi = IdPayload<PayloadType::kIdi>;
using Idr = IdPayload<PayloadType::kIdr>;

// RFC 7296 section 3.6; `data` is not empty.
struct Cert {
  static constexpr PayloadType kType = PayloadType::kCert;
  CertEncoding encoding = CertEncoding::kX509Signature;
  Bytes data;
  friend bool operator==(const Cert&, const Cert&) = default;
};

// RFC 7296 section 3.7.
struct CertReq {
  static constexpr PayloadType kType = PayloadType::kCertReq;
  static constexpr std::size_t kHashSize = 20;  // SHA-1 of an authority's SubjectPublicKeyInfo
  CertEncoding encoding = CertEncoding::kX509Signature;
  Bytes authorities;  // for X.509 a row of hashes; a rest shorter than a hash means nothing
  [[nodiscard]] std::size_t hash_count() const { return authorities.size() / kHashSize; }
  [[nodiscard]] ByteView hash(std::size_t index) const {
    return ByteView(authorities).subspan(index * kHashSize, kHashSize);
  }
  friend bool operator==(const CertReq&, const CertReq&) = default;
};

// RFC 7296 section 3.8; for method 14 see SignatureAuth in auth_data.h.
struct Auth {
  static constexpr PayloadType kType = PayloadType::kAuth;
  AuthMethod method{};
  Bytes data;
  friend bool operator==(const Auth&, const Auth&) = default;
};

// RFC 7296 section 3.9; 16 to 256 octets.
struct Nonce {
  static constexpr PayloadType kType = PayloadType::kNonce;
  Bytes data;
  friend bool operator==(const Nonce&, const Nonce&) = default;
};

// RFC 7296 section 3.10. The SPI's length is the peer's; spi32() and spi64() give it only when it
// is right. What is in `data`: notify_data.h.
struct Notify {
  static constexpr PayloadType kType = PayloadType::kNotify;
  NotifyType type{};
  ProtocolId protocol = ProtocolId::kNone;
  Bytes spi;
  Bytes data;
  [[nodiscard]] std::optional<std::uint32_t> spi32() const;
  friend bool operator==(const Notify&, const Notify&) = default;
};

// RFC 7296 section 3.11: IKE without SPIs, or AH or ESP with some; nothing else is decoded.
struct Delete {
  static constexpr PayloadType kType = PayloadType::kDelete;
  ProtocolId protocol = ProtocolId::kIke;
  std::vector<std::uint32_t> spis;
  friend bool operator==(const Delete&, const Delete&) = default;
};

// RFC 7296 section 3.12.
struct VendorId {
  static constexpr PayloadType kType = PayloadType::kVendorId;
  Bytes data;
  friend bool operator==(const VendorId&, const VendorId&) = default;
};

// RFC 7296 section 3.13; at least one selector on the wire.
template <PayloadType kPayloadType>
struct TsPayload {
  static constexpr PayloadType kType = kPayloadType;
  std::vector<TrafficSelector> selectors;
  // Selectors of types other than the two address ranges (Fibre Channel, security labels): left
  // out of `selectors`, so that what remains is never wider than what was asked for.
  std::uint8_t unknown_selectors = 0;
  friend bool operator==(const TsPayload&, const TsPayload&) = default;
};
using Tsi = TsPayload<PayloadType::kTsi>;
using Tsr = TsPayload<PayloadType::kTsr>;

// RFC 7296 section 3.15.1.
struct CpAttribute {
  std::uint16_t type = 0;  // 15 bits
  Bytes value;
  friend bool operator==(const CpAttribute&, const CpAttribute&) = default;
};

// RFC 7296 section 3.15.
struct Cp {
  static constexpr PayloadType kType = PayloadType::kCp;
  CfgType cfg_type = CfgType::kRequest;
  std::vector<CpAttribute> attributes;
  friend bool operator==(const Cp&, const Cp&) = default;
};

// RFC 7296 section 3.16; opaque here.
struct Eap {
  static constexpr PayloadType kType = PayloadType::kEap;
  Bytes message;
  friend bool operator==(const Eap&, const Eap&) = default;
};

// A payload of a type not known here. A decoded one is never critical (those are refused); one that
// is encoded may be, for tests of peers.
struct Unknown {
  std::uint8_t type = 0;
  bool critical = false;
  Bytes body;
  friend bool operator==(const Unknown&, const Unknown&) = default;
};

using Payload = std::variant<Sa, Ke, Idi, Idr, Cert, CertReq, Auth, Nonce, Notify, Delete, VendorId,
                             Tsi, Tsr, Cp, Eap, Unknown>;

[[nodiscard]] PayloadType type_of(const Payload& payload);

// The SPI of four octets as a number, and back; nullopt for any other length.
[[nodiscard]] std::optional<std::uint32_t> spi32_of(ByteView spi);
[[nodiscard]] std::optional<std::uint64_t> spi64_of(ByteView spi);
[[nodiscard]] Bytes spi_bytes(std::uint32_t spi);
[[nodiscard]] Bytes spi_bytes(std::uint64_t spi);

}  // namespace espalier::ike::wire
