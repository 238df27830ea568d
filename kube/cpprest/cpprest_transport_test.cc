// What of the transport needs no TLS; tests/api shows the rest against a real API server.
#include "kube/cpprest/cpprest_transport.h"

#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/cpprest/scripted_server.h"

namespace espalier::kube {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Connection = ScriptedServer::Connection;

// A bound for what must come; not a measure.
constexpr auto kSoon = 20s;

std::unique_ptr<Transport> transport_to(const std::string& url) {
  Access access;
  access.server = url;
  auto transport = make_cpprest_transport(std::move(access), {.user_agent = "espalier-test/1"});
  EXPECT_TRUE(transport) << transport.error().to_string();
  return std::move(*transport);
}

Request get(const std::string& path) {
  Request request;
  request.path = path;
  return request;
}

class Collected : public StreamSink {
 public:
  explicit Collected(bool take_all = true) : take_all_(take_all) {}

  void on_head(int status, Headers headers) override {
    tell([&] {
      order_ += "h";
      status_ = status;
      headers_ = std::move(headers);
    });
  }
  void on_chunk(std::string bytes, std::function<void()> more) override {
    tell([&] {
      order_ += "c";
      body_ += bytes;
    });
    if (take_all_) {
      more();
    } else {
      more_ = std::move(more);
    }
  }
  void on_end(const Status& how) override {
    tell([&] {
      order_ += "e";
      ended_ = true;
      how_ = how;
    });
  }

  template <typename Condition>
  [[nodiscard]] bool wait(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kSoon, condition);
  }
  [[nodiscard]] bool wait_for_end() {
    return wait([this] { return ended_; });
  }
  [[nodiscard]] bool wait_for_body(const std::string& body) {
    return wait([&] { return body_ == body; });
  }

  std::string order_;  // h: head, c: chunk, e: end
  int status_ = 0;
  Headers headers_;
  std::string body_;
  Status how_;

 private:
  template <typename Action>
  void tell(Action action) {
    const std::lock_guard lock(mutex_);
    action();
    changed_.notify_all();
  }

  bool take_all_;
  std::function<void()> more_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
};

TEST(CpprestCall, SendsWhatWasAskedAndBringsTheAnswer) {
  std::promise<std::string> seen;
  ScriptedServer server([&](Connection& connection) {
    seen.set_value(connection.read_request());
    connection.write(
        http_answer(409, "{\"kind\":\"Status\"}", "Retry-After: 3\r\nWarning: 299 - \"x\"\r\n"));
  });
  const auto transport = transport_to(server.url());
  Request request = get("/api/v1/nodes/a%2Fb");
  request.method = Method::kPatch;
  request.query = {{"fieldManager", "me & you"}, {"force", "true"}};
  request.headers = {{"Content-Type", "application/apply-patch+yaml"},
                     {"Accept", "application/json"}};
  request.body = "{\"ä\":1}";
  const auto response = transport->call(request);
  ASSERT_TRUE(response) << response.error().to_string();
  EXPECT_EQ(response->status, 409);
  EXPECT_EQ(response->body, "{\"kind\":\"Status\"}");
  EXPECT_EQ(*find_header(response->headers, "retry-after"), "3");
  EXPECT_EQ(*find_header(response->headers, "warning"), "299 - \"x\"");
  const std::string sent = seen.get_future().get();
  EXPECT_THAT(
      sent,
      StartsWith("PATCH /api/v1/nodes/a%2Fb?fieldManager=me%20%26%20you&force=true HTTP/1.1\r\n"));
  EXPECT_THAT(sent, HasSubstr("User-Agent:espalier-test/1\r\n"));
  EXPECT_THAT(sent, HasSubstr("Content-Type:application/apply-patch+yaml"));
  EXPECT_THAT(sent, HasSubstr("\r\n\r\n{\"ä\":1}"));
  EXPECT_THAT(sent, ::testing::Not(HasSubstr("Authorization")));
}

