#include "kube/event_recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/event_sender.h"
#include "kube/testing/fake_api_server.h"
#include "kube/testing/manual_executor.h"
#include "kube/testing/status_answer.h"

namespace espalier::kube {
namespace {

using namespace std::chrono_literals;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr TimePoint kStart{1h};
const std::string kWall = "2026-01-01T00:00:00.000000Z";

Happening happening(const std::string& note, const std::string& name = "cluster") {
  Happening it;
  it.regarding = {{"apiVersion", "espalier.io/v1alpha1"},
                  {"kind", "IPsecPolicy"},
                  {"name", name},
                  {"uid", "u"}};
  it.type = EventType::kWarning;
  it.reason = "ProfileConflict";
  it.action = "Plan";
  it.note = note;
  return it;
}

class EventRecorderTest : public ::testing::Test {
 protected:
  std::vector<EventRecorder::Post> posts() {
    std::vector<EventRecorder::Post> posts;
    while (auto post = recorder_.next_post()) posts.push_back(std::move(*post));
    return posts;
  }

  EventRecorder recorder_{{"espalier.io/operator", "operator-0"}, 1};
};

TEST_F(EventRecorderTest, OneThatTheApiTakes) {
  recorder_.record(kStart, kWall, happening("two policies ask for different proposals"));
  const auto made = posts();
  ASSERT_THAT(made, SizeIs(1));
  EXPECT_TRUE(made[0].create);
  EXPECT_EQ(made[0].key.ns, "default") << "where Events of cluster-scoped objects live";
  EXPECT_EQ(made[0].key.name.rfind("cluster.", 0), 0U);
  const Json& body = made[0].body;
  EXPECT_EQ(body["type"], "Warning");
  EXPECT_EQ(body["eventTime"], kWall);
  EXPECT_EQ(body["regarding"]["kind"], "IPsecPolicy");
  EXPECT_EQ(body["reportingController"], "espalier.io/operator");
  EXPECT_EQ(body["reportingInstance"], "operator-0");
  EXPECT_EQ(body["action"], "Plan");
}

TEST_F(EventRecorderTest, TheSameAgainIsASeriesWrittenSeldom) {
  recorder_.record(kStart, kWall, happening("x"));
  const auto first = posts();
  for (int i = 1; i <= 100; ++i) recorder_.record(kStart + i * 100ms, kWall, happening("x"));
  EXPECT_THAT(posts(), IsEmpty());
  EXPECT_EQ(recorder_.next_deadline(), kStart + 30s);
  recorder_.on_deadline(kStart + 30s);
  const auto series = posts();
  ASSERT_THAT(series, SizeIs(1));
  EXPECT_FALSE(series[0].create);
  EXPECT_EQ(series[0].key, first[0].key);
  EXPECT_EQ(series[0].body["series"]["count"], 101);
  EXPECT_EQ(recorder_.next_deadline(), kNever);
  EXPECT_EQ(recorder_.counts().merged, 100U);
  recorder_.record(kStart + 10min, kWall, happening("x"));
  EXPECT_TRUE(posts().at(0).create) << "after six quiet minutes it is news";
}

TEST_F(EventRecorderTest, AnObjectWithMuchToTellIsHeldBackOthersAreNot) {
  for (int i = 0; i < 100; ++i)
    recorder_.record(kStart, kWall, happening("note " + std::to_string(i)));
  EXPECT_THAT(posts(), SizeIs(25));
  EXPECT_EQ(recorder_.counts().dropped, 75U);
  recorder_.record(kStart, kWall, happening("x", "other"));
  EXPECT_THAT(posts(), SizeIs(1));
  recorder_.record(kStart + 5min, kWall, happening("later"));
  recorder_.record(kStart + 5min, kWall, happening("later still"));
  EXPECT_THAT(posts(), SizeIs(1)) << "one per five minutes";
}

TEST_F(EventRecorderTest, LongNotesAndNamesAreCutBetweenCharacters) {
  std::string note(1023, 'x');
  recorder_.record(kStart, kWall, happening(note + "ä", std::string(253, 'n')));
  const auto made = posts();
  EXPECT_EQ(made[0].body["note"], note);
  EXPECT_EQ(made[0].key.name.size(), 253U);
}

TEST_F(EventRecorderTest, MemoryIsBounded) {
  for (int i = 0; i < 10000; ++i) {
    recorder_.record(kStart + i * 1ms, kWall, happening("x", "node-" + std::to_string(i)));
    posts();
  }
  recorder_.record(kStart + 11s, kWall, happening("x", "node-9999"));
  EXPECT_EQ(recorder_.counts().merged, 1U) << "the newest are still known";
  recorder_.record(kStart + 11s, kWall, happening("x", "node-0"));
  EXPECT_EQ(recorder_.counts().merged, 1U) << "the oldest are not";
}

TEST(EventSender, SendsMergesAndTriesAgain) {
  testing::FakeApiServer server;
  testing::ManualExecutor executor;
  EventSender sender(server, executor, {"espalier.io/operator", "operator-0"}, 1,
                     [] { return kWall; });
  server.inject({.response = testing::too_many_requests_answer(5)});
  sender.record(happening("x"));
  sender.record(happening("x"));
  sender.record(happening("y"));
  executor.run();
  EXPECT_THAT(server.list(events()), IsEmpty());
  executor.advance(5s);
  EXPECT_THAT(server.list(events()), SizeIs(2));
  executor.advance(1min);
  const auto all = server.list(events());
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0]->json.contains("series") + all[1]->json.contains("series"), 1);
  EXPECT_THAT(server.writes(), SizeIs(3));
  // One that is refused is not tried for ever, and holds up nobody.
  server.inject({.times = 3});
  sender.record(happening("lost"));
  sender.record(happening("kept"));
  executor.advance(1min);
  EXPECT_THAT(server.list(events()), SizeIs(3));
}

}  // namespace
}  // namespace espalier::kube
