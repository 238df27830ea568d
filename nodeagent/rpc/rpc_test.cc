#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "nodeagent/rpc/rpc_server.h"
#include "nodeagent/rpc/socket_path.h"
#include "nodeagent/telemetry/sample.h"
#include "rpc/espalier.grpc.pb.h"

namespace espalier::rpc {
namespace {

namespace fs = std::filesystem;
namespace v1 = agent::v1;
using telemetry::ConnectionState;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Keeps commands until the test answers them.
class Commands final : public CommandSink {
 public:
  void submit(Command command, Answer answer) override {
    const std::lock_guard lock(mutex_);
    commands.push_back(std::move(command));
    answers.push_back(std::move(answer));
    if (commands.size() == expected_) all_there_.set_value();
  }
  void release(ReleaseWish wish, Released answer) override {
    wishes.push_back(wish);
    if (wish.name == "nobody") {
      answer(fail(Code::kNotFound, "", "nothing is named 'nobody'"));
      return;
    }
    ReleaseOutcome outcome;
    outcome.releases = {{wish.name, wish.in_clear, wish.why, telemetry::kSampleNow, {"node2/v4"}}};
    outcome.not_kept = "disk full";
    answer(outcome);
  }
  std::future<void> expect(std::size_t count) {
    expected_ = count;
    return all_there_.get_future();
  }
  std::vector<Command> commands;
  std::vector<ReleaseWish> wishes;
  std::vector<Answer> answers;

 private:
  std::mutex mutex_;
  std::size_t expected_ = 0;
  std::promise<void> all_there_;
};

class FolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "rpc_XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    socket_ = (root_ / "espalier" / "agent.sock").string();
  }
  void TearDown() override { fs::remove_all(root_); }

  static unsigned mode_of(const fs::path& path) {
    struct stat info {};
    EXPECT_EQ(lstat(path.c_str(), &info), 0) << path;
    return info.st_mode & 0777U;
  }
  fs::path root_;
  std::string socket_;
};

class RpcTest : public FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    RpcServer::Options options;
    options.socket = socket_;
    options.patience = std::chrono::milliseconds(1);
    auto server = RpcServer::start(cell_, commands_, options);
    ASSERT_TRUE(server.has_value()) << server.error().to_string();
    server_ = std::move(*server);
    stub_ = v1::Agent::NewStub(
        grpc::CreateChannel("unix://" + socket_, grpc::InsecureChannelCredentials()));
    cell_.publish(std::make_shared<const telemetry::Snapshot>(telemetry::sample_snapshot()));
  }
  void TearDown() override {
    stub_.reset();
    server_.reset();
    FolderTest::TearDown();
  }

  telemetry::SnapshotCell cell_;
  Commands commands_;
  std::unique_ptr<RpcServer> server_;
  std::unique_ptr<v1::Agent::Stub> stub_;
};

TEST_F(RpcTest, TheSocketIsForItsOwnerAlone) {
  EXPECT_EQ(mode_of(fs::path(socket_).parent_path()), 0700U);
  EXPECT_EQ(mode_of(socket_), 0600U);
}

TEST_F(RpcTest, StatusMirrorsTheSnapshot) {
  grpc::ClientContext context;
  v1::StatusResponse response;
  ASSERT_TRUE(stub_->Status(&context, {}, &response).ok());
  EXPECT_EQ(response.agent().node(), "node1");
  EXPECT_TRUE(response.plan().applied());
  ASSERT_EQ(response.connections_size(), 3);
  const v1::Connection& up = response.connections(0);
  EXPECT_EQ(up.state(), "Established");
  EXPECT_EQ(up.ike_sa().spi_i(), "0x1122334455667788");
  EXPECT_EQ(up.children(1).mode(), "Tunnel");
  EXPECT_EQ(up.children(0).in().bytes(), 1'048'576U);
  EXPECT_EQ(up.children(0).rekey_at().seconds(),
            (telemetry::kSampleNow + std::chrono::minutes(24)).time_since_epoch().count());
  EXPECT_FALSE(up.has_last_failure());
  EXPECT_FALSE(up.has_retry_at());
  const v1::Connection& failed = response.connections(1);
  EXPECT_FALSE(failed.has_ike_sa());
  EXPECT_EQ(failed.last_failure().side(), "Local");
  EXPECT_EQ(failed.last_failure().reason(), "UntrustedIssuer");
}

