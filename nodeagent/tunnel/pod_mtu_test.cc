#include "nodeagent/tunnel/pod_mtu.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/plan/planner.h"
#include "operator/plan/world_testing.h"

namespace espalier::tunnel {
namespace {

using ike::crypto::EncrId;
using ike::crypto::EspSuite;
using ike::crypto::IntegId;
using plan::Mode;
using testing::IsEmpty;
using testing::SizeIs;

constexpr EspSuite kGcm{{EncrId::kAesGcm16, 256}, IntegId::kNone};
constexpr EspSuite kChaCha{{EncrId::kChaCha20Poly1305, 256}, IntegId::kNone};
constexpr EspSuite kCbc256{{EncrId::kAesCbc, 256}, IntegId::kHmacSha2_256_128};
constexpr EspSuite kCbc384{{EncrId::kAesCbc, 256}, IntegId::kHmacSha2_384_192};
constexpr EspSuite kCbc512{{EncrId::kAesCbc, 128}, IntegId::kHmacSha2_512_256};
constexpr IpFamily kV4 = IpFamily::kV4;
constexpr IpFamily kV6 = IpFamily::kV6;

struct Row {
  std::uint32_t wire;
  Wrapping wrapping;
  std::uint32_t fits;
};

TEST(PodMtu, WhatFitsIntoOnePacket) {
  const Row rows[] = {
      // 1500 - 20 (IPv4) - 8 (ESP) - 8 (IV) - 16 (ICV) = 1448, which is a multiple of 4; less 2.
      {1500, {Mode::kTunnel, kV4, false, kGcm}, 1446},
      {1500, {Mode::kTunnel, kV4, true, kGcm}, 1438},
      {1500, {Mode::kTunnel, kV6, false, kGcm}, 1426},
      {1500, {Mode::kTunnel, kV6, true, kGcm}, 1418},
      {1500, {Mode::kTunnel, kV4, false, kChaCha}, 1446},
      // 1500 - 20 - 8 - 16 (IV) - 16 (ICV) = 1440, a multiple of 16; less 2.
      {1500, {Mode::kTunnel, kV4, false, kCbc256}, 1438},
      // 1420, of which 1408 is the last multiple of 16.
      {1500, {Mode::kTunnel, kV6, false, kCbc256}, 1406},
      {1500, {Mode::kTunnel, kV4, true, kCbc256}, 1422},
      {1500, {Mode::kTunnel, kV4, false, kCbc384}, 1422},
      {1500, {Mode::kTunnel, kV4, false, kCbc512}, 1422},
      {1500, {Mode::kTunnel, kV6, false, kCbc512}, 1390},
      // In transport mode the packet keeps its header.
      {1500, {Mode::kTransport, kV4, false, kGcm}, 1466},
      {1500, {Mode::kTransport, kV6, false, kGcm}, 1466},
      {1500, {Mode::kTransport, kV4, true, kGcm}, 1458},
      {1500, {Mode::kTransport, kV4, false, kCbc256}, 1458},
      {9001, {Mode::kTunnel, kV4, false, kGcm}, 8946},
      {1501, {Mode::kTunnel, kV4, false, kGcm}, 1446},
      {1503, {Mode::kTunnel, kV4, false, kGcm}, 1446},
      {1504, {Mode::kTunnel, kV4, false, kGcm}, 1450},
      {56, {Mode::kTunnel, kV4, false, kGcm}, 2},
      {55, {Mode::kTunnel, kV4, false, kGcm}, 0},
      {0, {Mode::kTunnel, kV6, true, kCbc512}, 0},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(largest_packet(row.wire, row.wrapping), row.fits)
        << row.wire << " " << to_string(row.wrapping.suite) << " "
        << (row.wrapping.mode == Mode::kTunnel ? "tunnel" : "transport")
        << (row.wrapping.family == kV4 ? " IPv4" : " IPv6") << (row.wrapping.udp ? " UDP" : "");
  }
}

plan::NodePlan plan_for(std::vector<crds::Traffic> traffic,
                        std::vector<std::string> esp = {"aes256gcm16"}) {
  plan::World world = plan::testing::nodes(3);
  crds::IPsecPolicy mesh = plan::testing::policy("mesh", std::move(traffic));
  mesh.spec.esp.proposals = std::move(esp);
  plan::testing::add(world, std::move(mesh));
  return plan::plan_node(world, "node1");
}

Underlay wire(std::uint32_t v4 = 1500, std::uint32_t v6 = 1500) {
  return {{{plan::testing::ip("10.10.0.1"), v4}, {plan::testing::ip("fd00:10::1"), v6}}, false};
}

// Pods of both families travel between the nodes' IPv4 addresses, where there are some.
TEST(PodMtu, OfAPlanTheNarrowestPathCounts) {
  const auto paths = pod_paths(plan_for({crds::Traffic::kPodToPod}));
  EXPECT_THAT(paths, SizeIs(1)) << "however many peers";
  EXPECT_EQ(pod_mtu(paths, wire()), (PodMtu{1446, 0}));
  EXPECT_EQ(pod_mtu(paths, wire(9000)), (PodMtu{8946, 0}));
  const auto either = plan_for({crds::Traffic::kPodToPod}, {"aes256gcm16", "aes256-sha512"});
  EXPECT_EQ(pod_mtu(pod_paths(either), wire()), (PodMtu{1422, 0})) << "the peer chooses";
  plan::NodePlan by_v6 = plan_for({crds::Traffic::kPodToPod});
  for (auto& connection : by_v6.connections)
    connection.local_address = plan::testing::ip("fd00:10::1");
  EXPECT_EQ(pod_mtu(pod_paths(by_v6), wire()), (PodMtu{1426, 0}));
}

TEST(PodMtu, TheNodesOwnPacketsCountWherePodsTravelInThem) {
  EXPECT_EQ(pod_mtu(pod_paths(plan_for({crds::Traffic::kNodeToNode})), wire()), (PodMtu{1466, 34}));
  const auto both = plan_for({crds::Traffic::kNodeToNode, crds::Traffic::kPodToPod});
  EXPECT_EQ(pod_mtu(pod_paths(both), wire()), (PodMtu{1446, 0}));
  EXPECT_EQ(pod_mtu(pod_paths(both), wire(1500, 1400)), (PodMtu{1366, 0}));
}

TEST(PodMtu, UdpCountsWhereItIsOrMayBe) {
  plan::NodePlan wanted = plan_for({crds::Traffic::kPodToPod});
  const auto with = [&](plan::UdpEncapsulation udp) {
    for (auto& connection : wanted.connections) connection.udp = udp;
    return pod_paths(wanted);
  };
  Underlay translated = wire();
  translated.translated = true;
  EXPECT_EQ(pod_mtu(with(plan::UdpEncapsulation::kAuto), wire()), (PodMtu{1446, 0}));
  EXPECT_EQ(pod_mtu(with(plan::UdpEncapsulation::kAuto), translated), (PodMtu{1438, 0}));
  EXPECT_EQ(pod_mtu(with(plan::UdpEncapsulation::kNever), translated), (PodMtu{1446, 0}));
  EXPECT_EQ(pod_mtu(with(plan::UdpEncapsulation::kAlways), wire()), (PodMtu{1438, 0}));
}

TEST(PodMtu, ATunnelCountsWhereItCoversPods) {
  plan::World world = plan::testing::nodes(1);
  crds::Tunnel tunnel;
  tunnel.meta = {"edge", "branch", {}, {}, "t", 1};
  tunnel.spec.local.node = "node1";
  tunnel.spec.local.subnets = {plan::testing::block("10.244.0.0/16")};
  tunnel.spec.remote.addresses = {plan::testing::ip("192.0.2.9")};
  tunnel.spec.remote.subnets = {plan::testing::block("172.16.0.0/24")};
  tunnel.spec.esp.proposals = {"aes256gcm16"};
  plan::World elsewhere = world;
  plan::testing::add(world, tunnel);
  EXPECT_EQ(pod_mtu(pod_paths(plan::plan_node(world, "node1")), wire()), (PodMtu{1446, 0}));
  tunnel.spec.local.subnets = {plan::testing::block("10.9.0.0/16")};
  plan::testing::add(elsewhere, tunnel);
  EXPECT_THAT(pod_paths(plan::plan_node(elsewhere, "node1")), IsEmpty());
}

TEST(PodMtu, NothingIsSaidWhereNothingIsKnown) {
  EXPECT_EQ(pod_mtu({}, wire()), std::nullopt);
  EXPECT_EQ(pod_mtu(pod_paths(plan_for({})), wire()), std::nullopt);
  const auto paths = pod_paths(plan_for({crds::Traffic::kPodToPod}));
  EXPECT_EQ(pod_mtu(paths, {}), std::nullopt);
  // An address that is on no interface: the narrowest of its family.
  EXPECT_EQ(pod_mtu(paths, {{{plan::testing::ip("10.10.0.77"), 1400}}, false}), (PodMtu{1346, 0}));
  EXPECT_EQ(pod_mtu(paths, wire(600, 1500)), (PodMtu{1280, 0})) << "never below IPv6's least";
}

}  // namespace
}  // namespace espalier::tunnel
