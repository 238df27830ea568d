// ClearTrafficGuard: the port to the second check that nothing passes in clear that should go, or
// have come, by ESP. nft/ is the kernel's packet filter. XFRM's own policies are the first check;
// this one also sees what slips past them (masqueraded, forwarded, policies deleted by others), and
// counts. And it marks the packets of pods (pod_group.h).
//
// Guarantees: set_rules() changes everything at one instant or nothing; the guard stays when this
// process dies; it touches nothing but its own.
// Assumption: one thread calls at a time.
// Caveats: a packet whose addresses were translated is looked at under both addresses, and may be
// counted (kCount) twice. Somebody who flushes the whole packet filter takes the guard away:
// counts() then says kNotFound, and set_rules() brings it back. What is counted in the instant in
// which rules of another shape take over may be missed.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "nodeagent/dataplane/pod_group.h"
#include "nodeagent/dataplane/policy.h"

namespace espalier::dataplane {

// What is done with a packet that is in clear. Packets by ESP are not looked at.
enum class ClearVerdict : std::uint8_t {
  kPass,   // exempt
  kCount,  // passes and is counted: Preferred
  kBlock,  // is counted and dropped: Required
};

struct ClearTrafficRule {
  Selector outbound{};  // from here to there; inbound packets are matched in reverse
  ClearVerdict verdict = ClearVerdict::kPass;
  std::optional<std::uint8_t> group = std::nullopt;  // only packets of this one of `groups`
  friend auto operator<=>(const ClearTrafficRule&, const ClearTrafficRule&) = default;
};

// The pods of a group. Packets between them and the remote ends of the group's rules are marked
// (pod_group.h), whatever the rules' order: before XFRM looks at them, again where their addresses
// were translated, and, of the node's own, on their way out. What an SA of the group brought is
// answered by ESP.
struct GuardedPods {
  PodGroup group{};
  std::string name{};  // for people
  // none: not known. Then nothing is marked for the group, and all its rules' packets are its own.
  std::optional<std::vector<IpAddress>> pods{};  // sorted, none twice
  friend bool operator==(const GuardedPods&, const GuardedPods&) = default;
};

struct ClearTrafficRules {
  // The first that matches a packet decides; a packet that none matches passes uncounted. Cheap in
  // any number where runs of rules with the same verdict and group name prefixes only.
  std::vector<ClearTrafficRule> rules{};
  // Always exempt beside these: ESP, IKE and ESP in UDP at these ports of ours, ICMPv6 133 to 137,
  // DHCP.
  std::vector<std::uint16_t> ike_ports{500, 4500};
  std::vector<GuardedPods> groups{};  // by number; every group that a rule names
  friend bool operator==(const ClearTrafficRules&, const ClearTrafficRules&) = default;
};

// Since the guard was set up for the first time.
struct ClearTrafficCount {
  Direction direction = Direction::kIn;  // kIn or kOut
  IpFamily family = IpFamily::kV4;
  std::uint64_t blocked_packets = 0;
  std::uint64_t blocked_bytes = 0;
  std::uint64_t passed_packets = 0;
  std::uint64_t passed_bytes = 0;
  friend auto operator<=>(const ClearTrafficCount&, const ClearTrafficCount&) = default;
};

class ClearTrafficGuard {
 public:
  virtual ~ClearTrafficGuard() = default;

  // kDenied without CAP_NET_ADMIN, kUnsupported where the kernel lacks what it takes, kInvalid for
  // a selector of mixed families, or a group that `groups` has not. Where only pods, or prefixes of
  // rules, differ from before, only elements of sets change.
  [[nodiscard]] virtual Status set_rules(const ClearTrafficRules& rules) = 0;

  // Four: both directions, both families. kNotFound when the guard is not there.
  [[nodiscard]] virtual Result<std::vector<ClearTrafficCount>> counts() = 0;

  // Takes the guard away. Fine when it is not there.
  [[nodiscard]] virtual Status remove() = 0;
};

}  // namespace espalier::dataplane
