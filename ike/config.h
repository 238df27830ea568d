// What the engine is told about a peer: one Connection per IKE SA wanted, with the Childs it
// carries.
//
// Guarantees: plain values; the engine keeps a shared, immutable copy, so replacing a connection
// never changes an exchange under way. Assumptions: whoever builds one has validated it
// (operator/plan); secrets are shared handles, never copied.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/secret_bytes.h"
#include "base/time.h"
#include "ike/crypto/provider.h"
#include "ike/crypto/suite.h"
#include "ike/wire/identification.h"
#include "ike/wire/message.h"

namespace espalier::ike {

enum class Mode : std::uint8_t { kTransport, kTunnel };

// RFC 4304 extended sequence numbers, as offered and as accepted.
enum class EsnChoice : std::uint8_t { kBoth, kOnly, kNever };

enum class AuthType : std::uint8_t { kX509, kPsk };

// How one side proves itself. X509: `credential` (our side) or `trust` (the peer's side). PSK:
// `psk`.
struct AuthSide {
  AuthType type = AuthType::kX509;
  crypto::CredentialId credential{};
  crypto::TrustId trust{};
  std::shared_ptr<const SecretBytes> psk;
};

// RFC 8784. Insist: no IKE SA without; Prefer: offered, both AUTHs sent; Never: not spoken.
enum class PpkMode : std::uint8_t { kNever, kPrefer, kInsist };

struct PpkKey {
  std::string id;
  std::shared_ptr<const SecretBytes> secret;
};

// RFC 3948. Auto: when NAT detection finds one; Always: as if it had; Never: never.
enum class UdpEncapsulation : std::uint8_t { kAuto, kAlways, kNever };

struct ChildConfig {
  std::string name;
  Mode mode = Mode::kTunnel;
  std::vector<wire::TrafficSelector> local;
  std::vector<wire::TrafficSelector> remote;
  std::vector<crypto::EspProposal> proposals;  // in order of preference, never empty
  bool pfs = true;  // a key exchange of its own at rekey (RFC 7296 section 1.3.3)
  EsnChoice esn = EsnChoice::kBoth;
  Duration lifetime =
      std::chrono::hours(1);  // soft; spread by jitter; the kernel's hard limit stands above it
  bool narrowing = false;     // accept less than asked for (RFC 7296 section 2.9)
};

struct Liveness {
  Duration delay = std::chrono::seconds(5);  // of silence before a probe; zero: never probe
};

struct Connection {
  std::string name;
  IpAddress local;
  std::vector<IpAddress> remotes;  // tried in order; empty: any peer, and only the peer initiates
  std::uint16_t remote_port = 500;
  wire::Identification local_id;
  std::optional<wire::Identification> remote_id;  // nullopt: what its certificate proves
  AuthSide local_auth;
  AuthSide remote_auth;
  PpkMode ppk = PpkMode::kNever;
  std::vector<PpkKey> ppks;  // all are accepted, the first is offered
  std::vector<crypto::IkeProposal> proposals;
  Duration lifetime = std::chrono::hours(8);  // of the IKE SA; soft, spread by jitter
  UdpEncapsulation udp = UdpEncapsulation::kAuto;
  bool fragmentation = true;    // RFC 7383
  bool initial_contact = true;  // false while SAs of this pair were adopted (section 2.4)
  Liveness liveness;
  std::vector<ChildConfig> children;
};

// Engine-wide settings.
struct Settings {
  Duration retransmit_first =
      std::chrono::milliseconds(300);  // doubled each time, with jitter up to a quarter
  Duration retransmit_cap = std::chrono::seconds(3);  // the longest wait between two sendings
  Duration give_up = std::chrono::seconds(10);        // after the first sending
  Duration half_open_life = std::chrono::seconds(30);
  std::size_t half_open_before_cookies = 256;  // of unknown addresses, all together
  std::size_t half_open_per_address = 16;      // then that address is asked for a cookie
  std::size_t fragment_size = 1232;            // octets of UDP payload; RFC 7383 section 2.5.1
  // Between NAT keepalives where a NAT stands in front of us (RFC 3948 section 4).
  Duration nat_keepalive = std::chrono::seconds(20);
  Duration drain = std::chrono::seconds(5);  // an old inbound SA lives on after its Delete was due
  std::string vendor_id;                     // empty: none is sent
};

}  // namespace espalier::ike
