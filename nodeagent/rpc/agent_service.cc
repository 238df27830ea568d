#include "nodeagent/rpc/agent_service.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "nodeagent/rpc/messages.h"
#include "nodeagent/telemetry/explain.h"
#include "nodeagent/telemetry/health.h"

namespace espalier::rpc {
namespace {

namespace v1 = agent::v1;

constexpr std::uint32_t kDefaultWaitSeconds = 30;
constexpr std::uint32_t kLongestWaitSeconds = 600;

grpc::Status no_answer() {
  return {grpc::StatusCode::UNAVAILABLE, "the agent runs, but its loop does not answer"};
}

grpc::Status no_such(const std::string& name) {
  return {grpc::StatusCode::NOT_FOUND, "no connection, peer or owner is named '" + name + "'"};
}

grpc::StatusCode code_of(Code code) {
  switch (code) {
    case Code::kInvalid:
    case Code::kTruncated:
      return grpc::StatusCode::INVALID_ARGUMENT;
    case Code::kUnsupported:
      return grpc::StatusCode::UNIMPLEMENTED;
    case Code::kNotFound:
      return grpc::StatusCode::NOT_FOUND;
    case Code::kExists:
      return grpc::StatusCode::ALREADY_EXISTS;
    case Code::kDenied:
      return grpc::StatusCode::PERMISSION_DENIED;
    case Code::kUnavailable:
      return grpc::StatusCode::UNAVAILABLE;
    case Code::kCrypto:
    case Code::kKernel:
    case Code::kIo:
    case Code::kInternal:
      return grpc::StatusCode::INTERNAL;
  }
  return grpc::StatusCode::INTERNAL;
}

AgentService::Reactor* finished(AgentService::Context* context, grpc::Status status) {
  AgentService::Reactor* reactor = context->DefaultReactor();
  reactor->Finish(std::move(status));
  return reactor;
}

// Gathers the answers that one call waits for: `missing` of them, each told by `answer()`.
template <typename Response, typename Outcome>
class AnswersReactor final : public grpc::ServerUnaryReactor {
 public:
  using Fill = void (*)(Response& response, const Outcome& outcome);
  AnswersReactor(Response* response, std::size_t missing, Fill fill)
      : shared_(std::make_shared<Shared>()) {
    shared_->reactor = this;
    shared_->response = response;
    shared_->missing = missing;
    shared_->fill = fill;
  }

  [[nodiscard]] std::function<void(Result<Outcome>)> answer() {
    return [shared = shared_](Result<Outcome> outcome) {
      AnswersReactor* complete = nullptr;
      grpc::Status status;
      {
        const std::lock_guard lock(shared->mutex);
        if (shared->reactor == nullptr) return;
        if (outcome) {
          shared->fill(*shared->response, *outcome);
        } else if (!std::exchange(shared->failed, true)) {
          shared->error = std::move(outcome.error());
        }
        if (--shared->missing > 0) return;
        complete = std::exchange(shared->reactor, nullptr);
        if (shared->failed) status = {code_of(shared->error.code), shared->error.to_string()};
      }
      complete->Finish(std::move(status));
    };
  }

  void OnCancel() override {
    {
      const std::lock_guard lock(shared_->mutex);
      if (std::exchange(shared_->reactor, nullptr) == nullptr) return;
    }
    Finish(grpc::Status::CANCELLED);
  }
  void OnDone() override { delete this; }

