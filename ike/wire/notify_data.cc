#include "ike/wire/notify_data.h"

#include "ike/wire/limits.h"
#include "ike/wire/message.h"
#include "ike/wire/reader.h"

namespace espalier::ike::wire {

namespace {

constexpr std::size_t kSha1Size = 20;

Notify with_data(NotifyType type, Bytes data) {
  Notify notify;
  notify.type = type;
  notify.data = std::move(data);
  return notify;
}

Notify about_esp(NotifyType type, std::uint32_t spi) {
  Notify notify;
  notify.type = type;
  notify.protocol = ProtocolId::kEsp;
  notify.spi = spi_bytes(spi);
  return notify;
}

}  // namespace

Notify make_invalid_ke_payload(std::uint16_t group) {
  return with_data(NotifyType::kInvalidKePayload,
                   {static_cast<std::uint8_t>(group >> 8), static_cast<std::uint8_t>(group)});
}

std::optional<std::uint16_t> invalid_ke_group(const Notify& notify) {
  Reader reader(notify.data, "INVALID_KE_PAYLOAD");
  const std::uint16_t group = reader.u16("group");
  reader.expect_end();
  if (notify.type != NotifyType::kInvalidKePayload || !reader.ok()) return std::nullopt;
  return group;
}

Notify make_unsupported_critical_payload(std::uint8_t type) {
  return with_data(NotifyType::kUnsupportedCriticalPayload, {type});
}

Notify make_invalid_major_version() {
  return with_data(NotifyType::kInvalidMajorVersion, {kVersion2});
}

std::optional<ByteView> cookie_of(const Notify& notify) {
  if (notify.type != NotifyType::kCookie) return std::nullopt;
  if (notify.data.empty() || notify.data.size() > kMaxCookie) return std::nullopt;
  return ByteView(notify.data);
}

std::optional<ByteView> nat_detection_hash(const Notify& notify) {
  if (notify.type != NotifyType::kNatDetectionSourceIp &&
      notify.type != NotifyType::kNatDetectionDestinationIp) {
    return std::nullopt;
  }
  if (notify.data.size() != kSha1Size) return std::nullopt;
  return ByteView(notify.data);
}

Notify make_rekey_sa(std::uint32_t spi) {
  return about_esp(NotifyType::kRekeySa, spi);
}

Notify make_child_sa_not_found(std::uint32_t spi) {
  return about_esp(NotifyType::kChildSaNotFound, spi);
}

std::optional<std::uint32_t> rekey_sa_spi(const Notify& notify) {
  if (notify.type != NotifyType::kRekeySa) return std::nullopt;
  if (notify.protocol != ProtocolId::kEsp && notify.protocol != ProtocolId::kAh) {
    return std::nullopt;
  }
  return notify.spi32();
}

Notify make_signature_hash_algorithms(const std::vector<HashAlgorithm>& hashes) {
  Bytes data;
  for (const HashAlgorithm hash : hashes) {
    const auto number = static_cast<std::uint16_t>(hash);
    data.push_back(static_cast<std::uint8_t>(number >> 8));
    data.push_back(static_cast<std::uint8_t>(number));
  }
  return with_data(NotifyType::kSignatureHashAlgorithms, std::move(data));
}

std::optional<std::vector<HashAlgorithm>> signature_hash_algorithms(const Notify& notify) {
  if (notify.type != NotifyType::kSignatureHashAlgorithms) return std::nullopt;
  Reader reader(notify.data, "SIGNATURE_HASH_ALGORITHMS");
  std::vector<HashAlgorithm> hashes;
  while (reader.remaining() > 0) hashes.push_back(static_cast<HashAlgorithm>(reader.u16("hash")));
  if (!reader.ok() || hashes.empty()) return std::nullopt;
  return hashes;
}

std::optional<std::uint32_t> window_size(const Notify& notify) {
  Reader reader(notify.data, "SET_WINDOW_SIZE");
  const std::uint32_t size = reader.u32("size");
  reader.expect_end();
  if (notify.type != NotifyType::kSetWindowSize || !reader.ok() || size == 0) return std::nullopt;
  return size;
}

Notify make_ppk_identity(const PpkIdentity& identity) {
  Bytes data{static_cast<std::uint8_t>(identity.type)};
  append(data, identity.id);
  return with_data(NotifyType::kPpkIdentity, std::move(data));
}

std::optional<PpkIdentity> ppk_identity(const Notify& notify) {
  Reader reader(notify.data, "PPK_IDENTITY");
  PpkIdentity identity;
  identity.type = static_cast<PpkIdType>(reader.u8("type"));
  identity.id = to_bytes(reader.rest());
  if (notify.type != NotifyType::kPpkIdentity || !reader.ok() || identity.id.empty()) {
    return std::nullopt;
  }
  return identity;
}

}  // namespace espalier::ike::wire