TEST(CpprestCall, KeepsItsConnectionAndSurvivesThatTheServerClosedIt) {
  ScriptedServer server([&](Connection& connection) {
    for (int i = 0; i < 2; ++i) {
      if (connection.read_request().empty()) return;
      connection.write(http_answer(200, std::to_string(i)));
    }
  });
  const auto transport = transport_to(server.url());
  std::string bodies;
  for (int i = 0; i < 4; ++i) {
    const auto response = transport->call(get("/"));
    ASSERT_TRUE(response) << response.error().to_string();
    bodies += response->body;
  }
  // A connection is back in the pool a moment after its answer, so it may be two that take turns.
  EXPECT_THAT(bodies, ::testing::AnyOf("0101", "0011", "0010", "0100", "0000", "0001"));
}

TEST(CpprestCall, IPv6) {
  ScriptedServer server(
      [&](Connection& connection) {
        connection.read_request();
        connection.write(http_answer(200, "six"));
      },
      true);
  const auto transport = transport_to(server.url());
  const auto response = transport->call(get("/"));
  if (!response && response.error().detail == "Error resolving address") {
    GTEST_SKIP()
        << "cpprest looks up with AI_ADDRCONFIG: ::1 needs another IPv6 address on the host";
  }
  ASSERT_TRUE(response) << response.error().to_string();
  EXPECT_EQ(response->body, "six");
}

TEST(CpprestCall, FailuresAreUnavailable) {
  std::string url;
  {
    ScriptedServer gone([](Connection&) {});
    url = gone.url();
  }
  const auto refused = transport_to(url)->call(get("/"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnavailable);

  ScriptedServer resets([](Connection& connection) {
    connection.read_request();
    connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    connection.reset();
  });
  const auto reset = transport_to(resets.url())->call(get("/"));
  ASSERT_FALSE(reset);
  EXPECT_EQ(reset.error().code, Code::kUnavailable);

  ScriptedServer silent([](Connection& connection) { connection.wait_for_close(); });
  Request impatient = get("/");
  impatient.timeout = 200ms;
  const auto late = transport_to(silent.url())->call(impatient);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().detail, "no answer in time");
}

TEST(CpprestCall, DoesNotFollowRedirects) {
  ScriptedServer server([](Connection& connection) {
    while (!connection.read_request().empty()) {
      connection.write(http_answer(302, "", "Location: http://127.0.0.1:1/\r\n"));
    }
  });
  const auto response = transport_to(server.url())->call(get("/"));
  ASSERT_TRUE(response) << response.error().to_string();
  EXPECT_EQ(response->status, 302);
}

TEST(CpprestStream, HandsOnChunksAsTheyComeAndTheEnd) {
  std::promise<void> go_on;
  ScriptedServer server([&](Connection& connection) {
    connection.read_request();
    connection.write(chunked_head());
    connection.write_chunk("{\"a\":1}\n{\"b\"");
    go_on.get_future().wait();
    connection.write_chunk(":2}\n");
    connection.write("0\r\n\r\n");
  });
  const auto transport = transport_to(server.url());
  const auto sink = std::make_shared<Collected>();
  const auto stream = transport->open(get("/"), sink);
  ASSERT_TRUE(sink->wait_for_body("{\"a\":1}\n{\"b\""));
  go_on.set_value();
  ASSERT_TRUE(sink->wait_for_end());
  EXPECT_TRUE(sink->how_);
  EXPECT_EQ(sink->status_, 200);
  EXPECT_EQ(sink->body_, "{\"a\":1}\n{\"b\":2}\n");
  EXPECT_EQ(sink->order_, "hcce");
}

TEST(CpprestStream, EveryByteInAPacketOfItsOwn) {
  ScriptedServer server([&](Connection& connection) {
    connection.read_request();
    for (const char byte : chunked_head()) connection.write({&byte, 1});
    for (const char byte : std::string("héllo\n")) connection.write_chunk({&byte, 1});
    connection.write("0\r\n\r\n");
  });
  const auto transport = transport_to(server.url());
  const auto sink = std::make_shared<Collected>();
  const auto stream = transport->open(get("/"), sink);
  ASSERT_TRUE(sink->wait_for_end());
  EXPECT_TRUE(sink->how_);
  EXPECT_EQ(sink->body_, "héllo\n");
}

