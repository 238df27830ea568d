#include "operator/reconcile/status/transitions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/reconcile/status/policy_status.h"
#include "operator/reconcile/status/tunnel_status.h"

namespace espalier::reconcile {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A policy that lives on, and what people hear of it: "Warning NodeFailed".
class Life {
 public:
  std::vector<std::string> when(const PolicyFacts& facts, const PolicyCount& count) {
    const auto made = policy_status(facts, count, standing_, "2026-01-01T10:00:00Z");
    if (!made) return {};
    return take(standing_.conditions, *made, standing_);
  }
  std::vector<std::string> when(const TunnelFacts& facts, const TunnelReport& report) {
    const auto made = tunnel_status(facts, report, tunnel_, "2026-01-01T10:00:00Z");
    if (!made) return {};
    return take(tunnel_.conditions, *made, tunnel_);
  }
  std::vector<std::string> messages;  // of the last time

 private:
  template <typename Status>
  std::vector<std::string> take(const std::vector<crds::Condition>& before, const Status& made,
                                Status& standing) {
    std::vector<std::string> told;
    messages.clear();
    for (const Transition& one : transitions(before, made.conditions)) {
      told.push_back((one.warning ? "Warning " : "Normal ") + one.reason);
      messages.push_back(one.message);
    }
    EXPECT_THAT(transitions(made.conditions, made.conditions), IsEmpty());
    standing = made;
    return told;
  }

  crds::IPsecPolicyStatus standing_;
  crds::TunnelStatus tunnel_;
};

PolicyCount count_of(std::int64_t named, std::int64_t in_force, std::int64_t complete) {
  PolicyCount count;
  count.named = named;
  count.in_force = in_force;
  count.complete = complete;
  return count;
}

const PolicyFacts kPolicy = {1, {}, crds::Enforcement::kRequired};

TEST(Transitions, ReadyIsToldWhenItComesAndWhenItGoes) {
  Life life;
  EXPECT_THAT(life.when(kPolicy, count_of(2, 0, 0)), IsEmpty()) << "it has only begun";
  EXPECT_THAT(life.when(kPolicy, count_of(2, 2, 1)), IsEmpty());
  EXPECT_THAT(life.when(kPolicy, count_of(2, 2, 2)), ElementsAre("Normal Ready"));
  EXPECT_THAT(life.messages, ElementsAre("2 of 2 nodes"));
  EXPECT_THAT(life.when(kPolicy, count_of(2, 2, 2)), IsEmpty());
  EXPECT_THAT(life.when(kPolicy, count_of(3, 3, 3)), IsEmpty()) << "it was ready before";
  EXPECT_THAT(life.when(kPolicy, count_of(4, 3, 3)), ElementsAre("Normal Pending"))
      << "a node joined";
  EXPECT_THAT(life.when(kPolicy, count_of(4, 4, 4)), ElementsAre("Normal Ready"));
  EXPECT_THAT(life.when(kPolicy, count_of(4, 4, 2)), ElementsAre("Warning PeersMissing"));
  EXPECT_THAT(life.when(kPolicy, count_of(4, 4, 1)), IsEmpty()) << "it got worse";
}

TEST(Transitions, ANodesFailureIsToldOnceAlthoughItTakesReadyAlong) {
  Life life;
  life.when(kPolicy, count_of(2, 2, 2));
  PolicyCount failing = count_of(2, 1, 1);
  failing.failed = 1;
  failing.first_failure = NodeWords{"node1", "no such algorithm"};
  EXPECT_THAT(life.when(kPolicy, failing), ElementsAre("Warning NodeFailed"));
  EXPECT_THAT(life.messages, ElementsAre("node node1: no such algorithm"));
  failing.first_failure = NodeWords{"node2", "nor here"};
  EXPECT_THAT(life.when(kPolicy, failing), IsEmpty()) << "the same, in other words";
  EXPECT_THAT(life.when(kPolicy, count_of(2, 2, 2)), ElementsAre("Normal Ready"));
  EXPECT_THAT(life.when(kPolicy, failing), ElementsAre("Warning NodeFailed")) << "again";
}

TEST(Transitions, WhoLosesToAnotherPolicyIsTold) {
  Life life;
  life.when(kPolicy, count_of(2, 2, 2));
  PolicyCount losing = count_of(2, 2, 2);
  losing.notes["Shadowed"] = {1, {"node1", "by web"}};
  EXPECT_THAT(life.when(kPolicy, losing), ElementsAre("Warning Shadowed"));
  losing.notes["Shadowed"] = {2, {"node1", "by web"}};
  losing.notes["ProfileConflict"] = {1, {"node1", "ike is web's"}};
  EXPECT_THAT(life.when(kPolicy, losing), ElementsAre("Warning ProfileConflict"));
  EXPECT_THAT(life.when(kPolicy, count_of(2, 2, 2)), IsEmpty()) << "well again";
}

TEST(Transitions, WhatIsNotAcceptedIsToldWithItsReason) {
  Life life;
  life.when(kPolicy, count_of(2, 2, 2));
  PolicyFacts bad = kPolicy;
  bad.generation = 2;
  bad.problems.push_back({crds::ProblemKind::kInvalid, {}, {}, "spec.priority", "0 to 1000"});
  EXPECT_THAT(life.when(bad, count_of(2, 0, 0)), ElementsAre("Warning Invalid"));
  EXPECT_THAT(life.messages, ElementsAre("spec.priority: 0 to 1000"));
  bad.generation = 3;
  EXPECT_THAT(life.when(bad, count_of(2, 0, 0)), IsEmpty());
}

TEST(Transitions, ATunnelTellsTheSame) {
  Life life;
  TunnelFacts tunnel{"u", 1, {}, "gateway1", {}};
  TunnelReport report;
  report.node = "gateway1";
  report.uid = "u";
  report.generation = 1;
  report.failure = "no kernel support";
  EXPECT_THAT(life.when(tunnel, report), ElementsAre("Warning NodeFailed"));
  report.in_force = report.established = true;
  EXPECT_THAT(life.when(tunnel, report), ElementsAre("Normal Ready"));
  report.established = false;
  report.reason = "Timeout";
  EXPECT_THAT(life.when(tunnel, report), ElementsAre("Warning Timeout"));
  report.reason = "BadPsk";
  EXPECT_THAT(life.when(tunnel, report), IsEmpty()) << "its conditions tell";
  tunnel.refusal = "10.0.0.0/8 overlaps the pod block 10.244.1.0/24 of node node1";
  EXPECT_THAT(life.when(tunnel, report), ElementsAre("Warning Refused"));
  EXPECT_THAT(life.messages, ElementsAre(tunnel.refusal));
}

}  // namespace
}  // namespace espalier::reconcile
