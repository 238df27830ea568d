#include "nodeagent/follow/kube/happening.h"

#include <gtest/gtest.h>

namespace espalier::follow {
namespace {

using telemetry::EventId;

const kube::Json kAbout = {{"kind", "NodePolicy"}, {"name", "node1"}, {"uid", "u1"}};

TEST(Happening, IsAFailureWithWhatItWasAbout) {
  const auto told =
      happening_of({EventId::kConnectionFailed,
                    {{"connection", "node2/v4"}, {"reason", "UntrustedIssuer"}, {"detail", ""}}},
                   kAbout);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->regarding, kAbout);
  EXPECT_EQ(told->type, kube::EventType::kWarning);
  EXPECT_EQ(told->reason, "ConnectionFailed");
  EXPECT_EQ(told->note,
            "An attempt failed; another one follows. connection: node2/v4; reason: "
            "UntrustedIssuer.");
}

TEST(Happening, OfWhatAPeerSaidIsHarmless) {
  const auto told = happening_of({EventId::kStrangerRefused, {{"id", "a\x1b[2J\n\xff"}}}, kAbout);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->note.substr(told->note.find("id")), "id: a\\x1b[2J\\x0a\\xff.");
  EXPECT_NO_THROW((void)kube::Json(told->note).dump());
}

TEST(Happening, WithoutFieldsIsTheMeaningAlone) {
  const auto told = happening_of({EventId::kKernelNotReady, {}}, kAbout);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->note, "The kernel lacks something that encryption needs.");
}

TEST(Happening, IsNoneOfWhatGoesOnByItself) {
  for (const EventId id :
       {EventId::kChildRekeyed, EventId::kConnectionUp, EventId::kConnectionRekeyed,
        EventId::kApiServerTrouble, EventId::kAgentStarted})
    EXPECT_FALSE(happening_of({id, {}}, kAbout)) << telemetry::name_of(id);
}

}  // namespace
}  // namespace espalier::follow
