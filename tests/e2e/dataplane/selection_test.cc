// Pods selected by sets, on a real kernel: the packet filter's marks, policies that match them, SAs
// that write them. The packets are the nodes' own, from their pods' addresses.
#include <gtest/gtest.h>

#include "tests/e2e/dataplane/covered_pair.h"
#include "tests/e2e/dataplane/guard_on.h"

namespace espalier::dataplane::lab {
namespace {

constexpr std::uint16_t kPortA = 7001;
constexpr std::uint16_t kPortB = 7002;
constexpr PodGroup kWeb{0, true};

using Pods = std::optional<std::vector<IpAddress>>;

// Two nodes whose pods' traffic needs ESP where one of them is of the group.
struct Selected {
  explicit Selected(IpFamily family) : cover{family, Mode::kTunnel} {
    for (const int node : {1, 2}) {
      auto steps = policies_of(cover, node);
      for (auto& step : steps) std::get<SetPolicy>(step).policy.mark = mark_to_match(kWeb);
      carry_out(node == 1 ? nodes.a : nodes.b, steps);
    }
    choose(std::vector<IpAddress>{});
  }
  void install() {
    for (const int from : {1, 2}) {
      Node& sender = from == 1 ? nodes.a : nodes.b;
      Node& receiver = from == 1 ? nodes.b : nodes.a;
      Sa in = sa_of(cover, from, Direction::kIn);
      in.mark_written = mark_to_write(kWeb);
      const auto fill = static_cast<std::uint8_t>(from);
      carry_out(receiver, AddSa{in, keys_for(cover.algorithm, fill)});
      carry_out(sender,
                AddSa{sa_of(cover, from, Direction::kOut), keys_for(cover.algorithm, fill)});
    }
  }
  void choose(const Pods& pods) {
    choose(1, pods);
    choose(2, pods);
  }
  void choose(int node, const Pods& pods) {
    ClearTrafficRules rules;
    rules.rules = {{{Prefix::host(pod(node)), Prefix::host(pod(3 - node))},
                    ClearVerdict::kBlock,
                    kWeb.number}};
    rules.groups = {{kWeb, "web", pods}};
    (node == 1 ? guard_a : guard_b).set_all(rules);
  }
  [[nodiscard]] IpAddress pod(int node) const { return end_address(cover, node); }

  // "esp" or "clear": how a packet from a's pod to b's went; "lost" if it did not arrive.
  std::string there() { return sent(socket_a, socket_b, {pod(2), kPortB}); }
  std::string back() { return sent(socket_b, socket_a, {pod(1), kPortA}); }
  std::string sent(const FileDescriptor& from, const FileDescriptor& to, const Endpoint& where) {
    (void)nodes.wire().look();
    const bool arrived = TwoNodes::arrives(from, to, where, 1000);
    const Crossed crossed = nodes.wire().look();
    std::string text = arrived ? "" : "lost ";
    if (crossed.esp + crossed.esp_in_udp > 0) text += "esp";
    if (crossed.clear > 0) text += "clear";
    return text;
  }

  Cover cover;
  TwoNodes nodes;
  GuardOn guard_a{nodes.a};
  GuardOn guard_b{nodes.b};
  FileDescriptor socket_a = nodes.a.udp_socket(pod(1), kPortA);
  FileDescriptor socket_b = nodes.b.udp_socket(pod(2), kPortB);
};

class Selection : public ::testing::TestWithParam<IpFamily> {};
INSTANTIATE_TEST_SUITE_P(BothFamilies, Selection, ::testing::Values(IpFamily::kV4, IpFamily::kV6));

TEST_P(Selection, SetsDecideAndPoliciesStay) {
  Selected pair(GetParam());
  pair.install();
  EXPECT_EQ(pair.there(), "clear");
  EXPECT_EQ(pair.back(), "clear");
  const auto before = pair.nodes.a.kernel->dump_policies();
  for (const int node : {1, 2}) {
    pair.choose(std::vector{pair.pod(node)});
    EXPECT_EQ(pair.there(), "esp") << "either end is enough";
    EXPECT_EQ(pair.back(), "esp");
  }
  const auto after = pair.nodes.a.kernel->dump_policies();
  ASSERT_TRUE(before && after);
  ASSERT_EQ(before->size(), after->size());
  for (std::size_t i = 0; i < before->size(); ++i)
    EXPECT_EQ((*before)[i].policy, (*after)[i].policy);
  pair.choose(std::vector<IpAddress>{});
  EXPECT_EQ(pair.there(), "clear") << "also what went by ESP before";
}

TEST_P(Selection, WithoutAnSaTheSelectedAreBlocked) {
  Selected pair(GetParam());
  EXPECT_EQ(pair.there(), "clear");
  pair.choose(std::vector{pair.pod(2)});
  EXPECT_EQ(pair.there(), "lost ");
  pair.choose(std::vector<IpAddress>{});
  EXPECT_EQ(pair.there(), "clear");
}

TEST_P(Selection, AnAnswerGoesAsItsRequestCame) {
  Selected pair(GetParam());
  pair.install();
  pair.choose(1, std::vector{pair.pod(1)});
  EXPECT_EQ(pair.there(), "esp") << "the receiver does not know of that pod";
  EXPECT_EQ(pair.back(), "esp") << "and answers as it was asked";
}

TEST_P(Selection, ClearPacketsOfSelectedPodsAreStoppedAndCounted) {
  Selected pair(GetParam());
  pair.install();
  pair.choose(2, std::vector{pair.pod(1)});
  EXPECT_EQ(pair.there(), "lost clear");
  EXPECT_EQ(pair.guard_b.count(Direction::kIn, GetParam()).blocked_packets, 1U);
}

TEST_P(Selection, WhatNobodyLooksAtGoesByEsp) {
  Selected pair(GetParam());
  pair.install();
  pair.choose(std::nullopt);
  EXPECT_EQ(pair.there(), "esp") << "nobody knows the pods";
  pair.choose(std::vector<IpAddress>{});
  EXPECT_EQ(pair.there(), "clear");
  pair.nodes.a.netns.run("nft flush ruleset");
  pair.nodes.b.netns.run("nft flush ruleset");
  EXPECT_EQ(pair.there(), "esp") << "without the packet filter";
  EXPECT_EQ(pair.back(), "esp");
}

TEST_P(Selection, AnSaWritesAnothersMarksOnceItIsToldTo) {
  Selected pair(GetParam());
  pair.install();
  pair.choose(std::vector{pair.pod(1)});
  EXPECT_EQ(pair.there(), "esp");
  Sa in = sa_of(pair.cover, 1, Direction::kIn);
  in.mark_written = mark_to_write({1, true});
  carry_out(pair.nodes.b, ChangeSa{in});
  const auto state = pair.nodes.b.kernel->query(id_of(in));
  ASSERT_TRUE(state);
  EXPECT_EQ(state->sa.mark_written, in.mark_written);
  EXPECT_EQ(pair.there(), "lost esp") << "that group has no policy here";
}

}  // namespace
}  // namespace espalier::dataplane::lab
