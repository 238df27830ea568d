// The clear-traffic guard on a real packet filter: what it drops, counts and lets through.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "nodeagent/dataplane/xfrm/socket_policy.h"
#include "tests/e2e/dataplane/covered_pair.h"
#include "tests/e2e/dataplane/guard_on.h"

namespace espalier::dataplane::lab {
namespace {

constexpr std::uint16_t kPortA = 7001;
constexpr std::uint16_t kPortB = 7002;

ClearTrafficRule between(const Cover& cover, int node, ClearVerdict verdict,
                         std::uint8_t protocol = 0, std::uint16_t remote_port = 0) {
  return {{Prefix::host(end_address(cover, node)), Prefix::host(end_address(cover, 3 - node)),
           protocol, 0, remote_port},
          verdict};
}

struct Sockets {
  FileDescriptor a;
  FileDescriptor b;
  Sockets(TwoNodes& nodes, const Cover& cover)
      : a(nodes.a.udp_socket(end_address(cover, 1), kPortA)),
        b(nodes.b.udp_socket(end_address(cover, 2), kPortB)),
        to_a{end_address(cover, 1), kPortA},
        to_b{end_address(cover, 2), kPortB} {}
  Endpoint to_a;
  Endpoint to_b;
  [[nodiscard]] bool a_to_b(int milliseconds = 2000) const {
    return TwoNodes::arrives(a, b, to_b, milliseconds);
  }
  [[nodiscard]] bool b_to_a(int milliseconds = 2000) const {
    return TwoNodes::arrives(b, a, to_a, milliseconds);
  }
};

constexpr int kSoon = 200;  // milliseconds: long enough for what would arrive

TEST(Guard, DropsAndCountsClearPacketsBothWaysInBothFamilies) {
  TwoNodes nodes;
  GuardOn guard(nodes.a);
  guard.set({between({IpFamily::kV4}, 1, ClearVerdict::kBlock),
             between({IpFamily::kV6}, 1, ClearVerdict::kBlock)});
  for (const auto family : {IpFamily::kV4, IpFamily::kV6}) {
    const Sockets sockets(nodes, {family});
    static_cast<void>(nodes.wire().look());
    EXPECT_FALSE(sockets.a_to_b(kSoon));
    EXPECT_EQ(nodes.wire().look().clear, 0);  // it did not leave
    EXPECT_FALSE(sockets.b_to_a(kSoon));
    EXPECT_EQ(nodes.wire().look().clear, 1);  // it came, and was refused
    for (const auto direction : {Direction::kIn, Direction::kOut}) {
      const auto count = guard.count(direction, family);
      EXPECT_EQ(count.blocked_packets, 1U);
      EXPECT_GT(count.blocked_bytes, 20U);
      EXPECT_EQ(count.passed_packets, 0U);
    }
  }
  ASSERT_TRUE(guard.guard().remove());
  EXPECT_EQ(guard.guard().counts().error().code, Code::kNotFound);
  EXPECT_TRUE(guard.guard().remove());
  EXPECT_TRUE(Sockets(nodes, {}).a_to_b());
}

TEST(Guard, EspPassesInEveryModeAlsoInFragments) {
  TwoNodes nodes;
  GuardOn guard_a(nodes.a);
  GuardOn guard_b(nodes.b);
  for (const auto mode : {Mode::kTransport, Mode::kTunnel}) {
    for (const auto family : {IpFamily::kV4, IpFamily::kV6}) {
      const Cover cover{family, mode};
      guard_a.set({between(cover, 1, ClearVerdict::kBlock)});
      guard_b.set({between(cover, 2, ClearVerdict::kBlock)});
      require_esp(nodes, cover);
      install_sas(nodes, cover);
      const Sockets sockets(nodes, cover);
      EXPECT_TRUE(sockets.a_to_b());
      EXPECT_TRUE(sockets.b_to_a());
      EXPECT_TRUE(TwoNodes::arrives(sockets.a, sockets.b, sockets.to_b, 2000, 4000));
      for (auto* guard : {&guard_a, &guard_b}) {
        EXPECT_EQ(guard->count(Direction::kIn, family).blocked_packets, 0U);
        EXPECT_EQ(guard->count(Direction::kOut, family).blocked_packets, 0U);
      }
      delete_sas(nodes, cover);
    }
  }
}

TEST(Guard, EspInUdpPassesAlsoInFragments) {
  TwoNodes nodes;
  Cover cover;
  cover.encapsulation = Encapsulation{};
  std::vector<FileDescriptor> ike;
  GuardOn guard_a(nodes.a);
  GuardOn guard_b(nodes.b);
  guard_a.set({between(cover, 1, ClearVerdict::kBlock)});
  guard_b.set({between(cover, 2, ClearVerdict::kBlock)});
  require_esp(nodes, cover);
  install_sas(nodes, cover);
  for (const int number : {1, 2}) {
    auto& node = number == 1 ? nodes.a : nodes.b;
    ike.push_back(node.udp_socket(TwoNodes::node_address(cover.family, number), 4500));
    ASSERT_TRUE(xfrm::set_socket_bypass(ike.back().get(), cover.family));
    ASSERT_TRUE(xfrm::set_udp_encap(ike.back().get()));
  }
  const Sockets sockets(nodes, cover);
  EXPECT_TRUE(sockets.a_to_b());
  EXPECT_TRUE(TwoNodes::arrives(sockets.a, sockets.b, sockets.to_b, 2000, 4000));
  EXPECT_EQ(guard_a.count(Direction::kOut, cover.family).blocked_packets, 0U);
  EXPECT_EQ(guard_b.count(Direction::kIn, cover.family).blocked_packets, 0U);
}

TEST(Guard, IkeAndWhatIsExemptPasses) {
  TwoNodes nodes;
  const Cover cover;
  GuardOn guard(nodes.a);
  guard.set({between(cover, 1, ClearVerdict::kPass, 17, kPortB),
             between(cover, 1, ClearVerdict::kBlock)});
  const Sockets sockets(nodes, cover);
  EXPECT_TRUE(sockets.a_to_b());
  EXPECT_TRUE(sockets.b_to_a());
  const auto ike_a = nodes.a.udp_socket(end_address(cover, 1), 500);
  const auto ike_b = nodes.b.udp_socket(end_address(cover, 2), 500);
  EXPECT_TRUE(TwoNodes::arrives(ike_a, ike_b, {end_address(cover, 2), 500}));
  EXPECT_TRUE(TwoNodes::arrives(ike_b, ike_a, {end_address(cover, 1), 500}));
  EXPECT_FALSE(TwoNodes::arrives(sockets.a, ike_b, {end_address(cover, 2), 500}, kSoon));
  EXPECT_EQ(guard.count(Direction::kOut, cover.family).blocked_packets, 1U);
}

TEST(Guard, PreferredPassesAndIsCounted) {
  TwoNodes nodes;
  const Cover cover;
  GuardOn guard(nodes.a);
  guard.set({between(cover, 1, ClearVerdict::kCount)});
  const Sockets sockets(nodes, cover);
  EXPECT_TRUE(sockets.a_to_b());
  EXPECT_TRUE(sockets.b_to_a());
  for (const auto direction : {Direction::kIn, Direction::kOut}) {
    EXPECT_EQ(guard.count(direction, cover.family).passed_packets, 1U);
    EXPECT_EQ(guard.count(direction, cover.family).blocked_packets, 0U);
  }
}

// A pod's packet that masquerade gave the node's address is still the pod's.
TEST(Guard, MasqueradedTrafficOfAPodDoesNotSlipThrough) {
  TwoNodes nodes;
  const Cover pods{IpFamily::kV4, Mode::kTunnel};
  nodes.a.netns.run(
      "nft -f - <<'END'\n"
      "table ip cni { chain post { type nat hook postrouting priority srcnat;\n"
      "  ip saddr 10.1.1.1 masquerade; }; }\n"
      "END");
  const Sockets sockets(nodes, pods);
  ASSERT_TRUE(sockets.a_to_b());
  GuardOn guard_a(nodes.a);
  guard_a.set({between(pods, 1, ClearVerdict::kBlock)});
  static_cast<void>(nodes.wire().look());
  EXPECT_FALSE(sockets.a_to_b(kSoon));
  EXPECT_EQ(nodes.wire().look().clear, 0);
  EXPECT_EQ(guard_a.count(Direction::kOut, IpFamily::kV4).blocked_packets, 1U);
  // And the reply, which comes to the node's address and is for the pod.
  const auto node_a = TwoNodes::node_address(IpFamily::kV4, 1);
  EXPECT_FALSE(TwoNodes::arrives(sockets.b, sockets.a, {node_a, kPortA}, kSoon));
  EXPECT_EQ(guard_a.count(Direction::kIn, IpFamily::kV4).blocked_packets, 1U);
}

TEST(Guard, ManyPairsComeAndGoAndCountsStay) {
  TwoNodes nodes;
  const Cover cover;
  GuardOn guard(nodes.a);
  std::vector<ClearTrafficRule> rules{between(cover, 1, ClearVerdict::kBlock)};
  guard.set(rules);
  const Sockets sockets(nodes, cover);
  EXPECT_FALSE(sockets.a_to_b(kSoon));
  const auto pair = [](int node) {
    return ClearTrafficRule{
        {Prefix::host(TwoNodes::node_address(IpFamily::kV4, 1)),
         Prefix(IpAddress::v4(0x0a400000U + (static_cast<std::uint32_t>(node) << 8U)), 24)},
        ClearVerdict::kBlock};
  };
  for (int node = 0; node < 1000; ++node) rules.push_back(pair(node));
  guard.set(rules);
  EXPECT_FALSE(sockets.a_to_b(kSoon));
  // One transaction in which pairs overlap those they replace.
  rules.resize(501);
  rules.push_back({{Prefix::host(TwoNodes::node_address(IpFamily::kV4, 1)),
                    Prefix::parse("10.64.0.0/15").value()},
                   ClearVerdict::kBlock});
  guard.set(rules);
  EXPECT_FALSE(sockets.a_to_b(kSoon));
  EXPECT_EQ(guard.count(Direction::kOut, cover.family).blocked_packets, 3U);
  // Another shape: the counters go on.
  rules.push_back(between(cover, 1, ClearVerdict::kCount, 6, 80));
  guard.set(rules);
  EXPECT_FALSE(sockets.a_to_b(kSoon));
  EXPECT_EQ(guard.count(Direction::kOut, cover.family).blocked_packets, 4U);
  // Another process, as after a restart.
  GuardOn restarted(nodes.a);
  restarted.set(rules);
  EXPECT_EQ(restarted.count(Direction::kOut, cover.family).blocked_packets, 4U);
  guard.set({});
  EXPECT_TRUE(sockets.a_to_b());
}

TEST(Guard, ComesBackAfterAFlushAndLeavesOthersAlone) {
  TwoNodes nodes;
  const Cover cover;
  const std::string others = "table inet others { set s { type ipv4_addr; }; }";
  nodes.a.netns.run("nft '" + others + "'");
  GuardOn guard(nodes.a);
  const std::vector<ClearTrafficRule> rules{between(cover, 1, ClearVerdict::kBlock)};
  guard.set(rules);
  EXPECT_EQ(nodes.a.netns.run("nft list tables"), "table inet others\ntable inet espalier\n");
  nodes.a.netns.run("nft flush ruleset");
  const Sockets sockets(nodes, cover);
  EXPECT_TRUE(sockets.a_to_b());
  EXPECT_EQ(guard.guard().counts().error().code, Code::kNotFound);
  nodes.a.netns.run("nft '" + others + "'");
  guard.set(rules);
  EXPECT_FALSE(sockets.a_to_b(kSoon));
  ASSERT_TRUE(guard.guard().remove());
  EXPECT_EQ(nodes.a.netns.run("nft list tables"), "table inet others\n");
}

}  // namespace
}  // namespace espalier::dataplane::lab
