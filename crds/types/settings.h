// The blocks that IPsecPolicy and Tunnel share: how to speak IKE and ESP, PPKs, encapsulation,
// liveness. What stands here as an initial value is the default of the API.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"

namespace espalier::crds {

enum class Establish : std::uint8_t { kEager, kOnDemand, kPassive };
enum class OnNegotiation : std::uint8_t { kHold, kPass };
enum class OnFailure : std::uint8_t { kDrop, kPass };
enum class UdpEncapsulation : std::uint8_t { kAuto, kAlways, kNever };
enum class TcpEncapsulation : std::uint8_t { kNever };
enum class Offload : std::uint8_t { kAuto, kNone };
enum class PpkMode : std::uint8_t { kNever, kPrefer, kInsist };
enum class LivenessAction : std::uint8_t { kRestart, kTrap, kClear };

// A key of a Secret; the object that refers to it decides the namespace.
struct SecretKeyRef {
  std::string name;
  std::string key;

  friend bool operator==(const SecretKeyRef&, const SecretKeyRef&) = default;
};

[[nodiscard]] std::vector<std::string> default_ike_proposals();
[[nodiscard]] std::vector<std::string> default_esp_proposals();

struct Ike {
  std::vector<std::string> proposals = default_ike_proposals();  // canonical, best first
  Duration lifetime = std::chrono::hours(8);
  bool fragmentation = true;

  friend bool operator==(const Ike&, const Ike&) = default;
};

struct Esp {
  std::vector<std::string> proposals = default_esp_proposals();  // canonical, best first
  bool pfs = true;
  std::optional<bool> esn;  // left out: both ways are offered
  Duration lifetime = std::chrono::hours(1);
  std::int64_t replay_window = 4096;  // packets

  friend bool operator==(const Esp&, const Esp&) = default;
};

struct PpkKey {
  std::string id;
  SecretKeyRef secret;

  friend bool operator==(const PpkKey&, const PpkKey&) = default;
};

struct Ppk {
  PpkMode mode = PpkMode::kNever;
  std::vector<PpkKey> keys;

  friend bool operator==(const Ppk&, const Ppk&) = default;
};

struct TcpEncapsulationSettings {
  TcpEncapsulation mode = TcpEncapsulation::kNever;
  std::int64_t port = 4500;

  friend bool operator==(const TcpEncapsulationSettings&,
                         const TcpEncapsulationSettings&) = default;
};

struct Encapsulation {
  UdpEncapsulation udp = UdpEncapsulation::kAuto;
  TcpEncapsulationSettings tcp;

  friend bool operator==(const Encapsulation&, const Encapsulation&) = default;
};

struct Liveness {
  Duration delay = std::chrono::seconds(30);
  Duration timeout = std::chrono::seconds(10);
  std::optional<LivenessAction>
      action;  // left out: Restart, with OnDemand Trap, with Passive Clear

  friend bool operator==(const Liveness&, const Liveness&) = default;
};

}  // namespace espalier::crds
