#include "kube/run/paced_transport.h"

#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/client.h"
#include "kube/testing/fake_api_server.h"
#include "kube/testing/status_answer.h"

namespace espalier::kube {
namespace {

using namespace std::chrono_literals;
using testing::FakeApiServer;
using ::testing::SizeIs;

Request get() {
  Request request;
  request.path = "/api/v1/nodes";
  return request;
}
Request post() {
  Request request = get();
  request.method = Method::kPost;
  request.body = R"({"metadata":{"name":"a"}})";
  return request;
}

class PacedTransportTest : public ::testing::Test {
 protected:
  FakeApiServer server_;
  PacedTransport paced_{server_, {.per_second = 1000, .burst = 100}, 1};
};

TEST_F(PacedTransportTest, ReadsAreTriedAgainWritesWithAnUnknownFateAreNot) {
  server_.inject({.times = 2});
  EXPECT_EQ(paced_.call(get())->status, 200);
  EXPECT_THAT(server_.requests(), SizeIs(3));
  EXPECT_EQ(paced_.counts().retries, 2U);
  server_.inject({.after_executing = true});
  EXPECT_FALSE(paced_.call(post()));
  EXPECT_THAT(server_.requests(), SizeIs(4));
}

TEST_F(PacedTransportTest, WhatWasNotTakenIsTriedAgainWhateverItIs) {
  server_.inject({.response = testing::status_answer(429, "TooManyRequests", "later")});
  EXPECT_EQ(paced_.call(post())->status, 201);
}

TEST_F(PacedTransportTest, EveryRequestThatWentOutIsObserved) {
  std::vector<std::string> seen;
  paced_.observe([&](Method method, const Result<Response>& answer, Duration took) {
    EXPECT_GE(took, Duration{});
    seen.push_back(std::string(name_of(method)) + " " +
                   (answer ? std::to_string(answer->status) : "none"));
  });
  server_.inject({.times = 1});
  EXPECT_TRUE(paced_.call(get()));
  EXPECT_TRUE(paced_.call(post()));
  EXPECT_THAT(seen, ::testing::ElementsAre("GET none", "GET 200", "POST 201"));
}

TEST_F(PacedTransportTest, GivesUpAfterFourTries) {
  server_.inject(
      {.times = 10, .response = testing::status_answer(503, "ServiceUnavailable", "no")});
  EXPECT_EQ(paced_.call(get())->status, 503);
  EXPECT_THAT(server_.requests(), SizeIs(4));
  server_.heal();
  server_.inject({.response = testing::status_answer(404, "NotFound", "no")});
  EXPECT_EQ(paced_.call(get())->status, 404);
}

TEST_F(PacedTransportTest, RetryAfterHoldsForAllAndStopEndsTheWait) {
  server_.inject({.response = testing::too_many_requests_answer(3600)});
  EXPECT_EQ(paced_.call(get())->status, 429) << "an hour is not waited for";
  auto other = std::async(std::launch::async, [this] { return paced_.call(get()); });
  while (paced_.counts().throttled == 0) std::this_thread::yield();
  EXPECT_THAT(server_.requests(), SizeIs(1)) << "the other waits, too";
  paced_.stop();
  const auto answer = other.get();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().detail, "stopped");
}

TEST_F(PacedTransportTest, TheBucketIsShared) {
  PacedTransport slow(server_, {.per_second = 0.001, .burst = 2}, 1);
  EXPECT_TRUE(slow.call(get()));
  EXPECT_TRUE(slow.call(get()));
  auto third = std::async(std::launch::async, [&] { return slow.call(get()); });
  while (slow.counts().throttled == 0) std::this_thread::yield();
  EXPECT_THAT(server_.requests(), SizeIs(2));
  slow.stop();
  EXPECT_FALSE(third.get());
}

}  // namespace
}  // namespace espalier::kube
