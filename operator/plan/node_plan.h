// NodePlan: everything one node must do, as plain values. The planner writes it, nodeagent/tunnel
// turns it into IKE and kernel steps, `espalier-operator render` prints it.
//
// Guarantees: equality-comparable and free of secrets (Secrets appear as references); the same
// world gives the same plan whatever the order of its parts. Both ends of a pair get mirrored
// plans: the same connection and child parameters, local and remote exchanged, one end kInitiator
// and the other kAfterDelay. No two rules of a plan (bypass rules and the pairs of all children)
// have the same selector, because the kernel could not hold both. Where rules overlap, the one with
// the smaller precedence is meant. A rule for some pods only (Selector::pods) is for that part of
// their traffic which no policy before it takes. Proposals are keywords that ike/crypto/suite.h has
// accepted.
// Connections, children and rules are sorted, so two plans are compared by position and name.
//
// Caveat: a plan says what is wanted. Nothing in it tells whether the kernel or the peer obeyed.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/time.h"

namespace espalier::plan {

// Where Secrets of cluster-scoped kinds are looked up, and what a Secret without a namespace
// belongs to in a folder of manifests.
inline constexpr std::string_view kOperatorNamespace = "espalier-system";
inline constexpr std::string_view kNodeSecret = "espalier-node";    // tls.crt, tls.key
inline constexpr std::string_view kTrustSecret = "espalier-trust";  // ca.crt

struct SecretRef {
  std::string ns;
  std::string name;
  std::string key;  // empty: the whole Secret (a certificate: tls.crt and tls.key)

  [[nodiscard]] std::string to_string() const;  // "edge/branch-ca:ca.crt"
  friend bool operator==(const SecretRef&, const SecretRef&) = default;
};

// The object a part of the plan comes from.
struct Owner {
  std::string kind;  // "IPsecPolicy", "Tunnel", "NodeEndpoint"
  std::string ns;    // empty for cluster-scoped kinds
  std::string name;

  [[nodiscard]] std::string to_string() const;  // "IPsecPolicy cluster", "Tunnel edge/branch"
  friend bool operator==(const Owner&, const Owner&) = default;
};

// What one pair of kernel policies matches, seen from this node: outbound local -> remote, inbound
// and forward remote -> local. The two prefixes are of one family.
struct Selector {
  Prefix local;
  Prefix remote;
  std::uint8_t protocol = 0;              // IP protocol number, 0: any
  std::uint16_t local_port = 0;           // 0: any. Only with TCP, UDP, SCTP
  std::uint16_t remote_port = 0;          // 0: any
  std::optional<std::uint8_t> icmp_type;  // only with ICMP and ICMPv6
  // An IPsecPolicy's name: only packets from or to a pod that it selects (its PodSlices), whose
  // address a masquerade may have changed since. Empty: all packets. Of policies whose pods
  // overlap, precedence (but for its last two bits), then name says which one takes a packet, and
  // what is for all packets comes last.
  std::string pods{};

  // "10.0.0.1/32 <-> 10.0.0.2/32 udp remote 53", "10.244.1.0/24 <-> 10.244.2.0/24 pods of web"
  [[nodiscard]] std::string to_string() const;
  friend auto operator<=>(const Selector&, const Selector&) = default;
};

// Smaller is matched first. It is made of what a rule is (always exempt, a Tunnel's, a policy's, by
// priority, peer prefix and enforcement), not of its neighbours: adding a policy moves no other
// rule. Always below 2^24, so it can be added to the base of a band of kernel priorities.
using Precedence = std::uint32_t;

// Traffic that passes in clear, both ways.
struct BypassRule {
  Selector selector;
  Precedence precedence = 0;
  std::string why;  // "always: DHCP", "exemption outer-dns of IPsecPolicy cluster", "IPsecPolicy x"

  friend bool operator==(const BypassRule&, const BypassRule&) = default;
};

// Traffic that a child carries.
struct CoverRule {
  Selector selector;
  Precedence precedence = 0;

  friend bool operator==(const CoverRule&, const CoverRule&) = default;
};

enum class Mode : std::uint8_t { kTransport, kTunnel };
enum class Establish : std::uint8_t { kEager, kOnDemand, kPassive };
enum class Enforcement : std::uint8_t { kRequired, kPreferred };
enum class OnNegotiation : std::uint8_t { kHold, kPass };
enum class OnFailure : std::uint8_t { kDrop, kPass };
enum class Esn : std::uint8_t { kEither, kOn, kOff };  // kEither: both are offered
enum class Offload : std::uint8_t { kNone };

// One Child SA of a connection and the kernel policies that send traffic to it.
struct ChildPlan {
  // Unique in its connection: "nodes", "pods", "pods-nodes", the same for some pods only
  // ("pods/web", by their IPsecPolicy), or the Tunnel's name.
  std::string name;
  Owner owner;  // whose enforcement and esp these are
  Mode mode = Mode::kTransport;
  // What gets kernel policies. Empty only where the peer's address is not known beforehand (any
  // peer): then the negotiated selectors become the rules once the SA stands.
  std::vector<CoverRule> rules;
  // What is negotiated (TSi/TSr). Empty: the address that IKE itself runs on, as a host prefix.
  std::vector<Prefix> local_ts;
  std::vector<Prefix> remote_ts;
  bool narrowing = false;  // accept a peer's choice of less than was asked for
  // ESP keywords without a key exchange method, best first ("aes256gcm16").
  std::vector<std::string> esp_proposals;
  bool pfs = true;  // rekey with a key exchange: the methods of the connection's ike_proposals
  Esn esn = Esn::kEither;
  Duration lifetime{};              // soft: when to rekey
  std::uint32_t replay_window = 0;  // packets, 32 to 4096
  Establish establish = Establish::kEager;
  std::optional<Duration> idle_timeout;  // close after that long without traffic
  Enforcement enforcement = Enforcement::kRequired;
  OnNegotiation on_negotiation = OnNegotiation::kHold;
  OnFailure on_failure = OnFailure::kDrop;
  Offload offload = Offload::kNone;

