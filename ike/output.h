// What goes into the engine and what comes out of it. Values only: whoever drives the engine
// (nodeagent/tunnel, ike/testing/Pair) performs the outputs in their order and feeds the answers
// back.
//
// Ordering guarantees (design: never a plaintext packet, never a lost one):
// - A response that creates a Child leaves only after its InstallInbound was answered with success.
// - InstallOutbound of a responder's rekeyed Child comes at the first inbound packet on the new SA
//   (KernelFirstUse) or at the Delete of the old one, whichever is first. Of one that replaces
//   none, while something carries already, it comes at the first packet, the peer's next request or
//   its answer to a probe.
// - InstallOutbound names the Child whose outbound SA it replaces; that one is taken away after the
// new one stands.
// - RemoveChild for an inbound SA comes only after the peer has been told or has told us.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ip.h"
#include "base/secret_bytes.h"
#include "base/time.h"
#include "ike/config.h"
#include "ike/crypto/key_schedule.h"

namespace espalier::ike {

using ConnectionId = std::uint32_t;  // given by the caller; 0 is never used
using IkeSaId = std::uint32_t;       // the engine's serial number of an IKE SA, never reused
using ChildSaId = std::uint32_t;     // the engine's serial number of a Child SA, never reused
using Ticket =
    std::uint64_t;  // names a question to crypto or kernel; an answer to a dead one is ignored

struct Datagram {
  Endpoint local;
  Endpoint remote;
  bool encapsulated =
      false;   // port 4500: the non-ESP marker is the socket layer's, never in `data`
  Bytes data;  // an IKE message, or the one octet of a NAT keepalive, which goes without the marker
};

// RFC 3948 section 2.3.
inline constexpr std::uint8_t kNatKeepalive = 0xff;

// ----------------------------------------------------------------------------------------------
// outputs

using Send = Datagram;

struct RunCrypto {
  Ticket ticket = 0;
  crypto::Job job;
};

// An SPI for an inbound ESP SA from `remote` to `local` (RFC 7296 section 3.3.1: at least 256).
struct AllocateSpi {
  Ticket ticket = 0;
  ConnectionId connection = 0;
  std::size_t child_index = 0;
  IpAddress local;
  IpAddress remote;
};

struct UdpPorts {
  std::uint16_t local = 4500;
  std::uint16_t remote = 4500;
};

// One Child SA as both install steps, the updates and the reports name it.
struct ChildSaInfo {
  ChildSaId id = 0;
  IkeSaId ike_sa = 0;
  ConnectionId connection = 0;
  std::size_t child_index = 0;  // in Connection::children
  IpAddress local;
  IpAddress remote;
  std::uint32_t spi_in = 0;   // ours, host order
  std::uint32_t spi_out = 0;  // the peer's
  Mode mode = Mode::kTunnel;
  crypto::EspSuite suite;
  bool esn = false;
  std::optional<UdpPorts> encapsulation;
  std::vector<wire::TrafficSelector> local_selectors;  // as narrowed
  std::vector<wire::TrafficSelector> remote_selectors;
};

// The keys of both install steps: for an AEAD the salt stands behind the key (RFC 4106
// section 8.1).
struct InstallInbound {
  Ticket ticket = 0;
  ChildSaInfo child;
  crypto::EspKeys keys;
  bool report_first_use = false;  // the kernel shall answer KernelFirstUse at the first packet
  ChildSaId replaces = 0;         // at a rekey the old Child, else 0
};

struct InstallOutbound {
  Ticket ticket = 0;
  ChildSaInfo child;
  crypto::EspKeys keys;
  ChildSaId replaces = 0;  // whose outbound SA goes once this one stands; 0: none
};

// The peer's address or port moved (RFC 7296 section 2.23: NAT mapping).
struct UpdateChild {
  ChildSaInfo child;
  IpAddress old_remote;
};

struct RemoveChild {
  ChildSaInfo child;
  bool inbound = true;
  bool outbound = true;
  bool unanswered = false;  // its IKE SA ended as the peer did not answer
};

// How much came in on this Child: answered by KernelUsage.
struct QueryUsage {
  Ticket ticket = 0;
  ChildSaInfo child;
};

enum class Side : std::uint8_t { kLocal, kRemote };  // who refused

// Why something failed, for people and for metrics (label `reason`).
enum class Reason : std::uint8_t {
  kNone,
  kTimeout,               // no answer
  kAuthenticationFailed,  // the peer refused us, without saying why (RFC 7296 section 2.21.2)
  kUntrustedIssuer,
  kCertificateExpired,
  kCertificateNotYetValid,
  kCertificateRevoked,
  kCertificateUnacceptable,  // key usage, constraints, weak key, unsupported algorithm
  kIdNotInCertificate,
  kIdUnexpected,
  kBadSignature,
  kBadPsk,
  kPpkMissing,
  kPpkMismatch,
  kNoProposalChosen,
  kSelectorsUnacceptable,
  kModeMismatch,
  kNoConnection,  // the peer matches no connection of ours
  kKernelRefused,
  kCryptoFailed,
  kPeerDeleted,
  kInvalidMessage,
  kTemporaryFailure,
  kConfigurationRemoved,
  kLocalRequest,
};
[[nodiscard]] std::string_view name_of(Reason reason);  // CamelCase, stable

struct IkeSaUp {
  IkeSaId ike_sa = 0;
  ConnectionId connection = 0;
  bool initiator = false;
  bool rekeyed = false;  // continues another IKE SA
  Duration took{};       // from the first IKE_SA_INIT; zero where rekeyed
};
struct IkeSaDown {
  IkeSaId ike_sa = 0;
  ConnectionId connection = 0;
  Reason reason = Reason::kNone;
  bool rekeyed = false;  // another IKE SA goes on with its Childs
};
struct ChildSaUp {
  ChildSaInfo child;
  ChildSaId replaces = 0;
};
struct ChildSaDown {
  ChildSaInfo child;
  Reason reason = Reason::kNone;
  bool replaced = false;  // a successor carries the traffic
};
// An attempt failed: nothing was installed, or what was is taken back.
struct Failure {
  ConnectionId connection = 0;             // 0: the peer matched none
  std::optional<std::size_t> child_index;  // nullopt: the IKE SA itself
  Endpoint remote;
  Side side = Side::kLocal;
  Reason reason = Reason::kNone;
  std::string text;  // one sentence for people; no secret in it
  bool initiator = false;
};

using Event = std::variant<IkeSaUp, IkeSaDown, ChildSaUp, ChildSaDown, Failure>;
struct Report {
  Event event;
};

using Output = std::variant<Send, RunCrypto, AllocateSpi, InstallInbound, InstallOutbound,
                            UpdateChild, RemoveChild, QueryUsage, Report>;

// ---------------------------------------------------------------------------------------- kernel's
// answers

struct KernelSpi {
  Ticket ticket = 0;
  Result<std::uint32_t> spi;
  // The outbound traffic of that Child passes already: by an SA that the engine does not know, of
  // an earlier run, or in clear. Where the peer began, the new Child then waits for a sign of the
  // peer, as beside one that the engine knows.
  bool carried = false;
};
// The answer to InstallInbound and InstallOutbound.
struct KernelInstalled {
  Ticket ticket = 0;
  Status status;
};
struct KernelFirstUse {
  std::uint32_t spi_in = 0;
  IpAddress local;
};
// A limit of the kernel was met: soft asks for a rekey, hard means that the SA is gone.
struct KernelExpired {
  std::uint32_t spi = 0;
  IpAddress destination;
  bool hard = false;
};
struct KernelUsage {
  Ticket ticket = 0;
  std::uint64_t packets_in = 0;
};
// The NAT in front of a peer mapped it anew (XFRM_MSG_MAPPING).
struct KernelMapping {
  std::uint32_t spi_in = 0;
  Endpoint remote;
};

using KernelEvent = std::variant<KernelSpi, KernelInstalled, KernelFirstUse, KernelExpired,
                                 KernelUsage, KernelMapping>;

// -------------------------------------------------------------------------------------------------
// commands

struct SetConnection {
  ConnectionId id = 0;
  // Replaces an older one under this id: live SAs go on, new exchanges use the new one. Children
  // keep their places: one that goes is left where it was, and offered nothing.
  Connection connection;
};
struct RemoveConnection {
  ConnectionId id = 0;  // its SAs are deleted, with the peer told
};
// Brings a Child up: on the live IKE SA of its connection, or with a new one. Nothing happens while
// one is being made.
struct Initiate {
  ConnectionId id = 0;
  std::size_t child_index = 0;
  // The packet that asked for it, sent as first selectors (RFC 7296 section 2.9).
  std::optional<wire::TrafficSelector> packet_local, packet_remote;
};
struct TerminateConnection {
  ConnectionId id = 0;
  bool quietly = false;  // without telling the peer: the process ends, traffic shall go on
};
struct TerminateChild {
  ChildSaId id = 0;
};
struct RekeyChild {
  ChildSaId id = 0;
};
struct RekeyIkeSa {
  IkeSaId id = 0;
};
// Probe the peer now, say because the network changed.
struct ProbePeer {
  ConnectionId id = 0;
};

using Command = std::variant<SetConnection, RemoveConnection, Initiate, TerminateConnection,
                             TerminateChild, RekeyChild, RekeyIkeSa, ProbePeer>;

}  // namespace espalier::ike
