// The statuses: what was found, as the operator and the agents write it.
//
// Guarantees: read_* never fails: what an older or newer release wrote otherwise, or somebody wrote
// by hand, is left at its initial value. Encoding what was read gives back what this release knows.
// Caveat: an agent's status is what that node says of itself; a stolen node says what it likes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crds/types/document.h"

namespace espalier::crds {

enum class ConditionStatus : std::uint8_t { kUnknown, kTrue, kFalse };

// metav1.Condition.
struct Condition {
  std::string type;  // "Ready"
  ConditionStatus status = ConditionStatus::kUnknown;
  std::int64_t observed_generation = 0;
  std::string last_transition_time;  // RFC 3339: when status last changed
  std::string reason;                // one CamelCase word
  std::string message;               // up to 32768 characters

  friend bool operator==(const Condition&, const Condition&) = default;
};

// nullptr if there is none of this type.
[[nodiscard]] const Condition* find(const std::vector<Condition>& conditions,
                                    std::string_view type);
// Replaces the condition of the same type or adds it, up to 16 of them; keeps the time of the last
// transition where the status is the old one.
void put(std::vector<Condition>& conditions, Condition condition);

struct Count {
  std::int64_t wanted = 0;
  std::int64_t ready = 0;

  friend bool operator==(const Count&, const Count&) = default;
};

struct IPsecPolicyStatus {
  std::optional<Count> nodes;
  std::vector<Condition> conditions;

  friend bool operator==(const IPsecPolicyStatus&, const IPsecPolicyStatus&) = default;
};

struct TunnelStatus {
  std::string node;  // empty: none yet
  std::vector<Condition> conditions;

  friend bool operator==(const TunnelStatus&, const TunnelStatus&) = default;
};

struct CertificateStatus {
  std::string serial_number;  // hexadecimal
  std::string not_after;      // RFC 3339

  friend bool operator==(const CertificateStatus&, const CertificateStatus&) = default;
};

struct NodeEndpointStatus {
  std::string agent_version;
  std::string kernel_version;
  std::vector<std::string> features;
  std::optional<CertificateStatus> certificate;
  std::vector<Condition> conditions;

  friend bool operator==(const NodeEndpointStatus&, const NodeEndpointStatus&) = default;
};

struct StatusNote {
  std::string reason;   // one CamelCase word: "ProfileConflict"
  std::string message;  // up to 1024 characters

  friend bool operator==(const StatusNote&, const StatusNote&) = default;
};

// What became of one policy on one node.
struct PolicyOnNode {
  std::string name;
  std::int64_t generation = 0;
  std::int64_t peers = 0;
  std::int64_t ready = 0;
  std::vector<StatusNote> notes;  // up to 16

  friend bool operator==(const PolicyOnNode&, const PolicyOnNode&) = default;
};

struct TunnelOnNode {
  std::string ns;
  std::string name;
  std::int64_t generation = 0;
  bool established = false;
  std::string reason;
  std::string message;

  friend bool operator==(const TunnelOnNode&, const TunnelOnNode&) = default;
};

struct NodePolicyStatus {
  std::string applied_hash;  // empty: nothing is in force yet
  std::optional<Count> peers;
  std::int64_t tunnels_ready = 0;
  std::vector<PolicyOnNode> policies;
  std::vector<TunnelOnNode> tunnels;
  std::vector<Condition> conditions;

  friend bool operator==(const NodePolicyStatus&, const NodePolicyStatus&) = default;
};

// `object` is the whole object, as the API server hands it out.
[[nodiscard]] IPsecPolicyStatus read_ipsec_policy_status(const Json& object);
[[nodiscard]] TunnelStatus read_tunnel_status(const Json& object);
[[nodiscard]] NodeEndpointStatus read_node_endpoint_status(const Json& object);
[[nodiscard]] NodePolicyStatus read_node_policy_status(const Json& object);

// The value of the field `status`. What is empty is left out, so that server-side apply removes it;
// longer texts and lists than the CRD allows are cut; what is no UTF-8 becomes "?".
[[nodiscard]] Json encode(const IPsecPolicyStatus& status);
[[nodiscard]] Json encode(const TunnelStatus& status);
[[nodiscard]] Json encode(const NodeEndpointStatus& status);
[[nodiscard]] Json encode(const NodePolicyStatus& status);

// The structural schema of a kind's status, for comparison with the CRD; nullopt for a kind
// without.
[[nodiscard]] std::optional<Json> status_schema(std::string_view kind);

}  // namespace espalier::crds
