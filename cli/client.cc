#include "cli/client.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <grpcpp/create_channel.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace espalier::cli {
namespace {

namespace v1 = agent::v1;

// Why nobody can be reached there; empty: somebody listens.
std::string why_not_there(const std::string& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.empty() || socket.size() >= sizeof address.sun_path) {
    return "that is no path of a socket";
  }
  std::memcpy(address.sun_path, socket.data(), socket.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::strerror(errno);
  const int connected = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = connected == 0 ? 0 : errno;
  ::close(fd);
  switch (error) {
    case 0:
      return "";
    case ENOENT:
    case ENOTDIR:
      return "there is no such socket. Does espalier-agent run on this node? (--socket names "
             "another place)";
    case ECONNREFUSED:
      return "nobody listens there: the agent has ended, or is about to start";
    case EACCES:
    case EPERM:
      return "you may not open it: run as root, or as the agent's user";
    default:
      return std::strerror(error);
  }
}

ExitStatus exit_status_of(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::NOT_FOUND:
      return kNoSuchName;
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return kTimedOut;
    case grpc::StatusCode::UNAVAILABLE:
      return kNoAgent;
    default:
      return kAgentError;
  }
}

}  // namespace

Answer<Client> Client::connect(const std::string& socket, std::chrono::seconds patience) {
  const std::string problem = why_not_there(socket);
  if (!problem.empty()) {
    return tl::unexpected(Refusal{kNoAgent, "no agent at " + socket + ": " + problem});
  }
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);  // a status may have thousands of connections
  auto channel =
      grpc::CreateCustomChannel("unix:" + socket, grpc::InsecureChannelCredentials(), arguments);
  return Client(v1::Agent::NewStub(channel), patience);
}

template <typename Request, typename Response>
Answer<Response> Client::call(Method<Request, Response> method, const Request& request,
                              std::chrono::seconds longest) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + longest);
  Response response;
  const grpc::Status status = (stub_.get()->*method)(&context, request, &response);
  if (status.ok()) return response;
  std::string sentence = status.error_message();
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    sentence = "the agent did not answer within " + std::to_string(longest.count()) + " s";
  } else if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    sentence = "the agent is too old for this question: " + sentence;
  }
  return tl::unexpected(Refusal{exit_status_of(status.error_code()), std::move(sentence)});
}

Answer<v1::StatusResponse> Client::status(const std::string& name) {
  v1::StatusRequest request;
  request.set_name(name);
  return call(&v1::Agent::Stub::Status, request, patience_);
}

Answer<v1::TrafficStatusResponse> Client::traffic_status(const std::string& name) {
  v1::TrafficStatusRequest request;
  request.set_name(name);
  return call(&v1::Agent::Stub::TrafficStatus, request, patience_);
}

Answer<v1::ExplainResponse> Client::explain(const std::string& query) {
  v1::ExplainRequest request;
  request.set_query(query);
  return call(&v1::Agent::Stub::Explain, request, patience_);
}

Answer<v1::VerifyResponse> Client::verify() {
  return call(&v1::Agent::Stub::Verify, v1::VerifyRequest(), patience_);
}

Answer<v1::CommandResponse> Client::up(const Wish& wish) {
  v1::UpRequest request;
  request.set_name(wish.name);
  request.set_wait(wish.wait);
  request.set_timeout_seconds(static_cast<std::uint32_t>(wish.timeout.count()));
  return call(&v1::Agent::Stub::Up, request,
              patience_ + (wish.wait ? wish.timeout : std::chrono::seconds(0)));
}

Answer<v1::CommandResponse> Client::down(const Wish& wish) {
  v1::DownRequest request;
  request.set_name(wish.name);
  request.set_wait(wish.wait);
  request.set_timeout_seconds(static_cast<std::uint32_t>(wish.timeout.count()));
  return call(&v1::Agent::Stub::Down, request,
              patience_ + (wish.wait ? wish.timeout : std::chrono::seconds(0)));
}

Answer<v1::ReleaseResponse> Client::release(const ReleaseWish& wish) {
  v1::ReleaseRequest request;
  request.set_name(wish.name);
  request.set_end(wish.end);
  request.set_in_clear(wish.in_clear);
  request.set_why(wish.why);
  return call(&v1::Agent::Stub::Release, request, patience_);
}

}  // namespace espalier::cli
