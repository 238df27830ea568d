#include "nodeagent/telemetry/health.h"

#include <gmock/gmock.h>

#include "nodeagent/telemetry/sample.h"

namespace espalier::telemetry {
namespace {

using std::chrono::hours;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Check check(const Snapshot& snapshot, std::string_view name) {
  for (const Check& each : verify(snapshot, kSampleNow)) {
    if (each.name == name) return each;
  }
  ADD_FAILURE() << "no check " << name;
  return {};
}

// Everything in order: what the sample deliberately has wrong is set right.
Snapshot sound() {
  Snapshot snapshot = sample_snapshot();
  snapshot.connections.erase(snapshot.connections.begin() + 1);
  snapshot.kernel.capabilities.clear();
  snapshot.kernel.plaintext.clear();
  snapshot.kernel.xfrm_stat = {{"XfrmInNoStates", 3}};
  return snapshot;
}

TEST(Verify, IsOkWhenAllIsInOrder) {
  const auto checks = verify(sound(), kSampleNow);
  EXPECT_EQ(worst(checks), Verdict::kOk);
  for (const Check& each : checks) EXPECT_THAT(each.what_to_do, IsEmpty()) << each.name;
  EXPECT_THAT(not_ready(sound()), IsEmpty());
}

TEST(Verify, SaysWhatTheKernelLacks) {
  Snapshot snapshot = sound();
  snapshot.kernel.esp = false;
  snapshot.kernel.esp_error = "Protocol not supported";
  EXPECT_EQ(check(snapshot, "kernel-esp").verdict, Verdict::kFail);
  EXPECT_THAT(not_ready(snapshot),
              ElementsAre("the kernel takes no ESP SA: Protocol not supported"));
  EXPECT_THAT(check(sample_snapshot(), "kernel-features").finding,
              HasSubstr("crypto offload eth0 (Operation not supported)"));
}

TEST(Verify, JudgesThePlan) {
  Snapshot snapshot = sound();
  snapshot.plan.problems = {{"mesh.yaml", 12, "spec.esp.lifetime", "'1 hour' is no duration"}};
  EXPECT_EQ(check(snapshot, "plan").verdict, Verdict::kWarn) << "the last good one is in force";
  EXPECT_THAT(check(snapshot, "plan").finding,
              HasSubstr("mesh.yaml:12 spec.esp.lifetime: '1 hour' is no duration"));
  snapshot.plan.applied = false;
  EXPECT_EQ(check(snapshot, "plan").verdict, Verdict::kFail);
  snapshot = sound();
  snapshot.plan.hash = "new";
  EXPECT_EQ(check(snapshot, "plan").verdict, Verdict::kWarn);
  snapshot.plan = {};
  EXPECT_EQ(check(snapshot, "plan").verdict, Verdict::kFail);
  EXPECT_THAT(not_ready(snapshot), ElementsAre("no plan was applied yet"));
}

TEST(Verify, MissesPolicies) {
  Snapshot snapshot = sound();
  snapshot.kernel.policies[2].present = 1;
  EXPECT_EQ(check(snapshot, "policies").verdict, Verdict::kFail);
  EXPECT_THAT(check(snapshot, "policies").finding, HasSubstr("1 of 3 fwd"));
  EXPECT_EQ(not_ready(snapshot).size(), 1U);
}

TEST(Verify, LooksAtForwardingOnlyWhereItIsNeeded) {
  Snapshot snapshot = sound();
  snapshot.kernel.forwarding_v6 = false;
  EXPECT_EQ(check(snapshot, "forwarding").verdict, Verdict::kWarn);
  snapshot.kernel.forwarding_v6 = std::nullopt;
  EXPECT_EQ(check(snapshot, "forwarding").verdict, Verdict::kOk) << "a machine without IPv6";
  snapshot.kernel.forwarding_v4 = false;
  snapshot.kernel.forwarding_needed = false;
  EXPECT_EQ(check(snapshot, "forwarding").verdict, Verdict::kOk);
}

TEST(Verify, WatchesCertificates) {
  Snapshot snapshot = sound();
  snapshot.certificates[0].not_after = kSampleNow + hours(24 * 3);
  EXPECT_EQ(check(snapshot, "certificate").finding, "node espalier-node ends in 3 days");
  EXPECT_EQ(check(snapshot, "certificate").verdict, Verdict::kWarn);
  snapshot.certificates[0].not_after = kSampleNow - hours(25);
  EXPECT_EQ(check(snapshot, "certificate").finding, "node espalier-node ended 1 days ago");
  EXPECT_EQ(check(snapshot, "certificate").verdict, Verdict::kFail);
  snapshot = sound();
  snapshot.certificates[0].not_before = kSampleNow + hours(1);
  EXPECT_EQ(check(snapshot, "certificate").verdict, Verdict::kFail);
}

TEST(Verify, TellsOrdinaryRowsFromErrors) {
  EXPECT_EQ(check(sound(), "xfrm-stat").finding, "only ordinary rows: XfrmInNoStates 3");
  Snapshot snapshot = sound();
  snapshot.kernel.xfrm_stat.push_back({"XfrmInStateProtoError", 9});
  EXPECT_EQ(check(snapshot, "xfrm-stat").verdict, Verdict::kWarn);
  EXPECT_THAT(check(snapshot, "xfrm-stat").finding, HasSubstr("XfrmInStateProtoError 9"));
}

TEST(Verify, CountsConnections) {
  EXPECT_EQ(check(sound(), "connections").finding, "all 2 stand");
  EXPECT_EQ(check(sample_snapshot(), "connections").verdict, Verdict::kFail);
  EXPECT_EQ(check(sample_snapshot(), "connections").finding, "2 of 3 stand; not: node3/v4");
  Snapshot snapshot = sound();
  snapshot.connections[0].state = ConnectionState::kConnecting;
  EXPECT_EQ(check(snapshot, "connections").verdict, Verdict::kWarn);
  snapshot.connections[0].state = ConnectionState::kDown;
  EXPECT_EQ(check(snapshot, "connections").verdict, Verdict::kOk) << "taken down by command";
}

TEST(Verify, FailsWhileSomethingIsReleased) {
  Snapshot snapshot = sound();
  snapshot.releases = {{"", false, "a drill", kSampleNow, {}}, {"node2", true, "", kSampleNow, {}}};
  EXPECT_EQ(check(snapshot, "release").verdict, Verdict::kFail);
  EXPECT_THAT(check(snapshot, "release").finding,
              HasSubstr("the whole node, since 2026-11-24T20:00:00Z (a drill); node2, since"));
  EXPECT_THAT(not_ready(snapshot), IsEmpty()) << "the agent does what it was told";
}

TEST(Verify, MentionsClearPackets) {
  EXPECT_EQ(check(sample_snapshot(), "plaintext").finding,
            "1 clear packets passed where ESP is preferred");
}

}  // namespace
}  // namespace espalier::telemetry