TEST(CpprestStream, ReadsNoFasterThanTheSinkTakes) {
  constexpr std::size_t kMuch = std::size_t{64} << 20U;
  std::promise<std::size_t> sent;
  ScriptedServer server([&](Connection& connection) {
    connection.read_request();
    connection.write(chunked_head());
    sent.set_value(connection.flood(kMuch));
    connection.wait_for_close();
  });
  const auto transport = transport_to(server.url());
  const auto sink = std::make_shared<Collected>(false);
  const auto stream = transport->open(get("/"), sink);
  EXPECT_LT(sent.get_future().get(), kMuch) << "the kernel's buffers, not ours, hold the rest";
  stream->cancel();
  EXPECT_TRUE(sink->wait_for_end());
}

TEST(CpprestStream, ARefusalIsAHeadAndABody) {
  ScriptedServer server([](Connection& connection) {
    connection.read_request();
    connection.write(http_answer(410, "{\"code\":410}"));
  });
  const auto transport = transport_to(server.url());
  const auto sink = std::make_shared<Collected>();
  const auto stream = transport->open(get("/"), sink);
  ASSERT_TRUE(sink->wait_for_end());
  EXPECT_EQ(sink->status_, 410);
  EXPECT_EQ(sink->body_, "{\"code\":410}");
  EXPECT_TRUE(sink->how_);
}

TEST(CpprestStream, AResetAndATruncatedBodyAreFailures) {
  for (const bool reset : {true, false}) {
    ScriptedServer server([&](Connection& connection) {
      connection.read_request();
      connection.write(chunked_head());
      connection.write_chunk("x\n");
      if (reset) connection.reset();
    });
    const auto transport = transport_to(server.url());
    const auto sink = std::make_shared<Collected>();
    const auto stream = transport->open(get("/"), sink);
    ASSERT_TRUE(sink->wait_for_end());
    ASSERT_FALSE(sink->how_) << reset;
    EXPECT_EQ(sink->how_.error().code, Code::kUnavailable);
  }
}

TEST(CpprestStream, CancelClosesTheConnection) {
  std::promise<void> closed;
  ScriptedServer server([&](Connection& connection) {
    connection.read_request();
    connection.write(chunked_head());
    connection.write_chunk("x\n");
    connection.wait_for_close();
    closed.set_value();
  });
  const auto transport = transport_to(server.url());
  const auto sink = std::make_shared<Collected>();
  auto stream = transport->open(get("/"), sink);
  ASSERT_TRUE(sink->wait_for_body("x\n"));
  stream.reset();
  ASSERT_TRUE(sink->wait_for_end());
  EXPECT_FALSE(sink->how_);
  EXPECT_EQ(closed.get_future().wait_for(kSoon), std::future_status::ready);
}

TEST(CpprestStream, SilenceBeyondTheTimeoutEndsIt) {
  ScriptedServer server([&](Connection& connection) {
    connection.read_request();
    connection.write(chunked_head());
    connection.wait_for_close();
  });
  const auto transport = transport_to(server.url());
  const auto sink = std::make_shared<Collected>();
  Request request = get("/");
  request.timeout = 300ms;
  const auto stream = transport->open(request, sink);
  ASSERT_TRUE(sink->wait_for_end());
  ASSERT_FALSE(sink->how_);
}

TEST(CpprestStop, EndsWhatIsUnderWayAndWhatComes) {
  std::promise<void> arrived;
  ScriptedServer server([&](Connection& connection) {
    if (connection.read_request().find("/watch") != std::string::npos) {
      connection.write(chunked_head());
      connection.write_chunk("x\n");
    } else {
      arrived.set_value();
    }
    connection.wait_for_close();
  });
  const auto transport = transport_to(server.url());
  const auto sink = std::make_shared<Collected>();
  const auto stream = transport->open(get("/watch"), sink);
  ASSERT_TRUE(sink->wait_for_body("x\n"));
  auto pending = std::async(std::launch::async, [&] { return transport->call(get("/call")); });
  arrived.get_future().wait();
  transport->stop();
  ASSERT_EQ(pending.wait_for(kSoon), std::future_status::ready);
  EXPECT_FALSE(pending.get());
  EXPECT_TRUE(sink->wait_for_end());
  EXPECT_FALSE(sink->how_);
  EXPECT_FALSE(transport->call(get("/late")));
  const auto late = std::make_shared<Collected>();
  const auto late_stream = transport->open(get("/late"), late);
  EXPECT_TRUE(late->wait_for_end());
}

