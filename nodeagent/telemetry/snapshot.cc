#include "nodeagent/telemetry/snapshot.h"

#include <fmt/format.h>

namespace espalier::telemetry {

std::string_view name_of(Enforcement value) {
  switch (value) {
    case Enforcement::kRequired:
      return "Required";
    case Enforcement::kPreferred:
      return "Preferred";
    case Enforcement::kBypass:
      return "Bypass";
  }
  return "Unknown";
}

std::string_view name_of(ConnectionState value) {
  switch (value) {
    case ConnectionState::kDown:
      return "Down";
    case ConnectionState::kTrapped:
      return "Trapped";
    case ConnectionState::kConnecting:
      return "Connecting";
    case ConnectionState::kEstablished:
      return "Established";
    case ConnectionState::kRekeying:
      return "Rekeying";
    case ConnectionState::kOutdated:
      return "Outdated";
    case ConnectionState::kAdopted:
      return "Adopted";
    case ConnectionState::kWaiting:
      return "Waiting";
    case ConnectionState::kBlocked:
      return "Blocked";
  }
  return "Unknown";
}

std::string_view name_of(ChildState value) {
  switch (value) {
    case ChildState::kUp:
      return "Up";
    case ChildState::kTrap:
      return "Trap";
    case ChildState::kDown:
      return "Down";
    case ChildState::kDraining:
      return "Draining";
    case ChildState::kAdopted:
      return "Adopted";
  }
  return "Unknown";
}

std::string_view name_of(Mode value) {
  return value == Mode::kTunnel ? "Tunnel" : "Transport";
}

std::string_view name_of(Role value) {
  return value == Role::kInitiator ? "Initiator" : "Responder";
}

std::string_view name_of(Encapsulation value) {
  switch (value) {
    case Encapsulation::kNone:
      return "None";
    case Encapsulation::kUdp:
      return "UDP";
    case Encapsulation::kTcp:
      return "TCP";
  }
  return "Unknown";
}

std::string_view name_of(Direction value) {
  switch (value) {
    case Direction::kIn:
      return "in";
    case Direction::kOut:
      return "out";
    case Direction::kForward:
      return "fwd";
  }
  return "unknown";
}

std::string_view name_of(Side value) {
  switch (value) {
    case Side::kLocal:
      return "Local";
    case Side::kPeer:
      return "Peer";
    case Side::kNobody:
      return "Nobody";
  }
  return "Unknown";
}

std::string ike_spi_text(std::uint64_t spi) {
  return spi == 0 ? "" : fmt::format("{:#018x}", spi);
}
std::string esp_spi_text(std::uint32_t spi) {
  return spi == 0 ? "" : fmt::format("{:#010x}", spi);
}

}  // namespace espalier::telemetry
