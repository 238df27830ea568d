#include "operator/reconcile/status/tunnel_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::reconcile {
namespace {

using crds::ConditionStatus;
using testing::HasSubstr;

constexpr const char* kThen = "2026-01-01T10:00:00Z";
constexpr const char* kNow = "2026-01-01T11:00:00Z";

const TunnelFacts kTunnel = {"u", 3, {}, "gateway1", {}};

TunnelReport report(bool in_force, bool established) {
  TunnelReport one;
  one.node = "gateway1";
  one.uid = "u";
  one.generation = 3;
  one.in_force = in_force;
  one.established = established;
  return one;
}

crds::TunnelStatus made(const TunnelFacts& tunnel, const std::optional<TunnelReport>& report,
                        const crds::TunnelStatus& standing = {}, const char* now = kThen) {
  auto status = tunnel_status(tunnel, report, standing, now);
  EXPECT_TRUE(status.has_value());
  return status.value_or(standing);
}

crds::Condition condition(const crds::TunnelStatus& status, const char* type) {
  const crds::Condition* found = crds::find(status.conditions, type);
  return found != nullptr ? *found : crds::Condition{};
}

// Of CredentialsValid, Established and Ready: "True Valid, True Established, True Ready"
std::string summary(const crds::TunnelStatus& status) {
  std::string text;
  for (const char* type : {"CredentialsValid", "Established", "Ready"}) {
    const crds::Condition one = condition(status, type);
    const char* word = one.status == ConditionStatus::kTrue    ? "True "
                       : one.status == ConditionStatus::kFalse ? "False "
                                                               : "Unknown ";
    text += (text.empty() ? "" : ", ") + std::string(word) + one.reason;
  }
  return text;
}

TEST(TunnelStatus, IsReadyWhenItStands) {
  const crds::TunnelStatus status = made(kTunnel, report(true, true));
  EXPECT_EQ(status.node, "gateway1");
  EXPECT_EQ(condition(status, "Accepted").status, ConditionStatus::kTrue);
  EXPECT_EQ(summary(status), "True Valid, True Established, True Ready");
  for (const crds::Condition& one : status.conditions) EXPECT_EQ(one.observed_generation, 3);
}

TEST(TunnelStatus, SaysWhyItDoesNotStand) {
  TunnelReport one = report(true, false);
  EXPECT_EQ(summary(made(kTunnel, one)),
            "Unknown NotTried, False NotEstablished, False NotEstablished");
  one.reason = "Timeout";
  one.message = "198.51.100.7 does not answer";
  crds::TunnelStatus status = made(kTunnel, one);
  EXPECT_EQ(summary(status), "Unknown NotTried, False Timeout, False Timeout");
  EXPECT_EQ(condition(status, "Ready").message, "198.51.100.7 does not answer");
  for (const char* reason : {"CredentialsMissing", "BadPsk", "UntrustedIssuer"}) {
    one.reason = reason;
    one.message = "Secret edge/branch-ca is not there";
    status = made(kTunnel, one);
    EXPECT_EQ(condition(status, "CredentialsValid").status, ConditionStatus::kFalse) << reason;
    EXPECT_EQ(condition(status, "CredentialsValid").reason, reason);
    EXPECT_EQ(condition(status, "CredentialsValid").message, one.message);
  }
}

TEST(TunnelStatus, WaitsForItsNode) {
  EXPECT_EQ(summary(made(kTunnel, std::nullopt)), "Unknown NotTried, False NoNode, False NoNode");
  const char* const pending = "Unknown NotTried, False Pending, False Pending";
  EXPECT_EQ(summary(made(kTunnel, report(false, false))), pending);
  TunnelReport other = report(true, true);
  other.generation = 2;  // its NodePolicy names the one before
  EXPECT_EQ(summary(made(kTunnel, other)), pending);
  other = report(true, true);
  other.uid = "of another";
  EXPECT_EQ(summary(made(kTunnel, other)), pending);
  other = report(false, false);
  other.failure = "the agent is too old";
  const crds::TunnelStatus failed = made(kTunnel, other);
  EXPECT_EQ(summary(failed), "Unknown NotTried, False NodeFailed, False NodeFailed");
  EXPECT_EQ(condition(failed, "Ready").message, "node gateway1: the agent is too old");
}

TEST(TunnelStatus, NamesTheFieldThatIsWrong) {
  TunnelFacts invalid = kTunnel;
  invalid.problems = {
      {crds::ProblemKind::kInvalid, {}, "Tunnel edge/t", "spec.mode", "is no mode"}};
  const crds::TunnelStatus status = made(invalid, report(true, true));
  EXPECT_EQ(condition(status, "Accepted").status, ConditionStatus::kFalse);
  EXPECT_THAT(condition(status, "Accepted").message, HasSubstr("spec.mode: is no mode"));
  EXPECT_EQ(summary(status), "Unknown Invalid, False Invalid, False Invalid");
}

TEST(TunnelStatus, IsWrittenOnlyWhereItDiffers) {
  const crds::TunnelStatus standing = made(kTunnel, report(true, true));
  EXPECT_EQ(tunnel_status(kTunnel, report(true, true), standing, kNow), std::nullopt);
  TunnelReport down = report(true, false);
  down.reason = "Timeout";
  down.message = std::string(5000, 'x');
  const crds::TunnelStatus after = made(kTunnel, down, standing, kNow);
  EXPECT_EQ(condition(after, "Established").last_transition_time, kNow);
  EXPECT_EQ(condition(after, "Accepted").last_transition_time, kThen);
  EXPECT_EQ(tunnel_status(kTunnel, down, after, "later"), std::nullopt);
  TunnelReport moved = report(true, false);
  moved = down;
  moved.node = "gateway2";
  EXPECT_NE(tunnel_status(kTunnel, moved, after, kNow), std::nullopt);
}

}  // namespace
}  // namespace espalier::reconcile
