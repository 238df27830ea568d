#include "operator/reconcile/status/policy_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::reconcile {
namespace {

using crds::ConditionStatus;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kThen = "2026-01-01T10:00:00Z";
constexpr const char* kNow = "2026-01-01T11:00:00Z";

PolicyCount count_of(std::int64_t named, std::int64_t in_force, std::int64_t complete) {
  PolicyCount count;
  count.named = named;
  count.in_force = in_force;
  count.complete = complete;
  return count;
}

crds::IPsecPolicyStatus made(const PolicyFacts& policy, const PolicyCount& count,
                             const crds::IPsecPolicyStatus& standing = {},
                             const char* now = kThen) {
  auto status = policy_status(policy, count, standing, now);
  EXPECT_TRUE(status.has_value());
  return status.value_or(standing);
}

crds::Condition condition(const crds::IPsecPolicyStatus& status, const char* type) {
  const crds::Condition* found = crds::find(status.conditions, type);
  return found != nullptr ? *found : crds::Condition{};
}

// "True Required", "False Pending"
std::string summary(const crds::IPsecPolicyStatus& status, const char* type) {
  const crds::Condition one = condition(status, type);
  const char* word = one.status == ConditionStatus::kTrue    ? "True "
                     : one.status == ConditionStatus::kFalse ? "False "
                                                             : "Unknown ";
  return one.type.empty() ? "none" : word + one.reason;
}

PolicyFacts policy(crds::Enforcement enforcement) {
  return {7, {}, enforcement};
}

const PolicyFacts kRequired = policy(crds::Enforcement::kRequired);

TEST(PolicyStatus, IsReadyWhenEveryNodeEncryptsWithEveryPeer) {
  const crds::IPsecPolicyStatus status = made(kRequired, count_of(5, 5, 5));
  EXPECT_EQ(status.nodes, (crds::Count{5, 5}));
  EXPECT_EQ(summary(status, "Accepted"), "True Accepted");
  EXPECT_EQ(summary(status, "Programmed"), "True Programmed");
  EXPECT_EQ(summary(status, "Enforcing"), "True Required");
  EXPECT_EQ(summary(status, "Ready"), "True Ready");
  EXPECT_EQ(summary(status, "ProfileConflict"), "none");
  for (const crds::Condition& one : status.conditions) {
    EXPECT_EQ(one.observed_generation, 7) << one.type;
    EXPECT_EQ(one.last_transition_time, kThen) << one.type;
  }
}

TEST(PolicyStatus, TellsHowFarTheNodesAre) {
  crds::IPsecPolicyStatus status = made(kRequired, count_of(5, 2, 1));
  EXPECT_EQ(status.nodes, (crds::Count{5, 1}));
  for (const char* type : {"Programmed", "Enforcing", "Ready"}) {
    EXPECT_EQ(summary(status, type), "False Pending");
    EXPECT_EQ(condition(status, type).message, "2 of 5 nodes");
  }
  status = made(kRequired, count_of(5, 5, 3));
  EXPECT_EQ(summary(status, "Enforcing"), "True Required");
  EXPECT_EQ(summary(status, "Ready"), "False PeersMissing");
  EXPECT_THAT(condition(status, "Ready").message, StartsWith("3 of 5 nodes"));
}

TEST(PolicyStatus, IsNotReadyBeforeAnyNodeIsTold) {
  const crds::IPsecPolicyStatus status = made(kRequired, PolicyCount());
  EXPECT_EQ(summary(status, "Accepted"), "True Accepted");
  for (const char* type : {"Programmed", "Enforcing", "Ready"}) {
    EXPECT_EQ(summary(status, type), "False NoNodes");
  }
}

TEST(PolicyStatus, TellsWhichNodeCannotFollow) {
  PolicyCount count = count_of(5, 3, 3);
  count.failed = 2;
  count.first_failure = {"n4", "needs feature Aes, which this agent lacks"};
  const crds::IPsecPolicyStatus status = made(kRequired, count);
  EXPECT_EQ(summary(status, "Programmed"), "False NodeFailed");
  EXPECT_EQ(condition(status, "Programmed").message,
            "node n4: needs feature Aes, which this agent lacks (and 1 more node)");
  EXPECT_EQ(summary(status, "Ready"), "False NodeFailed");
}

TEST(PolicyStatus, OnlyRequiredEnforces) {
  crds::IPsecPolicyStatus status = made(policy(crds::Enforcement::kPreferred), count_of(2, 2, 2));
  EXPECT_EQ(summary(status, "Enforcing"), "False Preferred");
  EXPECT_EQ(summary(status, "Ready"), "True Ready");
  // A Bypass encrypts with nobody.
  status = made(policy(crds::Enforcement::kBypass), count_of(2, 2, 0));
  EXPECT_EQ(status.nodes, (crds::Count{2, 2}));
  EXPECT_EQ(summary(status, "Enforcing"), "False Bypass");
  EXPECT_EQ(summary(status, "Ready"), "True Ready");
}

TEST(PolicyStatus, NamesTheFieldThatIsWrong) {
  PolicyFacts invalid = kRequired;
  invalid.problems = {
      {crds::ProblemKind::kNotYet, {}, "IPsecPolicy a", "spec.offload", "not yet: no offload"},
      {crds::ProblemKind::kInvalid, {}, "IPsecPolicy a", "spec.priority", "1001 is out of range"}};
  crds::IPsecPolicyStatus status = made(invalid, count_of(3, 3, 3));
  EXPECT_EQ(status.nodes, (crds::Count{3, 0}));
  EXPECT_EQ(summary(status, "Accepted"), "False Invalid");
  EXPECT_EQ(condition(status, "Accepted").message,
            "spec.offload: not yet: no offload; spec.priority: 1001 is out of range");
  for (const char* type : {"Programmed", "Enforcing", "Ready"}) {
    EXPECT_EQ(summary(status, type), "False Invalid");
  }
  invalid.problems.pop_back();
  EXPECT_EQ(summary(made(invalid, PolicyCount()), "Accepted"), "False NotSupported");
  invalid.problems.resize(100, invalid.problems[0]);
  EXPECT_THAT(condition(made(invalid, PolicyCount()), "Accepted").message,
              HasSubstr("; and 95 more"));
}

TEST(PolicyStatus, HasAProfileConflictOnlyWhileThereIsOne) {
  PolicyCount count = count_of(3, 3, 3);
  count.notes["ProfileConflict"] = {3, {"n1", "cluster has other ike"}};
  const crds::IPsecPolicyStatus status = made(kRequired, count);
  EXPECT_EQ(summary(status, "ProfileConflict"), "True ProfileConflict");
  EXPECT_EQ(condition(status, "ProfileConflict").message,
            "node n1: cluster has other ike (and 2 more nodes)");
  EXPECT_EQ(summary(made(kRequired, count_of(3, 3, 3), status, kNow), "ProfileConflict"), "none");
}

TEST(PolicyStatus, IsShadowedOnlyWhileItIs) {
  PolicyCount count = count_of(3, 3, 3);
  count.notes["Shadowed"] = {1, {"n2", "PodToPod is decided by IPsecPolicy web"}};
  const crds::IPsecPolicyStatus status = made(kRequired, count);
  EXPECT_EQ(summary(status, "Shadowed"), "True Shadowed");
  EXPECT_EQ(condition(status, "Shadowed").message,
            "node n2: PodToPod is decided by IPsecPolicy web");
  EXPECT_EQ(summary(status, "Ready"), "True Ready") << "it is told, and no fault";
  EXPECT_EQ(summary(made(kRequired, count_of(3, 3, 3), status, kNow), "Shadowed"), "none");
}

TEST(PolicyStatus, KeepsTheTimeOfWhatDidNotTurn) {
  const crds::IPsecPolicyStatus before = made(kRequired, count_of(2, 2, 1));
  PolicyFacts next = kRequired;
  next.generation = 8;
  const crds::IPsecPolicyStatus after = made(next, count_of(2, 2, 2), before, kNow);
  EXPECT_EQ(condition(after, "Programmed").last_transition_time, kThen);
  EXPECT_EQ(condition(after, "Programmed").observed_generation, 8);
  EXPECT_EQ(condition(after, "Ready").last_transition_time, kNow);
}

TEST(PolicyStatus, IsWrittenOnlyWhereItDiffersFromWhatIsReadBack) {
  PolicyCount count = count_of(4, 2, 1);
  // Longer than a condition takes, and no UTF-8.
  count.failed = 1;
  count.first_failure = {"n1", "\xff" + std::string(40000, 'x')};
  count.notes["ProfileConflict"] = {1, {"n2", std::string(1023, 'y') + "\xc3\xa4"}};
  crds::IPsecPolicyStatus standing =
      crds::read_ipsec_policy_status({{"status", crds::encode(made(kRequired, count))}});
  // A condition of somebody else's.
  crds::put(standing.conditions, {"Audited", ConditionStatus::kTrue, 1, kThen, "Yes", ""});
  EXPECT_EQ(policy_status(kRequired, count, standing, kNow), std::nullopt);
  PolicyFacts next = kRequired;
  next.generation = 8;
  EXPECT_NE(policy_status(next, count, standing, kNow), std::nullopt);
  count.complete = 2;
  EXPECT_NE(policy_status(kRequired, count, standing, kNow), std::nullopt);
  standing.nodes.reset();
  count.complete = 1;
  EXPECT_NE(policy_status(kRequired, count, standing, kNow), std::nullopt);
}

}  // namespace
}  // namespace espalier::reconcile
