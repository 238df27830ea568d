#include "nodeagent/tunnel/policy_set.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace espalier::tunnel {
namespace {

std::string text_of(const WantedPolicy& wanted) {
  const auto& policy = wanted.policy;
  std::string text = fmt::format("{} {} prio {}", name_of(policy.direction),
                                 policy.selector.to_string(), policy.priority);
  if (!policy.transform) return text + " allow";
  return text + fmt::format(" {} {} -> {} reqid {} {}", name_of(policy.transform->mode),
                            policy.transform->source.to_string(),
                            policy.transform->destination.to_string(), policy.transform->reqid,
                            policy.transform->level == dataplane::Template::Level::kRequired
                                ? "required"
                                : "use");
}

std::vector<std::string> text_of(const std::vector<WantedPolicy>& list) {
  std::vector<std::string> lines;
  for (const auto& wanted : list) lines.push_back(text_of(wanted));
  return lines;
}

plan::Selector pair(const char* local, const char* remote) {
  plan::Selector selector;
  selector.local = *Prefix::parse(local);
  selector.remote = *Prefix::parse(remote);
  return selector;
}

ChildForm form() {
  ChildForm result;
  result.reqid = 77;
  result.local = IpAddress::parse("10.0.0.1");
  result.remote = IpAddress::parse("10.0.0.2");
  return result;
}

using Lines = std::vector<std::string>;

TEST(PolicySet, TransportBetweenNodesIsRequiredInAllThreeDirections) {
  plan::ChildPlan child;
  child.mode = plan::Mode::kTransport;
  child.rules = {{pair("10.0.0.1/32", "10.0.0.2/32"), 500}};
  EXPECT_EQ(text_of(policies_of(child, child.rules, form(), {})),
            (Lines{"in 10.0.0.2/32 -> 10.0.0.1/32 prio 8112 "
                   "transport 10.0.0.2 -> 10.0.0.1 reqid 77 required",
                   "fwd 10.0.0.2/32 -> 10.0.0.1/32 prio 8112 "
                   "transport 10.0.0.2 -> 10.0.0.1 reqid 77 required",
                   "out 10.0.0.1/32 -> 10.0.0.2/32 prio 8112 "
                   "transport 10.0.0.1 -> 10.0.0.2 reqid 77 required"}));
}

TEST(PolicySet, TunnelOfBothFamiliesRunsBetweenTheOuterAddresses) {
  plan::ChildPlan child;
  child.mode = plan::Mode::kTunnel;
  child.rules = {{pair("10.244.1.0/24", "10.244.2.0/24"), 600},
                 {pair("fd00:1::/64", "fd00:2::/64"), 601}};
  EXPECT_EQ(text_of(policies_of(child, child.rules, form(), {})),
            (Lines{"in 10.244.2.0/24 -> 10.244.1.0/24 prio 8912 "
                   "tunnel 10.0.0.2 -> 10.0.0.1 reqid 77 required",
                   "fwd 10.244.2.0/24 -> 10.244.1.0/24 prio 8912 "
                   "tunnel 10.0.0.2 -> 10.0.0.1 reqid 77 required",
                   "in fd00:2::/64 -> fd00:1::/64 prio 8913 "
                   "tunnel 10.0.0.2 -> 10.0.0.1 reqid 77 required",
                   "fwd fd00:2::/64 -> fd00:1::/64 prio 8913 "
                   "tunnel 10.0.0.2 -> 10.0.0.1 reqid 77 required",
                   "out 10.244.1.0/24 -> 10.244.2.0/24 prio 8912 "
                   "tunnel 10.0.0.1 -> 10.0.0.2 reqid 77 required",
                   "out fd00:1::/64 -> fd00:2::/64 prio 8913 "
                   "tunnel 10.0.0.1 -> 10.0.0.2 reqid 77 required"}));
}

TEST(PolicySet, PreferredIsOptionalInboundAndFollowsTheFormOutbound) {
  plan::ChildPlan child;
  child.enforcement = plan::Enforcement::kPreferred;
  child.mode = plan::Mode::kTunnel;
  child.rules = {{pair("10.244.1.0/24", "10.244.2.0/24"), 600}};
  ChildForm absent = form();
  absent.outbound = OutboundForm::kAbsent;
  const Lines inbound{
      "in 10.244.2.0/24 -> 10.244.1.0/24 prio 8912 tunnel 10.0.0.2 -> 10.0.0.1 reqid 77 use",
      "fwd 10.244.2.0/24 -> 10.244.1.0/24 prio 8912 tunnel 10.0.0.2 -> 10.0.0.1 reqid 77 use"};
  EXPECT_EQ(text_of(policies_of(child, child.rules, absent, {})), inbound);

  Lines with_sa = inbound;
  with_sa.push_back(
      "out 10.244.1.0/24 -> 10.244.2.0/24 prio 8912 tunnel 10.0.0.1 -> 10.0.0.2 reqid 77 required");
  EXPECT_EQ(text_of(policies_of(child, child.rules, form(), {})), with_sa);

  child.mode = plan::Mode::kTransport;
  ChildForm use = form();
  use.outbound = OutboundForm::kUse;
  EXPECT_EQ(text_of(policies_of(child, child.rules, use, {})).back(),
            "out 10.244.1.0/24 -> 10.244.2.0/24 prio 8912 "
            "transport 10.0.0.1 -> 10.0.0.2 reqid 77 use");
}

TEST(PolicySet, RequiredNeverGoesOutboundInClear) {
  for (const auto outbound : {OutboundForm::kRequire, OutboundForm::kUse, OutboundForm::kAbsent}) {
    for (const auto mode : {plan::Mode::kTransport, plan::Mode::kTunnel}) {
      plan::ChildPlan child;
      child.mode = mode;
      child.rules = {{pair("10.0.0.1/32", "10.0.0.2/32"), 500}};
      ChildForm any = form();
      any.outbound = outbound;
      const auto policies = policies_of(child, child.rules, any, {});
      ASSERT_EQ(policies.size(), 3U);
      for (const auto& wanted : policies) {
        ASSERT_TRUE(wanted.policy.transform);
        EXPECT_EQ(wanted.policy.transform->level, dataplane::Template::Level::kRequired);
      }
    }
  }
}

TEST(PolicySet, APeerWithoutOneAddressIsTakenFromThePacketInbound) {
  plan::ChildPlan child;
  child.rules = {{pair("10.0.0.1/32", "10.15.0.0/16"), 500}};
  ChildForm block = form();
  block.remote = std::nullopt;
  block.remote_fixed = false;
  EXPECT_EQ(text_of(policies_of(child, child.rules, block, {})),
            (Lines{"in 10.15.0.0/16 -> 10.0.0.1/32 prio 8112 "
                   "transport 0.0.0.0 -> 10.0.0.1 reqid 77 required",
                   "fwd 10.15.0.0/16 -> 10.0.0.1/32 prio 8112 "
                   "transport 0.0.0.0 -> 10.0.0.1 reqid 77 required",
                   "out 10.0.0.1/32 -> 10.15.0.0/16 prio 8112 "
                   "transport 10.0.0.1 -> 0.0.0.0 reqid 77 required"}));
}

TEST(PolicySet, BypassIsClearBothWaysAndPortsTurnWithTheDirection) {
  plan::BypassRule dns{pair("0.0.0.0/0", "10.0.0.53/32"), 3, "exemption outer-dns"};
  dns.selector.protocol = 17;
  dns.selector.remote_port = 53;
  EXPECT_EQ(text_of(policies_of(dns, {})),
            (Lines{"in 10.0.0.53/32 -> 0.0.0.0/0 proto 17 ports 53 -> 0 prio 4115 allow",
                   "fwd 10.0.0.53/32 -> 0.0.0.0/0 proto 17 ports 53 -> 0 prio 4115 allow",
                   "out 0.0.0.0/0 -> 10.0.0.53/32 proto 17 ports 0 -> 53 prio 4115 allow"}));
}

TEST(PolicySet, AnIcmpTypeIsTheSameBothWays) {
  plan::BypassRule neighbour{pair("::/0", "::/0"), 0, "always: ICMPv6"};
  neighbour.selector.protocol = 58;
  neighbour.selector.icmp_type = 135;
  for (const auto& wanted : policies_of(neighbour, {})) {
    EXPECT_EQ(wanted.policy.selector.source_port, 135);
    EXPECT_EQ(wanted.policy.selector.destination_port, 0);
  }
}

}  // namespace
}  // namespace espalier::tunnel
