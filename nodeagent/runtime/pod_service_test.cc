#include "nodeagent/runtime/pod_service.h"

#include <cstring>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace espalier::runtime {
namespace {

using ::testing::HasSubstr;

// A loop with a service on it, and callers that block, each in a thread of its own.
class PodServiceTest : public ::testing::Test {
 protected:
  PodServiceTest() : loop_(std::move(*Loop::create())) {
    folder_ = ::testing::TempDir() + "/espalier-pods-" + std::to_string(::getpid());
    ::mkdir(folder_.c_str(), 0700);
    socket_ = folder_ + "/pods.sock";
  }
  ~PodServiceTest() override {
    service_.reset();
    ::rmdir(folder_.c_str());
  }

  void start(PodService::Judge judge) {
    auto made = PodService::listen(*loop_, socket_, std::move(judge));
    ASSERT_TRUE(made.has_value()) << made.error().to_string();
    service_ = std::move(*made);
  }

  [[nodiscard]] process::Fd connected() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, socket_.data(), socket_.size());
    process::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
  }

  // Sends the line, runs the loop until the service hangs up, and returns what it said.
  std::string said_to(const std::string& line) {
    std::string said;
    std::thread caller([&] {
      const process::Fd fd = connected();
      EXPECT_EQ(::send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(line.size()));
      char part[4096];
      for (ssize_t got = 0; (got = ::recv(fd.get(), part, sizeof part, 0)) > 0;)
        said.append(part, static_cast<std::size_t>(got));
      loop_->stop();
    });
    loop_->run();
    caller.join();
    return said;
  }

  std::unique_ptr<Loop> loop_;
  std::string folder_;
  std::string socket_;
  std::unique_ptr<PodService> service_;
};

pods::PodRequest cover(std::chrono::milliseconds patience) {
  pods::PodRequest request;
  request.pod = {"shop", "web-0", "c1", {*IpAddress::parse("10.244.1.7")}};
  request.patience = patience;
  return request;
}

TEST_F(PodServiceTest, SaysWhatTheJudgeSays) {
  std::string seen;
  start([&](const pods::PodRequest& request) {
    seen = request.pod.to_string();
    return pods::PodAnswer{true, "", pods::LinkMtu{1438, 0}};
  });
  const auto answer = pods::decode_answer(said_to(pods::encode(cover(std::chrono::seconds(5)))));
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(answer->covered);
  EXPECT_EQ(answer->mtu, (pods::LinkMtu{1438, 0}));
  EXPECT_EQ(seen, "shop/web-0 (10.244.1.7)");
}

TEST_F(PodServiceTest, WaitsUntilThePodIsCovered) {
  int asked = 0;
  start([&](const pods::PodRequest&) { return pods::PodAnswer{++asked == 3, "not yet", {}}; });
  const auto answer = pods::decode_answer(said_to(pods::encode(cover(std::chrono::minutes(5)))));
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(answer->covered);
  EXPECT_EQ(asked, 3);
}

TEST_F(PodServiceTest, SaysWhyNotWhenPatienceIsOver) {
  start([](const pods::PodRequest&) { return pods::PodAnswer{false, "no plan yet", {}}; });
  const auto answer =
      pods::decode_answer(said_to(pods::encode(cover(std::chrono::milliseconds(150)))));
  ASSERT_TRUE(answer.has_value());
  EXPECT_FALSE(answer->covered);
  EXPECT_EQ(answer->reason, "no plan yet");
}

TEST_F(PodServiceTest, AStatusIsWaitedForAsLongAsItIsPatient) {
  int asked = 0;
  start([&](const pods::PodRequest&) { return pods::PodAnswer{++asked == 3, "no plan yet", {}}; });
  pods::PodRequest request;
  request.ask = pods::Ask::kStatus;
  EXPECT_FALSE(pods::decode_answer(said_to(pods::encode(request)))->covered);
  EXPECT_EQ(asked, 1);
  request.patience = std::chrono::minutes(5);
  EXPECT_TRUE(pods::decode_answer(said_to(pods::encode(request)))->covered);
}

TEST_F(PodServiceTest, WhatIsNoRequestIsToldSo) {
  start([](const pods::PodRequest&) { return pods::PodAnswer{true, "", {}}; });
  EXPECT_THAT(said_to("{\"ask\": 7}\n"), HasSubstr("ask"));
  EXPECT_THAT(said_to(std::string(pods::kLongestLine + 1, 'x') + "\n"), HasSubstr("covered"));
  // And it goes on.
  EXPECT_TRUE(pods::decode_answer(said_to(pods::encode(cover(std::chrono::seconds(1)))))->covered);
}

TEST_F(PodServiceTest, ACallerThatGoesIsForgotten) {
  int asked = 0;
  start([&](const pods::PodRequest&) { return pods::PodAnswer{++asked > 1, "not yet", {}}; });
  std::thread caller([&] {
    const process::Fd fd = connected();
    const std::string line = pods::encode(cover(std::chrono::minutes(5)));
    (void)::send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL);
  });
  caller.join();
  EXPECT_TRUE(pods::decode_answer(said_to(pods::encode(cover(std::chrono::minutes(5)))))->covered);
}

TEST_F(PodServiceTest, TakesThePlaceOfAnEarlierRunAndOnlyForRoot) {
  start([](const pods::PodRequest&) { return pods::PodAnswer{true, "", {}}; });
  auto second = PodService::listen(*loop_, socket_,
                                   [](const pods::PodRequest&) { return pods::PodAnswer{}; });
  ASSERT_TRUE(second.has_value());
  struct stat seen {};
  ASSERT_EQ(::stat(socket_.c_str(), &seen), 0);
  EXPECT_EQ(seen.st_mode & 0777U, 0600U);
}

}  // namespace
}  // namespace espalier::runtime