class Tokens : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/espalier-token.XXXXXX";
    folder_ = mkdtemp(name);
    write("old");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& token) const { std::ofstream(folder_ + "/token") << token << "\n"; }
  std::unique_ptr<Transport> transport(const ScriptedServer& server) const {
    Access access;
    access.server = server.url();
    access.token.file = folder_ + "/token";
    auto made = make_cpprest_transport(std::move(access));
    EXPECT_TRUE(made) << made.error().to_string();
    return std::move(*made);
  }

  std::string folder_;
};

TEST_F(Tokens, ARefusedTokenIsReadAgainAndTriedOnce) {
  std::mutex mutex;
  std::vector<std::string> seen;
  ScriptedServer server([&](Connection& connection) {
    for (std::string request; !(request = connection.read_request()).empty();) {
      const auto at = request.find("Authorization:Bearer ") + 21;
      const std::string token = request.substr(at, request.find("\r\n", at) - at);
      {
        const std::lock_guard lock(mutex);
        seen.push_back(token);
      }
      connection.write(token == "new" ? http_answer(200, "in") : http_answer(401, "out"));
    }
  });
  const auto transport = this->transport(server);
  EXPECT_EQ(transport->call(get("/"))->status, 401) << "the file holds nothing newer";
  write("new");
  EXPECT_EQ(transport->call(get("/"))->status, 200);
  write("newer, refused");
  EXPECT_EQ(transport->call(get("/"))->status, 200) << "read again in 60 s, or when it is refused";
  EXPECT_THAT(seen, ElementsAre("old", "old", "new", "new"));
}

TEST_F(Tokens, AStreamTriesOnceToo) {
  ScriptedServer server([&](Connection& connection) {
    const std::string request = connection.read_request();
    connection.write(request.find("Bearer new\r\n") != std::string::npos ? http_answer(200, "in")
                                                                         : http_answer(401, "out"));
  });
  const auto transport = this->transport(server);
  write("new");
  const auto sink = std::make_shared<Collected>();
  const auto stream = transport->open(get("/"), sink);
  ASSERT_TRUE(sink->wait_for_end());
  EXPECT_EQ(sink->status_, 200);
  EXPECT_EQ(sink->body_, "in");
  EXPECT_EQ(sink->order_, "hce");
}

TEST(CpprestAccess, WhatCannotWorkIsRefusedAtOnce) {
  const auto error = [](Access access) {
    const auto made = make_cpprest_transport(std::move(access));
    return made ? "none" : made.error().to_string();
  };
  const auto to = [](const char* url) {
    Access access;
    access.server = url;
    return access;
  };
  EXPECT_THAT(error(to("ftp://x")), HasSubstr("https:// is needed"));
  EXPECT_THAT(error(to("https://")), HasSubstr("server: "));
  Access clear = to("http://10.0.0.1");
  clear.token.data = SecretBytes(as_bytes("t"));
  EXPECT_THAT(error(std::move(clear)), HasSubstr("a token is not sent in clear"));
  Access ca = to("https://x");
  ca.ca.data = SecretBytes(as_bytes("no PEM"));
  EXPECT_THAT(error(std::move(ca)), HasSubstr("CA certificate: "));
  Access missing = to("https://x");
  missing.ca.file = "/nowhere/ca.crt";
  EXPECT_THAT(error(std::move(missing)), HasSubstr("/nowhere/ca.crt: No such file"));
}

}  // namespace
}  // namespace espalier::kube
