#include "kube/informer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/testing/fake_api_server.h"
#include "kube/testing/manual_executor.h"
#include "kube/testing/status_answer.h"

namespace espalier::kube {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::FakeApiServer;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::ManualExecutor;

Json node(const std::string& name, const std::string& zone = "a") {
  return {{"metadata", {{"name", name}, {"labels", {{"zone", zone}}}}}};
}

class InformerTest : public ::testing::Test {
 protected:
  void follow(Selection selection = {}, WatchLimits limits = {}) {
    informer_ = std::make_unique<Informer>(
        server_, executor_, WatchSpec{nodes(), std::move(selection), {}}, 1, Indexes{}, limits);
    informer_->on_change([this](const Change& change) {
      told_.push_back((change.added()     ? "+"
                       : change.deleted() ? "-"
                                          : "~") +
                      change.key().to_string());
    });
    informer_->on_synced([this] { told_.emplace_back("synced"); });
    informer_->on_problem(
        [this](const ApiError& error) { problems_.push_back(error.to_string()); });
    informer_->start();
    executor_.run();
  }
  void put(const Json& json) {
    server_.put(nodes(), json);
    executor_.run();
  }
  void remove(const std::string& name) {
    server_.remove(nodes(), {"", name});
    executor_.run();
  }
  std::vector<std::string> told() { return std::exchange(told_, {}); }
  std::vector<std::string> stored() const {
    std::vector<std::string> names;
    for (const auto& object : informer_->store()->list()) names.push_back(object->key().name);
    return names;
  }
  // What the store holds is what the server holds.
  void expect_same() const {
    const auto theirs = server_.list(nodes());
    const auto ours = informer_->store()->list();
    ASSERT_EQ(ours.size(), theirs.size());
    for (std::size_t i = 0; i < ours.size(); ++i) EXPECT_EQ(ours[i]->json, theirs[i]->json);
  }
  std::string last_target() const { return server_.requests().back().target(); }

