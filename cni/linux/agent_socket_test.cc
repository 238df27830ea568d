#include "cni/linux/agent_socket.h"

#include <cstring>
#include <filesystem>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/process/fd.h"

namespace espalier::cni {
namespace {

using testing::HasSubstr;

// Answers one connection with the given octets, and keeps what it was asked.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer)
      : folder_(std::filesystem::temp_directory_path() /
                ("cni-socket-" + std::to_string(::getpid()))) {
    std::filesystem::create_directory(folder_);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path().c_str(), sizeof address.sun_path - 1);
    listener_ = process::Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    ::listen(listener_.get(), 1);
    thread_ = std::thread([this, text = std::move(answer)] {
      const process::Fd peer(::accept(listener_.get(), nullptr, nullptr));
      char c = 0;
      while (::read(peer.get(), &c, 1) == 1 && c != '\n') asked_ += c;
      // One octet at a time: an answer may come in pieces.
      for (const char each : text) ::send(peer.get(), &each, 1, MSG_NOSIGNAL);
    });
  }
  ~OneAnswer() {
    if (thread_.joinable()) thread_.join();
    std::filesystem::remove_all(folder_);
  }
  OneAnswer(const OneAnswer&) = delete;
  OneAnswer& operator=(const OneAnswer&) = delete;

  [[nodiscard]] std::string path() const { return folder_ / "s"; }
  [[nodiscard]] std::string asked() {
    thread_.join();
    return asked_;
  }

 private:
  std::filesystem::path folder_;
  process::Fd listener_;
  std::string asked_;
  std::thread thread_;
};

const pods::PodRequest kRequest{
    pods::Ask::kCover, {"shop", "web-0", "c1", {*IpAddress::parse("::1")}}, {}};

TEST(AgentSocket, AsksAndIsAnswered) {
  OneAnswer agent("{\"covered\":true,\"mtu\":1443}\n");
  const auto answer = AgentSocket().ask(agent.path(), kRequest);
  ASSERT_TRUE(answer) << answer.error().to_string();
  EXPECT_EQ(*answer, (pods::PodAnswer{true, "", pods::LinkMtu{1443, 0}}));
  EXPECT_EQ(*pods::decode_request(agent.asked()), kRequest);
}

TEST(AgentSocket, AnAgentThatIsAwayIsUnavailable) {
  const auto answer = AgentSocket().ask("/nowhere/at/all.sock", kRequest);
  EXPECT_EQ(answer.error().code, Code::kUnavailable);
  EXPECT_THAT(answer.error().to_string(), HasSubstr("/nowhere/at/all.sock"));
}

TEST(AgentSocket, AnAgentThatIsBeingReplacedIsWaitedFor) {
  const auto folder = std::filesystem::temp_directory_path();
  const std::string path = folder / ("cni-late-" + std::to_string(::getpid()));
  std::thread late([&path] {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    const process::Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    // Bound, it refuses whoever comes before listen().
    ::listen(listener.get(), 1);
    const process::Fd peer(::accept(listener.get(), nullptr, nullptr));
    char c = 0;
    while (::read(peer.get(), &c, 1) == 1 && c != '\n') {
    }
    ::send(peer.get(), "{\"covered\":true}\n", 17, MSG_NOSIGNAL);
  });
  const auto answer = AgentSocket().ask(path, {pods::Ask::kStatus, {}, std::chrono::seconds(60)});
  late.join();
  ::unlink(path.c_str());
  ASSERT_TRUE(answer) << answer.error().to_string();
  EXPECT_TRUE(answer->covered);
}

TEST(AgentSocket, AnAgentThatEndsInTheMiddleIsUnavailable) {
  OneAnswer agent("{\"covered\":");
  EXPECT_EQ(AgentSocket().ask(agent.path(), kRequest).error().code, Code::kUnavailable);
}

TEST(AgentSocket, WhatIsNoAnswerIsRefused) {
  {
    OneAnswer agent("HTTP/1.1 200 OK\n");
    EXPECT_EQ(AgentSocket().ask(agent.path(), kRequest).error().code, Code::kInvalid);
  }
  OneAnswer agent(std::string(pods::kLongestLine + 8192, 'x'));
  EXPECT_EQ(AgentSocket().ask(agent.path(), kRequest).error().code, Code::kInvalid);
}

}  // namespace
}  // namespace espalier::cni
