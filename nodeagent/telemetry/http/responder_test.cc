#include "nodeagent/telemetry/http/responder.h"

#include <array>
#include <stdexcept>
#include <vector>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <sys/socket.h>

#include "nodeagent/telemetry/http/request.h"

namespace espalier::telemetry::http {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(RequestHead, IsParsed) {
  EXPECT_EQ(parse_head("GET /metrics HTTP/1.1\r\n\r\n"), (Request{Method::kGet, "/metrics"}));
  EXPECT_EQ(parse_head("HEAD /a?b=c HTTP/1.0\r\nX: y\r\n\r\n"), (Request{Method::kHead, "/a"}));
  EXPECT_EQ(parse_head("POST / HTTP/1.1\r\n\r\n"), (Request{Method::kOther, "/"}));
  for (const char* bad : {"", "\r\n\r\n", "GET\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/2\r\n\r\n",
                          "GET / HTTP/1.1 \r\n\r\n", "GET metrics HTTP/1.1\r\n\r\n",
                          "GET /a b HTTP/1.1\r\n\r\n", "GET /\x01 HTTP/1.1\r\n\r\n"}) {
    EXPECT_EQ(parse_head(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(end_of_head("GET / HTTP/1.1\r\n"), std::nullopt);
  EXPECT_EQ(end_of_head("GET / HTTP/1.1\r\n\r\nrest"), 18U);
}

class Client {
 public:
  explicit Client(const Endpoint& to)
      : socket_(::socket(to.address.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    int connected = -1;
    if (to.address.is_v4()) {
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(to.port);
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      connected = connect(socket_.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    } else {
      sockaddr_in6 address{};
      address.sin6_family = AF_INET6;
      address.sin6_port = htons(to.port);
      address.sin6_addr = in6addr_loopback;
      connected = connect(socket_.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    }
    EXPECT_EQ(connected, 0);
  }
  Client& say(const std::string& text) {
    EXPECT_EQ(send(socket_.fd(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
    return *this;
  }
  std::string rest() {
    std::string all;
    std::array<char, 65536> buffer{};
    for (ssize_t n; (n = recv(socket_.fd(), buffer.data(), buffer.size(), 0)) > 0;) {
      all.append(buffer.data(), static_cast<std::size_t>(n));
    }
    return all;
  }

 private:
  Socket socket_;
};

Reply documents(std::string_view path) {
  if (path == "/throws") throw std::runtime_error("no such luck");
  if (path == "/large") return {200, {}, std::string(8 << 20, 'x')};
  if (path == "/hello") return {200, "text/plain", "hello"};
  return {404, {}, "nothing\n"};
}

std::unique_ptr<Responder> start(const char* address = "127.0.0.1") {
  auto started = Responder::start({*IpAddress::parse(address), 0}, documents);
  EXPECT_TRUE(started.has_value()) << started.error().to_string();
  return std::move(*started);
}

TEST(Responder, AnswersAndCloses) {
  const auto server = start();
  const std::string answer = Client(server->bound()).say("GET /hello HTTP/1.1\r\n\r\n").rest();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Length: 5\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\nConnection: close\r\n\r\nhello"));
}

TEST(Responder, HeadHasNoBody) {
  const auto server = start();
  const std::string answer = Client(server->bound()).say("HEAD /hello HTTP/1.1\r\n\r\n").rest();
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Length: 5\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST(Responder, TakesARequestInPieces) {
  const auto server = start();
  Client client(server->bound());
  client.say("GET /he").say("llo HTTP/1.1\r\nA: b\r").say("\n\r\n");
  EXPECT_THAT(client.rest(), EndsWith("hello"));
}

TEST(Responder, ServesSeveralAtOnce) {
  const auto server = start();
  Client silent(server->bound());
  Client slow(server->bound());
  slow.say("GET /he");
  EXPECT_THAT(Client(server->bound()).say("GET /hello HTTP/1.1\r\n\r\n").rest(), EndsWith("hello"));
  EXPECT_THAT(slow.say("llo HTTP/1.1\r\n\r\n").rest(), EndsWith("hello"));
}

TEST(Responder, ANewConnectionPushesOutTheOldest) {
  const auto server = start();
  std::vector<std::unique_ptr<Client>> silent;
  for (std::size_t i = 0; i < kConnections; ++i) {
    silent.push_back(std::make_unique<Client>(server->bound()));
  }
  EXPECT_THAT(Client(server->bound()).say("GET /hello HTTP/1.1\r\n\r\n").rest(), EndsWith("hello"));
  EXPECT_EQ(silent.front()->rest(), "") << "closed without an answer";
}

TEST(Responder, SendsALargeDocumentWhole) {
  const auto server = start();
  const std::string answer = Client(server->bound()).say("GET /large HTTP/1.1\r\n\r\n").rest();
  EXPECT_GT(answer.size(), std::size_t{8 << 20});
}

TEST(Responder, RefusesWithAReason) {
  const auto server = start();
  const auto ask = [&](const std::string& text) {
    return Client(server->bound()).say(text).rest();
  };
  EXPECT_THAT(ask("GET /nowhere HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_THAT(ask("POST /hello HTTP/1.1\r\n\r\n"), HasSubstr("\r\nAllow: GET, HEAD\r\n"));
  EXPECT_THAT(ask("nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_THAT(ask("GET /" + std::string(kMaxHead + 4096, 'a')), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(ask("GET /throws HTTP/1.1\r\n\r\n"), EndsWith("no such luck\n"));
}

TEST(Responder, SpeaksIpv6) {
  const auto server = start("::1");
  EXPECT_THAT(Client(server->bound()).say("GET /hello HTTP/1.1\r\n\r\n").rest(), EndsWith("hello"));
}

TEST(Responder, EveryIpv6AddressMeansIpv4Too) {
  const auto server = start("::");
  const Endpoint by_v4{*IpAddress::parse("127.0.0.1"), server->bound().port};
  EXPECT_THAT(Client(by_v4).say("GET /hello HTTP/1.1\r\n\r\n").rest(), EndsWith("hello"));
}

TEST(Responder, SaysThatThePortIsTaken) {
  const auto first = start();
  auto second = Responder::start(first->bound(), documents);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, Code::kExists);
}

}  // namespace
}  // namespace espalier::telemetry::http