  FakeApiServer server_;
  ManualExecutor executor_;
  std::unique_ptr<Informer> informer_;
  std::vector<std::string> told_;
  std::vector<std::string> problems_;
};

TEST_F(InformerTest, StreamsTheInitialSetThenFollows) {
  server_.put(nodes(), node("a"));
  server_.put(nodes(), node("b"));
  follow();
  EXPECT_THAT(told(), ElementsAre("+a", "+b", "synced"));
  EXPECT_THAT(last_target(), HasSubstr("sendInitialEvents=true"));
  put(node("c"));
  put(node("a", "z"));
  remove("b");
  EXPECT_THAT(told(), ElementsAre("+c", "~a", "-b"));
  expect_same();
  EXPECT_EQ(server_.requests().size(), 1U) << "one stream did it all";
}

TEST_F(InformerTest, AnEmptySetIsSynced) {
  follow();
  EXPECT_THAT(told(), ElementsAre("synced"));
}

TEST_F(InformerTest, EveryByteBoundaryOfTheStream) {
  for (std::size_t size = 1; size < 40; ++size) {
    server_.chunk_size(size);
    follow();
    put(node("a", std::to_string(size)));
    put(node("b", "ä€😀"));
    remove("b");
    expect_same();
  }
}

TEST_F(InformerTest, FallsBackToListAndWatchOnAServerThatDoesNotStreamLists) {
  server_.stream_lists(false);
  server_.put(nodes(), node("a"));
  follow();
  EXPECT_THAT(told(), ElementsAre("+a", "synced"));
  ASSERT_EQ(server_.requests().size(), 3U);
  EXPECT_EQ(server_.requests()[1].target(), "/api/v1/nodes?resourceVersion=0");
  EXPECT_THAT(last_target(), HasSubstr("watch=1"));
  put(node("b"));
  EXPECT_THAT(told(), ElementsAre("+b"));
  // It remembers.
  server_.compact();
  server_.break_streams();
  executor_.advance(1min);
  EXPECT_THAT(last_target(), Not(HasSubstr("sendInitialEvents")));
  expect_same();
}

TEST_F(InformerTest, AServerThatIgnoresTheWishFallsBackWhenItsWatchEnds) {
  server_.put(nodes(), node("a"));
  server_.end_bookmarks(false);
  follow();
  EXPECT_THAT(told(), IsEmpty()) << "half a set is no set";
  executor_.advance(35s);
  EXPECT_EQ(problems_.size(), 3U) << "a warning each 10 s";
  EXPECT_THAT(problems_[0], HasSubstr("initial events have not ended"));
  server_.end_streams();
  executor_.advance(1s);
  EXPECT_THAT(told(), ElementsAre("+a", "synced"));
}

TEST_F(InformerTest, ResumesWhereItWasAfterACut) {
  server_.put(nodes(), node("a"));
  follow();
  told();
  server_.break_streams();
  server_.put(nodes(), node("b"));
  server_.remove(nodes(), {"", "a"});
  executor_.advance(1s);
  EXPECT_THAT(told(), ElementsAre("+b", "-a"));
  EXPECT_THAT(last_target(), Not(HasSubstr("sendInitialEvents")));
  EXPECT_EQ(informer_->counts().lists, 1U);
  expect_same();
}

TEST_F(InformerTest, AnEndedWatchGoesOnAtOnceAndAQuietOneIsReplaced) {
  follow();
  executor_.advance(5min);
  server_.end_streams();
  executor_.run();
  EXPECT_EQ(informer_->counts().watches, 1U);
  EXPECT_THAT(problems_, IsEmpty());
  // A half-open connection: nothing comes any more, not even its end.
  executor_.advance(11min);
  EXPECT_EQ(informer_->counts().watches, 2U);
  EXPECT_EQ(server_.open_streams(), 1U);
  put(node("a"));
  EXPECT_THAT(told(), ElementsAre("synced", "+a"));
}

TEST_F(InformerTest, ABookmarkSparesTheRelistAfterACompaction) {
  follow();
  server_.put(pods(), {{"metadata", {{"name", "p"}, {"namespace", "x"}}}});
  server_.compact();
  server_.send_bookmarks();
  executor_.run();
  server_.break_streams();
  executor_.advance(1s);
  EXPECT_EQ(informer_->counts().lists, 1U);
  EXPECT_EQ(informer_->counts().expired, 0U);
}

TEST_F(InformerTest, ExpiredListsAgainNotOlderAndTellsWhatWasDeleted) {
  for (const bool over_http : {true, false}) {
    server_.gone_over_http(over_http);
    server_.put(nodes(), node("a"));
    server_.put(nodes(), node("b"));
    follow();
    told();
    server_.break_streams();
    server_.remove(nodes(), {"", "b"});
    server_.put(nodes(), node("c"));
    server_.compact();
    executor_.advance(3s);
    EXPECT_THAT(told(), ElementsAre("+c", "-b")) << over_http;
    EXPECT_EQ(informer_->counts().expired, 1U);
    EXPECT_EQ(informer_->counts().lists, 2U);
    EXPECT_THAT(last_target(), HasSubstr("resourceVersionMatch=NotOlderThan&resourceVersion="));
    expect_same();
    remove("c");
    EXPECT_THAT(told(), ElementsAre("-c"));
  }
}

TEST_F(InformerTest, ExpiredTwiceThenFromTheNewest) {
  server_.put(nodes(), node("a"));
  follow();
  server_.inject({.times = 2, .response = testing::status_answer(410, "Expired", "too old")});
  server_.break_streams();
  executor_.advance(10s);
  EXPECT_EQ(informer_->counts().expired, 2U);
  EXPECT_THAT(last_target(), Not(HasSubstr("resourceVersion=")));
  EXPECT_THAT(told(), ElementsAre("+a", "synced")) << "told once";
  expect_same();
}

TEST_F(InformerTest, AServerThatIsBehindIsAskedForTheNewest) {
  follow();
  server_.inject({.response = testing::too_large_answer(2000, 1000)});
  server_.break_streams();
  executor_.advance(5s);
  EXPECT_THAT(last_target(), Not(HasSubstr("resourceVersion=")));
  EXPECT_EQ(informer_->counts().lists, 2U);
}

TEST_F(InformerTest, AListPagesAndSurvivesAnExpiredContinuation) {
  server_.stream_lists(false);
  for (int i = 0; i < 700; ++i) server_.put(nodes(), node("n" + std::to_string(i)));
  follow();
  told();
  server_.inject({.times = 2, .response = testing::status_answer(410, "Expired", "too old")});
  server_.inject({.when =
                      [](const Request& request) {
                        return request.target().find("continue=") != std::string::npos;
                      },
                  .response = testing::status_answer(410, "Expired", "too old")});
  server_.break_streams();
  server_.remove(nodes(), {"", "n5"});
  executor_.advance(1min);
  EXPECT_THAT(told(), ElementsAre("-n5"));
  expect_same();
}

TEST_F(InformerTest, HeedsRetryAfter) {
  follow();
  server_.inject({.response = testing::too_many_requests_answer(20)});
  server_.break_streams();
  executor_.advance(1s);
  const auto asked = server_.requests().size();
  executor_.advance(18s);
  EXPECT_EQ(server_.requests().size(), asked);
  executor_.advance(3s);
  EXPECT_EQ(server_.requests().size(), asked + 1);
  EXPECT_EQ(server_.open_streams(), 1U);
}

TEST_F(InformerTest, AnHourWithoutTheServerCostsLittleAndOneRequestCatchesUp) {
  server_.put(nodes(), node("a"));
  follow();
  told();
  server_.inject({.times = 1000000});
  server_.break_streams();
  const auto before = server_.requests().size();
  executor_.advance(1h);
  const auto tries = server_.requests().size() - before;
  EXPECT_GT(tries, 100U) << "at least every 30 s";
  EXPECT_LT(tries, 500U);
  EXPECT_THAT(stored(), ElementsAre("a")) << "the last known state stands";
  server_.heal();
  server_.put(nodes(), node("b"));
  executor_.advance(30s);
  EXPECT_THAT(told(), ElementsAre("+b"));
  EXPECT_EQ(informer_->counts().lists, 1U);
}

TEST_F(InformerTest, AWatchThatEndsAtOnceIsNoLoop) {
  follow();
  for (int i = 0; i < 100; ++i) {
    server_.end_streams();
    executor_.advance(100ms);
  }
  EXPECT_LT(informer_->counts().watches, 20U);
  EXPECT_GT(informer_->counts().short_watches, 3U);
}

TEST_F(InformerTest, ABrokenLineListsAgain) {
  server_.put(nodes(), node("a"));
  follow();
  told();
  server_.send_line("{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"na");
  executor_.run();
  EXPECT_THAT(problems_, ElementsAre(HasSubstr("no JSON")));
  server_.remove(nodes(), {"", "a"});
  executor_.advance(1s);
  EXPECT_THAT(told(), ElementsAre("-a"));
}

TEST_F(InformerTest, AnEventBeyondTheCapSaysSo) {
  follow({}, {.event = 2000});
  put({{"metadata", {{"name", "big"}, {"annotations", {{"x", std::string(3000, 'x')}}}}}});
  EXPECT_THAT(problems_, ElementsAre(HasSubstr("longer than 2000 bytes")));
  remove("big");
  executor_.advance(1min);
  put(node("a"));
  EXPECT_THAT(told(), ElementsAre("synced", "+a"));
}

TEST_F(InformerTest, AnErrorInTheStreamThatIsNot410Resumes) {
  follow();
  told();
  server_.send_line(
      R"({"type":"ERROR","object":{"kind":"Status","code":500,"message":"etcd is away"}})");
  executor_.run();
  EXPECT_THAT(problems_, ElementsAre(HasSubstr("etcd is away")));
  server_.put(nodes(), node("a"));
  executor_.advance(1s);
  EXPECT_THAT(told(), ElementsAre("+a"));
  EXPECT_EQ(informer_->counts().lists, 1U);
}

TEST_F(InformerTest, ASelectorsChangeIsAnAdditionOrADeletion) {
  server_.put(nodes(), node("a", "x"));
  server_.put(nodes(), node("b", "y"));
  follow({.label_selector = "zone in (x,z)"});
  EXPECT_THAT(told(), ElementsAre("+a", "synced"));
  put(node("b", "z"));
  put(node("a", "y"));
  EXPECT_THAT(told(), ElementsAre("+b", "-a"));
  EXPECT_THAT(last_target(), HasSubstr("labelSelector=zone%20in%20%28x%2Cz%29"));
}

TEST_F(InformerTest, ACrdThatComesLaterIsFollowedThen) {
  server_.unserve(nodes());
  follow();
  EXPECT_THAT(problems_, ElementsAre(HasSubstr("NotFound")));
  EXPECT_FALSE(informer_->synced());
  server_.serve(nodes());
  server_.put(nodes(), node("a"));
  executor_.advance(30s);
  EXPECT_THAT(told(), ElementsAre("+a", "synced"));
}

TEST_F(InformerTest, ACrdThatIsDeletedAndMadeAgainIsFollowedAgain) {
  server_.put(nodes(), node("a"));
  follow();
  told();
  server_.break_streams();
  server_.unserve(nodes());
  executor_.advance(5s);
  EXPECT_THAT(problems_, ::testing::Contains(HasSubstr("NotFound")));
  EXPECT_NE(informer_->store()->find(ObjectKey{"", "a"}), nullptr) << "what was known is kept meanwhile";
  server_.compact();  // a kind that is new has no history
  server_.serve(nodes());
  server_.put(nodes(), node("b"));
  executor_.advance(2min);
  EXPECT_THAT(told(), ElementsAre("+b", "-a"));
  expect_same();
}

TEST_F(InformerTest, ForbiddenIsToldAndTriedAgain) {
  server_.inject(
      {.response = testing::status_answer(
           403, "Forbidden", "nodes is forbidden: User \"x\" cannot list resource \"nodes\"")});
  follow();
  EXPECT_THAT(problems_,
              ElementsAre(AllOf(HasSubstr("watch nodes: Forbidden"), HasSubstr("cannot list"))));
  executor_.advance(1s);
  EXPECT_THAT(told(), ElementsAre("synced"));
}

TEST_F(InformerTest, TwoBookmarksAndOneBeforeAnyObject) {
  follow();
  server_.send_bookmarks();
  server_.send_bookmarks();
  server_.send_line(
      R"({"type":"BOOKMARK","object":{"kind":"Node","metadata":{"resourceVersion":"1000",
      "annotations":{"k8s.io/initial-events-end":"true"}}}})");
  executor_.run();
  EXPECT_THAT(told(), ElementsAre("synced"));
}

TEST_F(InformerTest, NothingIsCalledAfterStop) {
  follow();
  told();
  server_.put(nodes(), node("a"));
  informer_->stop();
  executor_.advance(1h);
  server_.put(nodes(), node("b"));
  executor_.advance(1h);
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(server_.open_streams(), 0U);
  EXPECT_EQ(executor_.next_timer(), kNever);
}

TEST_F(InformerTest, AHandlerMayStopItAndOneThatComesLateHearsAll) {
  server_.put(nodes(), node("a"));
  server_.put(nodes(), node("b"));
  follow();
  std::vector<std::string> late;
  informer_->on_change([&](const Change& change) {
    late.push_back(change.key().name);
    if (change.key().name == "c") informer_->stop();
  });
  EXPECT_THAT(late, ElementsAre("a", "b"));
  put(node("c"));
  put(node("d"));
  EXPECT_THAT(late, ElementsAre("a", "b", "c"));
}

}  // namespace
}  // namespace espalier::kube
