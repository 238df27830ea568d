#include "nodeagent/telemetry/prometheus/metrics_server.h"

#include <array>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nodeagent/telemetry/sample.h"

namespace espalier::telemetry {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// The server's whole answer to one request on the loopback.
std::string ask(std::uint16_t port, const std::string& line) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const std::string request = line + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  EXPECT_EQ(write(fd, request.data(), request.size()), static_cast<ssize_t>(request.size()));
  std::string answer;
  std::array<char, 4096> buffer{};
  for (ssize_t n; (n = read(fd, buffer.data(), buffer.size())) > 0;) {
    answer.append(buffer.data(), static_cast<std::size_t>(n));
  }
  close(fd);
  return answer;
}

class MetricsServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MetricsServer::Options options;
    options.address = "127.0.0.1:0";
    options.patience = std::chrono::milliseconds(1);
    auto server = MetricsServer::start(cell_, options);
    ASSERT_TRUE(server.has_value()) << server.error().to_string();
    server_ = std::move(*server);
  }
  std::string get(const std::string& path) { return ask(server_->port(), "GET " + path); }
  void publish(Snapshot snapshot) {
    cell_.publish(std::make_shared<const Snapshot>(std::move(snapshot)));
  }

  SnapshotCell cell_;
  std::unique_ptr<MetricsServer> server_;
};

TEST_F(MetricsServerTest, ServesMetricsOnceThereAreSome) {
  EXPECT_THAT(get("/metrics"), StartsWith("HTTP/1.1 503 "));
  publish(sample_snapshot());
  const std::string answer = get("/metrics");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain; version=0.0.4"));
  EXPECT_THAT(answer, HasSubstr("\nipsec_connections{state=\"Established\"} 1\n"));
  EXPECT_THAT(ask(server_->port(), "HEAD /metrics"), EndsWith("\r\n\r\n"));
}

TEST_F(MetricsServerTest, IsHealthyWhileTheLoopAnswers) {
  cell_.set_requester([this] { publish(sample_snapshot()); });
  EXPECT_THAT(get("/healthz"), EndsWith("\r\n\r\nok\n"));
  cell_.set_requester([] {});
  const std::string answer = get("/healthz");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(answer, EndsWith("the agent's loop does not answer\n"));
}

TEST_F(MetricsServerTest, IsReadyOrSaysWhyNot) {
  publish(sample_snapshot());
  EXPECT_THAT(get("/readyz"), StartsWith("HTTP/1.1 200 "));
  Snapshot snapshot = sample_snapshot();
  snapshot.kernel.esp = false;
  publish(snapshot);
  const std::string answer = get("/readyz");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(answer, EndsWith("the kernel takes no ESP SA\n"));
}

TEST_F(MetricsServerTest, ServesNothingElse) {
  publish(sample_snapshot());
  for (const char* path : {"/", "/metrics/x", "/etc/passwd", "/../../etc/passwd"}) {
    EXPECT_THAT(get(path), Not(StartsWith("HTTP/1.1 200 "))) << path;
  }
  EXPECT_THAT(ask(server_->port(), "POST /metrics"), Not(StartsWith("HTTP/1.1 200 ")));
}

TEST(MetricsServer, RefusesWhatIsNoAddress) {
  SnapshotCell cell;
  for (const char* address : {"", "9464", "localhost:9464", "127.0.0.1:", "127.0.0.1:99999",
                              "127.0.0.1:80s", "::1:9464", "[127.0.0.1]:9464", "[]:1"}) {
    MetricsServer::Options options;
    options.address = address;
    auto server = MetricsServer::start(cell, options);
    ASSERT_FALSE(server.has_value()) << address;
    EXPECT_EQ(server.error().code, Code::kInvalid) << address;
  }
}

TEST(MetricsServer, SaysWhenThePortIsTaken) {
  SnapshotCell cell;
  MetricsServer::Options options;
  options.address = "127.0.0.1:0";
  auto first = MetricsServer::start(cell, options);
  ASSERT_TRUE(first.has_value());
  options.address = "127.0.0.1:" + std::to_string((*first)->port());
  auto second = MetricsServer::start(cell, options);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, Code::kExists);
  EXPECT_THAT(second.error().where, HasSubstr(options.address));
}

TEST(MetricsServer, ListensOnIpv6AndOnEveryAddress) {
  for (const char* address : {"[::1]:0", ":0"}) {
    SnapshotCell cell;
    MetricsServer::Options options;
    options.address = address;
    auto server = MetricsServer::start(cell, options);
    ASSERT_TRUE(server.has_value()) << server.error().to_string();
    EXPECT_NE((*server)->port(), 0);
  }
}

}  // namespace
}  // namespace espalier::telemetry