  friend bool operator==(const ChildPlan&, const ChildPlan&) = default;
};

enum class AuthType : std::uint8_t { kX509, kPsk };

// How one side proves itself.
struct AuthSide {
  AuthType type = AuthType::kX509;
  // kX509, our side: the Secret with tls.crt (may hold the chain) and tls.key, or with tls.p12; key
  // is empty.
  // kX509, the peer's side: the trust anchors (key "ca.crt"; a PEM bundle).
  // kPsk: the shared key.
  SecretRef secret;

  friend bool operator==(const AuthSide&, const AuthSide&) = default;
};

enum class PpkMode : std::uint8_t { kNever, kPrefer, kInsist };

struct PpkKey {
  std::string id;
  SecretRef secret;

  friend bool operator==(const PpkKey&, const PpkKey&) = default;
};

// RFC 8784. All keys are accepted, the first is offered.
struct PpkPlan {
  PpkMode mode = PpkMode::kNever;
  std::vector<PpkKey> keys;  // not empty unless kNever

  friend bool operator==(const PpkPlan&, const PpkPlan&) = default;
};

enum class Initiate : std::uint8_t {
  kInitiator,   // this end begins
  kAfterDelay,  // the other end begins; this one only when it did not
  kPassive,     // never begins
};
enum class UdpEncapsulation : std::uint8_t { kAuto, kAlways, kNever };
enum class LivenessAction : std::uint8_t { kRestart, kTrap, kClear };

// A check is sent after `delay` without inbound traffic; a peer that stays silent for `timeout` is
// dead and `action` follows.
struct Liveness {
  Duration delay{};
  Duration timeout{};
  LivenessAction action = LivenessAction::kRestart;

  friend bool operator==(const Liveness&, const Liveness&) = default;
};

// One IKE SA and what hangs on it.
struct ConnectionPlan {
  std::string name;  // unique and stable: "node2/v4", "edge/branch", "block/private/v4"
  std::string peer;  // the peer for people: a node's name or the Tunnel's namespace/name
  Owner owner;       // whose ike, authentication and ppk these are
  std::optional<IpAddress> local_address;  // nullopt: what the route to the peer gives
  // Tried in order, all of local_address's family. Empty: any peer may come, from anywhere or, if
  // that is not empty, from remote_blocks.
  std::vector<IpAddress> remote_addresses;
  // A policy towards address blocks: whoever lives there. Traffic to an address in them that no
  // SA covers yet calls for an IKE SA with that very address.
  std::vector<Prefix> remote_blocks;
  // As written in the manifest. Empty: the local address (kPsk), the certificate's subject (kX509).
  std::string local_identity;
  // nullopt: the one the peer's certificate proves (kX509), or any that holds the key (kPsk).
  std::optional<std::string> remote_identity;
  AuthSide local;
  AuthSide remote;
  PpkPlan ppk;
  std::vector<std::string> ike_proposals;  // keywords, best first
  Duration ike_lifetime{};                 // soft: when to rekey
  bool fragmentation = true;               // RFC 7383
  Initiate initiate = Initiate::kInitiator;
  UdpEncapsulation udp = UdpEncapsulation::kAuto;
  Liveness liveness;
  std::vector<ChildPlan> children;  // never empty

  friend bool operator==(const ConnectionPlan&, const ConnectionPlan&) = default;
};

enum class NoteKind : std::uint8_t {
  kProfileConflict,  // a policy asks for other ike, authentication or ppk than the pair's winner
  kShadowed,         // a policy applies, but another one wins the flow, or some pods' part of it
  kFamilyNotNamed,   // peers name a node by one address family, and the other one stays in clear
  kNoSharedFamily,   // the pair has no address family in common
  kOverlay,          // pod traffic travels inside an overlay: covered by NodeToNode, or by nobody
  kNothingToCover,   // a policy asks for traffic that this node or its peer does not have
  kRefused,          // an object is not carried out: its selectors belong to others
};

[[nodiscard]] std::string_view name_of(NoteKind kind);  // "ProfileConflict"

// Something people must be told about one object, on this node.
struct PlanNote {
  NoteKind kind = NoteKind::kShadowed;
  Owner about;
  std::string text;

  friend bool operator==(const PlanNote&, const PlanNote&) = default;
};

struct NodePlan {
  std::string node;
  std::vector<IpAddress> addresses;  // at most one per family; empty: no NodeEndpoint is known
  std::vector<Prefix> pod_cidrs;
  std::string hash;  // 32 hexadecimal digits over everything else here; equal plans, equal hash
  std::vector<BypassRule> bypass;
  std::vector<ConnectionPlan> connections;
  std::vector<PlanNote> notes;

  friend bool operator==(const NodePlan&, const NodePlan&) = default;
};

}  // namespace espalier::plan
