// A router in front of a that translates addresses and ports (RFC 7296 section 2.23, RFC 3948).
#include <gtest/gtest.h>

#include "ike/testing/expectations.h"

namespace espalier::ike::testing {
namespace {

using namespace std::chrono_literals;

const IpAddress kOutside = *IpAddress::parse("192.0.2.1");
const IpAddress kMoved = *IpAddress::parse("192.0.2.2");

struct BehindNat : Pair {
  explicit BehindNat(std::uint64_t seed = 1) : Pair(seed) {
    nat = Nat{a.address(), kOutside, {}, 1024};
    Connection of_b = b.connection_to(a);
    of_b.remotes = {};  // only a begins, from wherever its router is
    b.set(1, of_b);
  }
  // The router restarts: what it knew is gone.
  void move(const IpAddress& to) {
    nat->outside = to;
    nat->ports.clear();
    nat->next_port = static_cast<std::uint16_t>(nat->next_port + 1000);
  }
};

TEST(Nat, IsFoundAndBothGoOnAtPort4500) {
  BehindNat pair;
  pair.establish();
  ASSERT_EQ(pair.sent().size(), 4U);
  // As sent: a to port 500, b to the port that the router chose; then both on port 4500.
  const std::uint16_t from[] = {500, 500, 4500, 4500}, to[] = {500, 1024, 4500, 1025};
  for (std::size_t i = 0; i < 4; ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(pair.sent()[i].encapsulated, i >= 2);
    EXPECT_EQ(pair.sent()[i].local.port, from[i]);
    EXPECT_EQ(pair.sent()[i].remote.port, to[i]);
  }
  for (const Node* node : {&pair.a, &pair.b}) {
    ASSERT_EQ(node->child_sas().size(), 1U) << pair.transcript();
    const ChildSaInfo info = node->child_sas().front().info;
    ASSERT_TRUE(info.encapsulation) << node->name();
    EXPECT_EQ(info.encapsulation->local, 4500) << node->name();
  }
  EXPECT_EQ(pair.a.child_sas().front().info.encapsulation->remote, 4500);
  EXPECT_EQ(pair.b.child_sas().front().info.encapsulation->remote, 1025);
  EXPECT_EQ(pair.b.child_sas().front().info.remote, kOutside);
  pair.run_with_traffic(pair.a, pair.b, 1s, 10ms);
  expect_nothing_lost(pair);
  expect_one_usable_pair(pair);
}

TEST(Nat, WithoutOneNothingIsEncapsulated) {
  Pair pair;
  pair.establish();
  EXPECT_FALSE(pair.a.child_sas().front().info.encapsulation);
  EXPECT_FALSE(pair.b.child_sas().front().info.encapsulation);
}

TEST(Nat, OnlyTheNodeBehindItKeepsTheMapping) {
  BehindNat pair;
  pair.establish();
  pair.run_with_traffic(pair.a, pair.b, 65s, 1s);
  EXPECT_EQ(pair.count("a -> b  keepalive"), 3U);
  EXPECT_EQ(pair.count("b -> a  keepalive"), 0U);
}

// The far end follows what is authentic, port and address, and its Childs with it.
TEST(Nat, IsFollowedWhereItMoves) {
  for (const IpAddress& to : {kOutside, kMoved}) {
    SCOPED_TRACE(to.to_string());
    BehindNat pair;
    pair.establish();
    pair.move(to);
    pair.a.command(ProbePeer{1});
    pair.run();
    const ChildSaInfo info = pair.b.child_sas().front().info;
    EXPECT_EQ(info.remote, to);
    EXPECT_EQ(info.encapsulation->remote, pair.nat->ports.at(4500));
    pair.run_with_traffic(pair.a, pair.b, 1s, 10ms);
    expect_nothing_lost(pair);
    expect_one_usable_pair(pair);
  }
}

TEST(Nat, RekeysByEitherEndGoThroughItAlsoAfterItMoved) {
  for (const bool moved : {false, true}) {
    SCOPED_TRACE(moved);
    BehindNat pair;
    pair.establish();
    if (moved) {
      pair.move(kMoved);
      pair.a.command(ProbePeer{1});
      pair.run();
    }
    for (Node* node : {&pair.a, &pair.b}) {
      node->command(RekeyChild{current_child(*node)});
      pair.run_with_traffic(pair.a, pair.b, 1s, 1ms);
      node->command(RekeyIkeSa{ike_sa(*node)});
      pair.run_with_traffic(pair.a, pair.b, 1s, 1ms);
    }
    EXPECT_EQ(pair.b.child_sas().front().info.remote, pair.nat->outside);
    expect_nothing_lost(pair);
    expect_one_usable_pair(pair);
    EXPECT_TRUE(pair.a.failures().empty());
    EXPECT_TRUE(pair.b.failures().empty());
  }
}

}  // namespace
}  // namespace espalier::ike::testing
