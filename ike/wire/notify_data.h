// What stands in the data of the notifies we know, in and out.
//
// Each reader gives nullopt unless the data has exactly the form the RFC gives it; the writers make
// whole notifies.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "ike/wire/payloads.h"

namespace espalier::ike::wire {

// INVALID_KE_PAYLOAD (RFC 7296 section 1.3): the group to use.
[[nodiscard]] Notify make_invalid_ke_payload(std::uint16_t group);
[[nodiscard]] std::optional<std::uint16_t> invalid_ke_group(const Notify& notify);

// UNSUPPORTED_CRITICAL_PAYLOAD (RFC 7296 section 2.5): the payload's type.
[[nodiscard]] Notify make_unsupported_critical_payload(std::uint8_t type);
// INVALID_MAJOR_VERSION (RFC 7296 section 2.5): the version we speak.
[[nodiscard]] Notify make_invalid_major_version();

// COOKIE (RFC 7296 section 2.6): 1 to 64 octets.
[[nodiscard]] std::optional<ByteView> cookie_of(const Notify& notify);

// NAT_DETECTION_*_IP (RFC 7296 section 2.23): a SHA-1 hash, 20 octets.
[[nodiscard]] std::optional<ByteView> nat_detection_hash(const Notify& notify);

// REKEY_SA (RFC 7296 section 1.3.3): protocol AH or ESP, SPI of the SA as the sender receives on
// it.
[[nodiscard]] Notify make_rekey_sa(std::uint32_t spi);
[[nodiscard]] std::optional<std::uint32_t> rekey_sa_spi(const Notify& notify);
// CHILD_SA_NOT_FOUND (RFC 7296 section 2.25): the same form, ESP.
[[nodiscard]] Notify make_child_sa_not_found(std::uint32_t spi);

// SIGNATURE_HASH_ALGORITHMS (RFC 7427 section 4). Numbers not known here stay in the list.
[[nodiscard]] Notify make_signature_hash_algorithms(const std::vector<HashAlgorithm>& hashes);
[[nodiscard]] std::optional<std::vector<HashAlgorithm>> signature_hash_algorithms(
    const Notify& notify);

// SET_WINDOW_SIZE (RFC 7296 section 2.3): how many requests the sender takes at a time; not 0.
[[nodiscard]] std::optional<std::uint32_t> window_size(const Notify& notify);

// PPK_IDENTITY (RFC 8784 section 5.1): PPK_ID type and value.
enum class PpkIdType : std::uint8_t { kOpaque = 1, kFixed = 2 };
struct PpkIdentity {
  PpkIdType type = PpkIdType::kFixed;
  Bytes id;
  friend bool operator==(const PpkIdentity&, const PpkIdentity&) = default;
};
[[nodiscard]] Notify make_ppk_identity(const PpkIdentity& identity);
// The id is not empty. Other types than the two are given as they are.
[[nodiscard]] std::optional<PpkIdentity> ppk_identity(const Notify& notify);

}  // namespace espalier::ike::wire
