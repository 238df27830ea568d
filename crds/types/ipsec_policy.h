// IPsecPolicy (cluster-scoped): which nodes encrypt which traffic with whom, and how.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "crds/types/label_selector.h"
#include "crds/types/meta.h"
#include "crds/types/settings.h"

namespace espalier::crds {

enum class Enforcement : std::uint8_t { kRequired, kPreferred, kBypass };
enum class CryptoPolicy : std::uint8_t { kIgnore };
enum class Traffic : std::uint8_t { kNodeToNode, kPodToPod, kPodToNode };

struct IpBlock {
  Prefix cidr;
  std::vector<Prefix> except;  // inside cidr, smaller than it, without overlap

  friend bool operator==(const IpBlock&, const IpBlock&) = default;
};

// The other end, when the policy names it.
struct PolicyPeer {
  IpBlock ip_block;

  friend bool operator==(const PolicyPeer&, const PolicyPeer&) = default;
};

struct PolicyAuthentication {
  enum class Type : std::uint8_t { kX509, kPsk };
  Type type = Type::kX509;          // kX509: with the nodes' own credentials
  std::optional<SecretKeyRef> psk;  // kPsk only, in the operator's namespace

  friend bool operator==(const PolicyAuthentication&, const PolicyAuthentication&) = default;
};

enum class PortProtocol : std::uint8_t { kTcp = 6, kUdp = 17, kSctp = 132 };

struct ExemptPort {
  PortProtocol protocol = PortProtocol::kTcp;
  std::int64_t port = 0;  // 1 to 65535

  friend bool operator==(const ExemptPort&, const ExemptPort&) = default;
};

// Traffic with the addresses in cidr that this policy leaves in clear.
struct Exemption {
  std::string name;
  Prefix cidr;
  std::vector<ExemptPort> ports;  // of the address in cidr; empty: everything
  std::string reason;

  friend bool operator==(const Exemption&, const Exemption&) = default;
};

struct IPsecPolicySpec {
  Enforcement enforcement = Enforcement::kRequired;
  std::vector<Traffic> traffic;                // at least one, none twice
  std::int64_t priority = 100;                 // 0 to 1000
  std::optional<LabelSelector> node_selector;  // left out: all Linux nodes
  std::vector<PolicyPeer> peers;               // empty: the nodes that node_selector selects
  // Of pod traffic only what has a selected pod at either end; with both, pods that match both.
  // With neither all of it. Never beside NodeToNode.
  std::optional<LabelSelector> namespace_selector;  // left out: pods of all namespaces
  std::optional<LabelSelector> pod_selector;        // left out: all pods of the namespaces
  Establish establish = Establish::kEager;          // kEager or kOnDemand
  std::optional<Duration> idle_timeout;
  std::optional<OnNegotiation> on_negotiation;  // left out: Hold, with Preferred Pass
  std::optional<OnFailure> on_failure;          // left out: Drop, with Preferred Pass
  PolicyAuthentication authentication;
  Ppk ppk;
  Ike ike;
  Esp esp;
  Encapsulation encapsulation;
  Liveness liveness;
  Offload offload = Offload::kAuto;
  CryptoPolicy crypto_policy = CryptoPolicy::kIgnore;
  std::vector<Exemption> exemptions;

  [[nodiscard]] bool selects_pods() const { return namespace_selector || pod_selector; }
  friend bool operator==(const IPsecPolicySpec&, const IPsecPolicySpec&) = default;
};

struct IPsecPolicy {
  Meta meta;
  IPsecPolicySpec spec;
};

}  // namespace espalier::crds
