#include "nodeagent/telemetry/http/responder.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <list>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "nodeagent/telemetry/http/session.h"

namespace espalier::telemetry::http {
namespace {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  [[nodiscard]] sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

Address to_address(const Endpoint& at) {
  Address out;
  if (at.address.is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(at.port);
    std::memcpy(&v4.sin_addr, at.address.bytes().data(), sizeof v4.sin_addr);
    std::memcpy(&out.storage, &v4, sizeof v4);
    out.length = sizeof v4;
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(at.port);
    std::memcpy(&v6.sin6_addr, at.address.bytes().data(), sizeof v6.sin6_addr);
    std::memcpy(&out.storage, &v6, sizeof v6);
    out.length = sizeof v6;
  }
  return out;
}

// The port stands at the same place in both families' addresses.
std::uint16_t port_of(int fd) {
  Address bound;
  bound.length = sizeof bound.storage;
  if (getsockname(fd, bound.get(), &bound.length) != 0) return 0;
  sockaddr_in as_v4{};
  std::memcpy(&as_v4, &bound.storage, sizeof as_v4);
  return ntohs(as_v4.sin_port);
}

Result<Socket> listen_on(const Endpoint& at) {
  Socket socket(::socket(at.address.is_v4() ? AF_INET : AF_INET6,
                         SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return fail(Code::kIo, at.to_string(), std::strerror(errno));
  const int yes = 1;
  const int no = 0;
  setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (!at.address.is_v4()) setsockopt(socket.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
  Address address = to_address(at);
  if (bind(socket.fd(), address.get(), address.length) != 0 ||
      listen(socket.fd(), static_cast<int>(kConnections)) != 0) {
    return fail(errno == EADDRINUSE ? Code::kExists : Code::kIo, at.to_string(),
                std::strerror(errno));
  }
  return socket;
}

}  // namespace

Result<std::unique_ptr<Responder>> Responder::start(const Endpoint& at, Documents documents) {
  auto listener = listen_on(at);
  if (!listener) return forward(listener);
  Socket wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) return fail(Code::kIo, "eventfd", std::strerror(errno));
  const Endpoint bound{at.address, port_of(listener->fd())};
  try {
    return std::unique_ptr<Responder>(
        new Responder(std::move(*listener), std::move(wake), bound, std::move(documents)));
  } catch (const std::exception& thrown) {
    return fail(Code::kIo, at.to_string(), thrown.what());
  }
}

Responder::Responder(Socket listener, Socket wake, Endpoint bound, Documents documents)
    : listener_(std::move(listener)),
      wake_(std::move(wake)),
      bound_(std::move(bound)),
      documents_([documents = std::move(documents)](std::string_view path) -> Reply {
        try {
          return documents(path);
        } catch (const std::exception& thrown) {
          return {500, {}, std::string(thrown.what()) + "\n"};
        }
      }),
      thread_([this] { serve(); }) {}

Responder::~Responder() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t rung = write(wake_.fd(), &one, sizeof one);
  thread_.join();
}

void Responder::serve() {
  using Clock = Session::Clock;
  std::list<Session> sessions;  // the oldest first
  std::vector<pollfd> polled;
  bool accepting = true;  // false for a second after the process ran out of descriptors
  while (true) {
    const short wanted = accepting ? POLLIN : 0;
    polled.assign({{wake_.fd(), POLLIN, 0}, {listener_.fd(), wanted, 0}});
    for (const Session& session : sessions) {
      polled.push_back({session.fd(), session.wanted_events(), 0});
    }
    int timeout = accepting ? -1 : 1000;
    if (!sessions.empty()) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(sessions.front().until() - Clock::now());
      const auto wait = static_cast<int>(std::max<std::int64_t>(left.count(), 0));
      timeout = accepting ? wait : std::min(wait, timeout);
    }
    if (poll(polled.data(), polled.size(), timeout) < 0 && errno != EINTR) return;
    if (polled[0].revents != 0) return;

    std::size_t at = 2;
    const auto now = Clock::now();
    for (auto session = sessions.begin(); session != sessions.end(); ++at) {
      const bool ready = polled[at].revents != 0;
      const bool alive = ready ? session->go_on(documents_) : true;
      session = alive && now < session->until() ? std::next(session) : sessions.erase(session);
    }
    accepting = true;
    if (polled[1].revents != 0) {
      Socket accepted(accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (accepted.valid()) {
        if (sessions.size() >= kConnections) sessions.pop_front();
        sessions.emplace_back(std::move(accepted), Clock::now() + kPatience);
      } else {
        accepting = errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM;
      }
    }
  }
}

}  // namespace espalier::telemetry::http
