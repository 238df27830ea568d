// Packets between two nodes, by SAs that we set: every algorithm, mode and family; replays; what is
// refused without an SA.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "nodeagent/dataplane/xfrm/socket_policy.h"
#include "nodeagent/dataplane/xfrm/xfrm_stat.h"
#include "tests/e2e/dataplane/covered_pair.h"

namespace espalier::dataplane::lab {
namespace {

std::uint64_t counter(const Node& node, const std::string& name) {
  node.netns.enter();
  const auto counters = xfrm::read_xfrm_stat();
  EXPECT_TRUE(counters);
  if (!counters) return 0;
  for (const auto& row : *counters) {
    if (row.name == name) return row.value;
  }
  ADD_FAILURE() << "no row " << name;
  return 0;
}

// One packet each way, and that nothing but ESP crossed.
void expect_esp_both_ways(TwoNodes& nodes, const Cover& cover) {
  const auto a = nodes.a.udp_socket(end_address(cover, 1), 7001);
  const auto b = nodes.b.udp_socket(end_address(cover, 2), 7002);
  static_cast<void>(nodes.wire().look());
  EXPECT_TRUE(TwoNodes::arrives(a, b, {end_address(cover, 2), 7002}));
  EXPECT_TRUE(TwoNodes::arrives(b, a, {end_address(cover, 1), 7001}));
  const auto crossed = nodes.wire().look();
  const bool udp = cover.encapsulation.has_value();
  EXPECT_EQ(udp ? crossed.esp_in_udp : crossed.esp, 2);
  EXPECT_EQ(udp ? crossed.esp : crossed.esp_in_udp, 0);
  EXPECT_EQ(crossed.clear, 0);
}

void expect_one_packet_counted(Node& node, const Sa& sa) {
  const auto state = node.kernel->query(id_of(sa));
  ASSERT_TRUE(state) << state.error().to_string();
  EXPECT_EQ(state->usage.packets, 1U);
  EXPECT_GT(state->usage.bytes, 0U);
  EXPECT_TRUE(state->usage.first_used);
  EXPECT_EQ(sa.direction == Direction::kIn ? state->in_sequence : state->out_sequence, 1U);
  EXPECT_EQ(state->failed_integrity, 0U);
  EXPECT_EQ(state->sa, sa);
}

class EveryAlgorithm : public testing::TestWithParam<EspAlgorithm> {};

TEST_P(EveryAlgorithm, CarriesTransportAndTunnelOverBothFamilies) {
  TwoNodes nodes;
  for (const auto mode : {Mode::kTransport, Mode::kTunnel}) {
    for (const auto family : {IpFamily::kV4, IpFamily::kV6}) {
      SCOPED_TRACE(fmt::format("{} {} IPv{}", GetParam().to_string(), name_of(mode),
                               static_cast<int>(family)));
      const Cover cover{family, mode, GetParam()};
      require_esp(nodes, cover);
      install_sas(nodes, cover);
      expect_esp_both_ways(nodes, cover);
      expect_one_packet_counted(nodes.a, sa_of(cover, 1, Direction::kOut));
      expect_one_packet_counted(nodes.b, sa_of(cover, 1, Direction::kIn));
      expect_one_packet_counted(nodes.b, sa_of(cover, 2, Direction::kOut));
      expect_one_packet_counted(nodes.a, sa_of(cover, 2, Direction::kIn));
      delete_sas(nodes, cover);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Esp, EveryAlgorithm,
    testing::Values(EspAlgorithm{EspCipher::kAesGcm16, 128, EspIntegrity::kNone},
                    EspAlgorithm{EspCipher::kAesGcm16, 192, EspIntegrity::kNone},
                    EspAlgorithm{EspCipher::kAesGcm16, 256, EspIntegrity::kNone},
                    EspAlgorithm{EspCipher::kAesCbc, 128, EspIntegrity::kHmacSha256_128},
                    EspAlgorithm{EspCipher::kAesCbc, 256, EspIntegrity::kHmacSha384_192},
                    EspAlgorithm{EspCipher::kAesCbc, 256, EspIntegrity::kHmacSha512_256},
                    EspAlgorithm{EspCipher::kChaCha20Poly1305, 256, EspIntegrity::kNone}));

TEST(Traffic, WithoutEsn) {
  TwoNodes nodes;
  Cover cover;
  cover.esn = false;
  require_esp(nodes, cover);
  install_sas(nodes, cover);
  expect_esp_both_ways(nodes, cover);
}

TEST(Traffic, TunnelForBothInnerFamilies) {
  TwoNodes nodes;
  // Between IPv4 nodes, one pair of SAs for their IPv4 and IPv6 pods.
  const Cover outer{IpFamily::kV4, Mode::kTunnel};
  for (const int node : {1, 2}) {
    auto& one = node == 1 ? nodes.a : nodes.b;
    carry_out(one, policies_of(outer, node));
    auto inner_v6 = policies_of(Cover{IpFamily::kV6, Mode::kTunnel}, node);
    for (auto& step : inner_v6) {
      auto& transform = *std::get<SetPolicy>(step).policy.transform;
      const auto number = [&](const IpAddress& address) {
        return address == TwoNodes::node_address(IpFamily::kV6, 1) ? 1 : 2;
      };
      transform.source = TwoNodes::node_address(IpFamily::kV4, number(transform.source));
      transform.destination = TwoNodes::node_address(IpFamily::kV4, number(transform.destination));
    }
    carry_out(one, inner_v6);
  }
  for (const int from : {1, 2}) {
    for (const auto direction : {Direction::kIn, Direction::kOut}) {
      auto sa = sa_of(outer, from, direction);
      sa.flags.any_inner_family = true;
      auto& node = (from == 1) == (direction == Direction::kOut) ? nodes.a : nodes.b;
      carry_out(node, AddSa{sa, keys_for(sa.algorithm, static_cast<std::uint8_t>(from))});
    }
  }
  expect_esp_both_ways(nodes, outer);
  expect_esp_both_ways(nodes, Cover{IpFamily::kV6, Mode::kTunnel});
}

TEST(Traffic, ReplayedPacketIsDroppedAndCounted) {
  TwoNodes nodes;
  const Cover cover;
  require_esp(nodes, cover);
  install_sas(nodes, cover);
  const auto a = nodes.a.udp_socket(end_address(cover, 1), 7001);
  const auto b = nodes.b.udp_socket(end_address(cover, 2), 7002);
  ASSERT_TRUE(TwoNodes::arrives(a, b, {end_address(cover, 2), 7002}));
  static_cast<void>(nodes.wire().look());
  const auto frame = nodes.wire().last_esp();
  ASSERT_FALSE(frame.empty());
  nodes.wire().inject(frame);
  EXPECT_FALSE(readable(b.get(), 200));
  const auto state = nodes.b.kernel->query(id_of(sa_of(cover, 1, Direction::kIn)));
  ASSERT_TRUE(state);
  EXPECT_EQ(state->replayed, 1U);
  EXPECT_EQ(counter(nodes.b, "XfrmInStateSeqError"), 1U);
}

TEST(Traffic, WithoutSaNothingPassesAndTheKernelCountsWhy) {
  TwoNodes nodes;
  for (const auto family : {IpFamily::kV4, IpFamily::kV6}) {
    const Cover cover{family};
    require_esp(nodes, cover);
    const auto a = nodes.a.udp_socket(end_address(cover, 1), 7001);
    const auto b = nodes.b.udp_socket(end_address(cover, 2), 7002);
    static_cast<void>(nodes.wire().look());
    EXPECT_FALSE(TwoNodes::arrives(a, b, {end_address(cover, 2), 7002}, 200));
    EXPECT_EQ(nodes.wire().look().clear, 0);
  }
  EXPECT_GE(counter(nodes.a, "XfrmOutNoStates"), 2U);
}

TEST(Traffic, ClearPacketIsRefusedByItsReceiver) {
  TwoNodes nodes;
  const Cover cover;
  carry_out(nodes.b, policies_of(cover, 2));
  const auto a = nodes.a.udp_socket(end_address(cover, 1), 7001);
  const auto b = nodes.b.udp_socket(end_address(cover, 2), 7002);
  EXPECT_FALSE(TwoNodes::arrives(a, b, {end_address(cover, 2), 7002}, 200));
  EXPECT_EQ(counter(nodes.b, "XfrmInTmplMismatch"), 1U);
}

TEST(Traffic, SocketsWithABypassPassInClear) {
  TwoNodes nodes;
  for (const auto family : {IpFamily::kV4, IpFamily::kV6}) {
    const Cover cover{family};
    require_esp(nodes, cover);
    const auto a = nodes.a.udp_socket(end_address(cover, 1), 500);
    const auto b = nodes.b.udp_socket(end_address(cover, 2), 500);
    ASSERT_TRUE(xfrm::set_socket_bypass(a.get(), family));
    ASSERT_TRUE(xfrm::set_socket_bypass(b.get(), family));
    static_cast<void>(nodes.wire().look());
    EXPECT_TRUE(TwoNodes::arrives(a, b, {end_address(cover, 2), 500}));
    EXPECT_TRUE(TwoNodes::arrives(b, a, {end_address(cover, 1), 500}));
    EXPECT_EQ(nodes.wire().look().clear, 2);
  }
  // Socket policies are none of ours to show.
  EXPECT_EQ(nodes.a.kernel->dump_policies()->size(), 6U);
}

TEST(Traffic, EspInUdpAndTheMappingThatMoved) {
  TwoNodes nodes;
  Cover cover;
  cover.encapsulation = Encapsulation{};
  require_esp(nodes, cover);
  install_sas(nodes, cover);
  std::vector<FileDescriptor> ike;
  for (const int number : {1, 2}) {
    auto& node = number == 1 ? nodes.a : nodes.b;
    ike.push_back(node.udp_socket(TwoNodes::node_address(cover.family, number), 4500));
    ASSERT_TRUE(xfrm::set_socket_bypass(ike.back().get(), cover.family));
    ASSERT_TRUE(xfrm::set_udp_encap(ike.back().get()));
  }
  expect_esp_both_ways(nodes, cover);

  // As if a NAT between gave the sender another port.
  auto moved = sa_of(cover, 1, Direction::kOut);
  moved.encapsulation->source_port = 31000;
  carry_out(nodes.a, ChangeSa{moved});
  EXPECT_EQ(nodes.a.kernel->query(id_of(moved))->sa, moved);
  const auto a = nodes.a.udp_socket(end_address(cover, 1), 7001);
  const auto b = nodes.b.udp_socket(end_address(cover, 2), 7002);
  EXPECT_TRUE(TwoNodes::arrives(a, b, {end_address(cover, 2), 7002}));
  const auto mapping = nodes.b.next<Mapping>();
  ASSERT_TRUE(mapping);
  EXPECT_EQ(mapping->sa, id_of(moved));
  EXPECT_EQ(mapping->reqid, kReqid);
  EXPECT_EQ(mapping->old_source.to_string(), "10.9.0.1:4500");
  EXPECT_EQ(mapping->new_source.to_string(), "10.9.0.1:31000");
}

}  // namespace
}  // namespace espalier::dataplane::lab
