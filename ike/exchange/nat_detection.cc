#include "ike/exchange/nat_detection.h"

#include <array>

#include "ike/exchange/window.h"
#include "ike/wire/notify_data.h"

namespace espalier::ike::exchange {
namespace {

Bytes hash(Core& core, std::uint64_t spi_i, std::uint64_t spi_r, const Endpoint& endpoint) {
  const Bytes i = wire::spi_bytes(spi_i), r = wire::spi_bytes(spi_r);
  const std::array<std::uint8_t, 2> port = {static_cast<std::uint8_t>(endpoint.port >> 8),
                                            static_cast<std::uint8_t>(endpoint.port)};
  const std::array<ByteView, 4> pieces = {i, r, endpoint.address.bytes(), ByteView(port)};
  const auto digest = core.provider.sha1(pieces);
  return digest ? Bytes(digest->begin(), digest->end()) : Bytes{};
}

}  // namespace

void add_nat_detection(Core& core, std::uint64_t spi_i, std::uint64_t spi_r, const Endpoint& local,
                       const Endpoint& remote, bool force, std::vector<wire::Payload>& payloads) {
  Bytes source = hash(core, spi_i, spi_r, local);
  if (force) source = core.random_bytes(source.size());
  payloads.emplace_back(notify(wire::NotifyType::kNatDetectionSourceIp, std::move(source)));
  payloads.emplace_back(
      notify(wire::NotifyType::kNatDetectionDestinationIp, hash(core, spi_i, spi_r, remote)));
}

NatFound detect_nat(Core& core, std::uint64_t spi_i, std::uint64_t spi_r, const Endpoint& local,
                    const Endpoint& remote, const std::vector<wire::Payload>& payloads) {
  bool any_source = false, source_matches = false, any_destination = false,
       destination_matches = false;
  const Bytes from = hash(core, spi_i, spi_r, remote), to = hash(core, spi_i, spi_r, local);
  for (const wire::Payload& payload : payloads) {
    const auto* one = std::get_if<wire::Notify>(&payload);
    if (one == nullptr) continue;
    if (one->type == wire::NotifyType::kNatDetectionSourceIp) {
      any_source = true;
      source_matches = source_matches || equal(one->data, from);
    } else if (one->type == wire::NotifyType::kNatDetectionDestinationIp) {
      any_destination = true;
      destination_matches = destination_matches || equal(one->data, to);
    }
  }
  return {any_destination && !destination_matches, any_source && !source_matches};
}

}  // namespace espalier::ike::exchange