 private:
  // Survives the reactor, so that an answer that comes after the client went finds nobody.
  struct Shared {
    std::mutex mutex;
    AnswersReactor* reactor = nullptr;  // null: finished
    Response* response = nullptr;
    std::size_t missing = 0;
    Fill fill = nullptr;
    Error error;  // of the first answer that was one
    bool failed = false;
  };
  std::shared_ptr<Shared> shared_;
};

using CommandReactor = AnswersReactor<v1::CommandResponse, CommandOutcome>;
using ReleaseReactor = AnswersReactor<v1::ReleaseResponse, ReleaseOutcome>;

constexpr std::size_t kLongestText = 200;  // of names and reasons that are kept

bool is_plain(const std::string& text) {
  return text.size() <= kLongestText && std::none_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

}  // namespace

AgentService::Reactor* AgentService::Status(Context* context, const v1::StatusRequest* request,
                                            v1::StatusResponse* response) {
  const auto snapshot = cell_.fresh(patience_);
  if (!snapshot) return finished(context, no_answer());
  fill(*response, *snapshot, request->name());
  if (!request->name().empty() && response->connections().empty()) {
    return finished(context, no_such(request->name()));
  }
  return finished(context, grpc::Status::OK);
}

AgentService::Reactor* AgentService::TrafficStatus(Context* context,
                                                   const v1::TrafficStatusRequest* request,
                                                   v1::TrafficStatusResponse* response) {
  const auto snapshot = cell_.fresh(patience_);
  if (!snapshot) return finished(context, no_answer());
  fill(*response, *snapshot, request->name());
  const bool known =
      std::any_of(snapshot->connections.begin(), snapshot->connections.end(),
                  [&](const auto& connection) { return is_meant(connection, request->name()); });
  if (!known && !request->name().empty()) return finished(context, no_such(request->name()));
  return finished(context, grpc::Status::OK);
}

AgentService::Reactor* AgentService::Explain(Context* context, const v1::ExplainRequest* request,
                                             v1::ExplainResponse* response) {
  if (request->query().empty()) {
    return finished(context, {grpc::StatusCode::INVALID_ARGUMENT, "name an address or a name"});
  }
  const auto snapshot = cell_.fresh(patience_);
  if (!snapshot) return finished(context, no_answer());
  fill(*response, telemetry::explain(*snapshot, request->query()));
  const bool is_address = IpAddress::parse(request->query()).has_value();
  if (response->explanations().empty() && !is_address) {
    return finished(context, no_such(request->query()));
  }
  return finished(context, grpc::Status::OK);
}

AgentService::Reactor* AgentService::Verify(Context* context, const v1::VerifyRequest*,
                                            v1::VerifyResponse* response) {
  const auto snapshot = cell_.fresh(patience_);
  if (!snapshot) return finished(context, no_answer());
  fill(*response, telemetry::verify(*snapshot, snapshot->at));
  return finished(context, grpc::Status::OK);
}

AgentService::Reactor* AgentService::Up(Context* context, const v1::UpRequest* request,
                                        v1::CommandResponse* response) {
  return command(context, CommandKind::kUp, request->name(), request->wait(),
                 request->timeout_seconds(), response);
}

AgentService::Reactor* AgentService::Down(Context* context, const v1::DownRequest* request,
                                          v1::CommandResponse* response) {
  return command(context, CommandKind::kDown, request->name(), request->wait(),
                 request->timeout_seconds(), response);
}

AgentService::Reactor* AgentService::Release(Context* context, const v1::ReleaseRequest* request,
                                             v1::ReleaseResponse* response) {
  if (!is_plain(request->name()) || !is_plain(request->why())) {
    return finished(context, {grpc::StatusCode::INVALID_ARGUMENT,
                              "a name and a reason are at most 200 octets of one line"});
  }
  auto* reactor = new ReleaseReactor(
      response, 1,
      [](v1::ReleaseResponse& all, const ReleaseOutcome& outcome) { fill(all, outcome); });
  commands_.release({request->name(), request->end(), request->in_clear(), request->why()},
                    reactor->answer());
  return reactor;
}

AgentService::Reactor* AgentService::command(Context* context, CommandKind kind,
                                             const std::string& name, bool wait,
                                             std::uint32_t timeout_seconds,
                                             v1::CommandResponse* response) {
  if (name.empty()) {
    return finished(context,
                    {grpc::StatusCode::INVALID_ARGUMENT, "name a connection, a peer or an owner"});
  }
  const auto snapshot = cell_.fresh(patience_);
  if (!snapshot) return finished(context, no_answer());
  std::vector<std::string> names;
  for (const auto& connection : snapshot->connections) {
    if (is_meant(connection, name)) names.push_back(connection.name);
  }
  if (names.empty()) return finished(context, no_such(name));
  const std::uint32_t seconds =
      std::min(timeout_seconds == 0 ? kDefaultWaitSeconds : timeout_seconds, kLongestWaitSeconds);
  auto* reactor = new CommandReactor(response, names.size(),
                                     [](v1::CommandResponse& all, const CommandOutcome& outcome) {
                                       fill(*all.add_results(), outcome);
                                     });
  // All answers may come before the last submit() returns, and the reactor be gone then.
  std::vector<CommandSink::Answer> answers;
  for (std::size_t i = 0; i < names.size(); ++i) answers.push_back(reactor->answer());
  for (std::size_t i = 0; i < names.size(); ++i) {
    commands_.submit({kind, names[i], wait, std::chrono::seconds(seconds)}, std::move(answers[i]));
  }
  return reactor;
}

}  // namespace espalier::rpc
