#include <fmt/format.h>

#include "operator/plan/draft.h"
#include "operator/plan/prefixes.h"

namespace espalier::plan {

namespace {

constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kIcmpV6 = 58;

std::string why_of(const crds::IPsecPolicy& policy, const crds::Exemption& exemption) {
  return fmt::format("exemption {} of IPsecPolicy {}", exemption.name, policy.meta.name);
}

// One rule per exempt port, or one for everything.
void add_ports(const Prefix& local, const Prefix& remote, const std::string& pods,
               bool exempt_is_local, const crds::IPsecPolicy& policy,
               const crds::Exemption& exemption, Precedence precedence, Draft& draft) {
  const auto add = [&](std::uint8_t protocol, std::uint16_t port) {
    Selector selector{local, remote, protocol, 0, 0, std::nullopt, pods};
    (exempt_is_local ? selector.local_port : selector.remote_port) = port;
    draft.plan.bypass.push_back({selector, precedence, why_of(policy, exemption)});
  };
  if (exemption.ports.empty()) add(0, 0);
  for (const crds::ExemptPort& port : exemption.ports) {
    add(static_cast<std::uint8_t>(port.protocol), static_cast<std::uint16_t>(port.port));
  }
}

Prefix everything(IpFamily family) {
  return {IpAddress::any(family), 0};
}

// Everything that is delivered within the node.
std::vector<Prefix> own_blocks(const NodePlan& plan) {
  std::vector<Prefix> own;
  for (const IpAddress& address : plan.addresses) own.push_back(Prefix::host(address));
  own.insert(own.end(), plan.pod_cidrs.begin(), plan.pod_cidrs.end());
  return own;
}

}  // namespace

std::optional<IpAddress> address_of(const crds::NodeEndpoint& node, IpFamily family) {
  for (const IpAddress& address : node.spec.addresses) {
    if (address.family() == family) return address;
  }
  return std::nullopt;
}

void exempt_from(const Selector& rule, const crds::IPsecPolicy& policy, int peer_length, Part part,
                 Draft& draft) {
  const Precedence precedence =
      policy_precedence(policy.spec.priority, peer_length, policy.spec.enforcement, part);
  for (const crds::Exemption& exemption : policy.spec.exemptions) {
    const bool to = exemption.cidr.overlaps(rule.remote);
    const bool from = exemption.cidr.overlaps(rule.local);
    if (to) {
      add_ports(rule.local, narrower(rule.remote, exemption.cidr), rule.pods, false, policy,
                exemption, precedence, draft);
    }
    if (from) {
      add_ports(narrower(rule.local, exemption.cidr), rule.remote, rule.pods, true, policy,
                exemption, precedence, draft);
    }
    if (to || from) draft.effective_exemptions.emplace(policy.meta.name, exemption.name);
  }
}

void add_idle_exemptions(const crds::IPsecPolicy& policy, Draft& draft) {
  for (const crds::Exemption& exemption : policy.spec.exemptions) {
    if (draft.effective_exemptions.count({policy.meta.name, exemption.name}) != 0) continue;
    const std::string pods = policy.spec.selects_pods() ? policy.meta.name : std::string();
    add_ports(everything(exemption.cidr.family()), exemption.cidr, pods, false, policy, exemption,
              kIdle, draft);
  }
}

void add_always_exempt(const World& world, Draft& draft) {
  std::vector<BypassRule>& bypass = draft.plan.bypass;
  const auto add = [&](const Selector& selector, const char* why) {
    bypass.push_back({selector, kAlwaysExempt, why});
  };
  const Prefix all_v4 = everything(IpFamily::kV4);
  const Prefix all_v6 = everything(IpFamily::kV6);
  // Router and neighbour solicitation and advertisement, redirect (RFC 4861 section 4): without
  // them no neighbour is ever found, not even for a socket that has a bypass of its own.
  for (std::uint8_t type = 133; type <= 137; ++type) {
    add({all_v6, all_v6, kIcmpV6, 0, 0, type}, "always: ICMPv6 neighbour discovery");
  }
  add({all_v4, all_v4, kUdp, 68, 67, std::nullopt}, "always: DHCP");
  add({all_v4, all_v4, kUdp, 67, 68, std::nullopt}, "always: DHCP");
  add({all_v6, all_v6, kUdp, 546, 547, std::nullopt}, "always: DHCPv6");
  add({all_v6, all_v6, kUdp, 547, 546, std::nullopt}, "always: DHCPv6");
  // The kernel exempts IPv4's loopback itself.
  const Prefix loopback = Prefix::host(*IpAddress::parse("::1"));
  add({loopback, loopback, 0, 0, 0, std::nullopt}, "always: loopback");
  // kubelet probes and host-network pods: never leave the node.
  const std::vector<Prefix> own = own_blocks(draft.plan);
  for (const Prefix& from : own) {
    for (const Prefix& to : own) {
      if (from.family() == to.family())
        add({from, to, 0, 0, 0, std::nullopt}, "always: within the node");
    }
  }
  constexpr std::uint16_t kKubelet = 10250;
  for (const IpAddress& address : draft.plan.addresses) {
    const Prefix self = Prefix::host(address);
    for (const Endpoint& server : world.api_servers) {
      if (server.address.family() != address.family()) continue;
      const Prefix remote = Prefix::host(server.address);
      add({self, remote, kTcp, 0, server.port, std::nullopt}, "always: API server");
      add({self, remote, kTcp, kKubelet, 0, std::nullopt}, "always: API server to kubelet");
      if (server.address != address) continue;
      // This node runs the API server: every node and every kubelet is at the other end.
      const Prefix anyone = everything(address.family());
      add({self, anyone, kTcp, server.port, 0, std::nullopt}, "always: API server");
      add({self, anyone, kTcp, 0, kKubelet, std::nullopt}, "always: API server to kubelet");
    }
  }
}

}  // namespace espalier::plan
