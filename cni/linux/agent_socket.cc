#include "cni/linux/agent_socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/process/clock.h"
#include "base/process/fd.h"

namespace espalier::cni {
namespace {

tl::unexpected<Error> away(const std::string& socket, const char* why) {
  return fail(Code::kUnavailable, socket, std::string("the agent does not answer: ") + why);
}

std::chrono::milliseconds left_until(TimePoint deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - process::monotonic_now());
  return std::max(left, std::chrono::milliseconds(0));
}

// A connection that is full of others' (its backlog) is waited for, too.
Result<process::Fd> connect_to(const std::string& socket, TimePoint deadline) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.size() >= sizeof address.sun_path) return fail(Code::kInvalid, socket, "too long");
  std::memcpy(address.sun_path, socket.data(), socket.size());
  process::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return fail(Code::kIo, socket, std::strerror(errno));
  const auto left = std::max(left_until(deadline), std::chrono::milliseconds(1));
  const timeval bound{left.count() / 1000, (left.count() % 1000) * 1000};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof bound);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return away(socket, std::strerror(errno));
  }
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
      (peer.uid != 0 && peer.uid != ::geteuid())) {
    return fail(Code::kDenied, socket, "somebody else than root listens there");
  }
  return fd;
}

// An agent that is replaced by another is away for a moment.
Result<process::Fd> reach(const std::string& socket, TimePoint patient_until, TimePoint deadline) {
  while (true) {
    auto fd = connect_to(socket, deadline);
    if (fd || fd.error().code != Code::kUnavailable || process::monotonic_now() >= patient_until)
      return fd;
    (void)::poll(nullptr, 0, 100);
  }
}

Status send_all(int fd, const std::string& socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return away(socket, std::strerror(errno));
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

Result<std::string> read_line(int fd, const std::string& socket, TimePoint deadline) {
  std::string line;
  std::array<char, 4096> part{};
  while (line.size() <= pods::kLongestLine) {
    pollfd waiting{fd, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(left_until(deadline).count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return away(socket, std::strerror(errno));
    if (ready == 0) return away(socket, "time is up");
    const ssize_t got = ::recv(fd, part.data(), part.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) return away(socket, std::strerror(errno));
    if (got == 0) return away(socket, "it closed the connection");
    line.append(part.data(), static_cast<std::size_t>(got));
    if (line.back() == '\n') return line;
  }
  return fail(Code::kInvalid, socket, "an answer that is too long");
}

}  // namespace

Result<pods::PodAnswer> AgentSocket::ask(const std::string& socket,
                                         const pods::PodRequest& request) {
  const TimePoint deadline = process::monotonic_now() + request.patience + kAnswerTime;
  auto fd = reach(socket, deadline - kAnswerTime, deadline);
  if (!fd) return forward(fd);
  if (auto sent = send_all(fd->get(), socket, pods::encode(request)); !sent) return forward(sent);
  auto line = read_line(fd->get(), socket, deadline);
  if (!line) return forward(line);
  auto answer = pods::decode_answer(*line);
  if (!answer) return within(socket, answer);
  return answer;
}

}  // namespace espalier::cni