TEST_F(RpcTest, StatusOfOneByAnyOfItsNames) {
  for (const char* name : {"node2/v4", "node2"}) {
    grpc::ClientContext context;
    v1::StatusRequest request;
    request.set_name(name);
    v1::StatusResponse response;
    ASSERT_TRUE(stub_->Status(&context, request, &response).ok());
    ASSERT_EQ(response.connections_size(), 1) << name;
    EXPECT_EQ(response.connections(0).name(), "node2/v4");
  }
  grpc::ClientContext context;
  v1::StatusRequest request;
  request.set_name("nobody");
  v1::StatusResponse response;
  const grpc::Status status = stub_->Status(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("'nobody'"));
}

TEST_F(RpcTest, TrafficStatusHasOneRowPerChildThatCarriesSomething) {
  grpc::ClientContext context;
  v1::TrafficStatusResponse response;
  ASSERT_TRUE(stub_->TrafficStatus(&context, {}, &response).ok());
  ASSERT_EQ(response.children_size(), 2);
  EXPECT_EQ(response.children(0).peer(), "node2");
  EXPECT_EQ(response.children(0).child().out().packets(), 1800U);
  EXPECT_EQ(response.children(0).total_out().bytes(), 4'000'000U);
}

TEST_F(RpcTest, ExplainsAndVerifies) {
  grpc::ClientContext explain_context;
  v1::ExplainRequest request;
  request.set_query("10.244.2.7");
  v1::ExplainResponse explained;
  ASSERT_TRUE(stub_->Explain(&explain_context, request, &explained).ok());
  ASSERT_EQ(explained.explanations_size(), 1);
  EXPECT_EQ(explained.explanations(0).child(), "pods");
  EXPECT_EQ(explained.explanations(0).child_state(), "Up");

  grpc::ClientContext verify_context;
  v1::VerifyResponse verified;
  ASSERT_TRUE(stub_->Verify(&verify_context, {}, &verified).ok());
  EXPECT_EQ(verified.verdict(), "fail") << "node3 is not up";
  EXPECT_EQ(verified.checks(0).name(), "kernel-esp");
}

TEST_F(RpcTest, AReleaseGoesToTheLoopAndItsAnswerBack) {
  grpc::ClientContext context;
  v1::ReleaseRequest request;
  request.set_name("node2");
  request.set_in_clear(true);
  request.set_why("a drill");
  v1::ReleaseResponse response;
  ASSERT_TRUE(stub_->Release(&context, request, &response).ok());
  ASSERT_EQ(commands_.wishes.size(), 1U);
  EXPECT_TRUE(commands_.wishes[0].in_clear);
  EXPECT_FALSE(commands_.wishes[0].end);
  ASSERT_EQ(response.releases_size(), 1);
  EXPECT_EQ(response.releases(0).why(), "a drill");
  EXPECT_EQ(response.releases(0).connections(0), "node2/v4");
  EXPECT_EQ(response.not_kept(), "disk full");
}

TEST_F(RpcTest, AReleaseOfNobodyOrOfSeveralLinesIsRefused) {
  for (const auto& [name, code] : {std::pair("nobody", grpc::StatusCode::NOT_FOUND),
                                   std::pair("node2\tx", grpc::StatusCode::INVALID_ARGUMENT)}) {
    grpc::ClientContext context;
    v1::ReleaseRequest request;
    request.set_name(name);
    v1::ReleaseResponse response;
    EXPECT_EQ(stub_->Release(&context, request, &response).error_code(), code) << name;
  }
}

TEST_F(RpcTest, StatusSaysWhatIsReleased) {
  telemetry::Snapshot snapshot = telemetry::sample_snapshot();
  snapshot.releases = {{"", false, "a drill", telemetry::kSampleNow, {"node2/v4"}}};
  snapshot.connections[0].released = true;
  cell_.publish(std::make_shared<const telemetry::Snapshot>(snapshot));
  grpc::ClientContext context;
  v1::StatusResponse response;
  ASSERT_TRUE(stub_->Status(&context, {}, &response).ok());
  ASSERT_EQ(response.releases_size(), 1);
  EXPECT_EQ(response.releases(0).since().seconds(),
            telemetry::kSampleNow.time_since_epoch().count());
  EXPECT_TRUE(response.connections(0).released());
  EXPECT_FALSE(response.connections(1).released());
}

