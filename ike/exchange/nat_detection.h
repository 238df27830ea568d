// NAT detection by hashes of SPIs, address and port (RFC 7296 section 2.23).
#pragma once

#include <vector>

#include "ike/exchange/core.h"

namespace espalier::ike::exchange {

// Appends NAT_DETECTION_SOURCE_IP and NAT_DETECTION_DESTINATION_IP. `force` sends a source hash
// that cannot match, so that the peer encapsulates.
void add_nat_detection(Core& core, std::uint64_t spi_i, std::uint64_t spi_r, const Endpoint& local,
                       const Endpoint& remote, bool force, std::vector<wire::Payload>& payloads);

struct NatFound {
  bool local = false;   // in front of us
  bool remote = false;  // in front of the peer
};
// What the peer's hashes say about the path that its message took. Nothing when it sent none.
[[nodiscard]] NatFound detect_nat(Core& core, std::uint64_t spi_i, std::uint64_t spi_r,
                                  const Endpoint& local, const Endpoint& remote,
                                  const std::vector<wire::Payload>& payloads);

}  // namespace espalier::ike::exchange