TEST_F(RpcTest, SaysWhenTheLoopIsSilent) {
  cell_.set_requester([] {});
  grpc::ClientContext context;
  v1::StatusResponse response;
  const grpc::Status status = stub_->Status(&context, {}, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("does not answer"));
}

TEST_F(RpcTest, ACommandIsAnsweredWhenTheLoopHasAnswered) {
  auto arrived = commands_.expect(1);
  v1::CommandResponse response;
  grpc::Status status;
  std::thread client([&] {
    grpc::ClientContext context;
    v1::UpRequest request;
    request.set_name("node3");
    request.set_wait(true);
    request.set_timeout_seconds(7);
    status = stub_->Up(&context, request, &response);
  });
  arrived.get();
  EXPECT_EQ(commands_.commands[0].connection, "node3/v4");
  EXPECT_EQ(commands_.commands[0].kind, CommandKind::kUp);
  EXPECT_EQ(commands_.commands[0].patience, std::chrono::seconds(7));
  CommandOutcome outcome{"node3/v4", ConnectionState::kWaiting, Outcome::kFailed,
                         telemetry::sample_snapshot().connections[1].last_failure};
  commands_.answers[0](outcome);
  client.join();
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.results_size(), 1);
  EXPECT_EQ(response.results(0).outcome(), "Failed");
  EXPECT_EQ(response.results(0).failure().reason(), "UntrustedIssuer");
}

TEST_F(RpcTest, ACommandForAnOwnerGoesToAllOfItsConnections) {
  auto arrived = commands_.expect(2);
  v1::CommandResponse response;
  grpc::Status status;
  std::thread client([&] {
    grpc::ClientContext context;
    v1::DownRequest request;
    request.set_name("cluster");
    status = stub_->Down(&context, request, &response);
  });
  arrived.get();
  EXPECT_EQ(commands_.commands[1].kind, CommandKind::kDown);
  commands_.answers[1](CommandOutcome{"node3/v4", ConnectionState::kDown, Outcome::kTaken, {}});
  commands_.answers[0](fail(Code::kUnavailable, "node2/v4", "the agent ends"));
  client.join();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(status.error_message(), "node2/v4: the agent ends");
}

TEST_F(RpcTest, AnAnswerAfterTheClientWentIsDropped) {
  auto arrived = commands_.expect(1);
  grpc::ClientContext context;
  std::thread client([&] {
    v1::UpRequest request;
    request.set_name("node2");
    v1::CommandResponse response;
    EXPECT_EQ(stub_->Up(&context, request, &response).error_code(), grpc::StatusCode::CANCELLED);
  });
  arrived.get();
  context.TryCancel();
  client.join();
  server_.reset();  // the call is over for the server too
  commands_.answers[0](CommandOutcome{"node2/v4", ConnectionState::kEstablished, {}, {}});
}

TEST_F(RpcTest, ACommandNeedsAName) {
  grpc::ClientContext context;
  v1::CommandResponse response;
  EXPECT_EQ(stub_->Up(&context, {}, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(RpcTest, ASecondAgentDoesNotTakeTheSocket) {
  RpcServer::Options options;
  options.socket = socket_;
  auto second = RpcServer::start(cell_, commands_, options);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, Code::kExists);
}

TEST_F(FolderTest, TakesThePlaceOfADeadAgent) {
  fs::create_directory(root_ / "espalier");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket_.copy(address.sun_path, sizeof address.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  close(fd);
  EXPECT_TRUE(prepare_socket_path(socket_));
}

TEST_F(FolderTest, RefusesUnsafePlaces) {
  EXPECT_EQ(prepare_socket_path("agent.sock").error().code, Code::kInvalid);
  EXPECT_EQ(prepare_socket_path("/" + std::string(200, 'x')).error().code, Code::kInvalid);
  EXPECT_EQ(prepare_socket_path((root_ / "a" / "b" / "c").string()).error().code, Code::kIo);
  fs::create_directory(root_ / "espalier");
  std::ofstream(socket_) << "text";
  EXPECT_EQ(prepare_socket_path(socket_).error().code, Code::kExists);
  fs::remove(socket_);
  ASSERT_EQ(chmod((root_ / "espalier").c_str(), 0777), 0);
  EXPECT_EQ(prepare_socket_path(socket_).error().code, Code::kDenied);
}

}  // namespace
}  // namespace espalier::rpc
