#include "nodeagent/runtime/pod_service.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/process/clock.h"

namespace espalier::runtime {
namespace {

constexpr std::chrono::seconds kTimeToAsk{10};

void send_answer(int fd, const pods::PodAnswer& answer) {
  // An answer fits in a socket's buffer; who does not take it has gone.
  const std::string line = pods::encode(answer);
  (void)::send(fd, line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

Result<process::Fd> listen_at(const std::string& socket) {
  const auto refused = [&] { return fail(Code::kIo, socket, std::strerror(errno)); };
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.size() >= sizeof address.sun_path) return fail(Code::kInvalid, socket, "too long");
  std::memcpy(address.sun_path, socket.data(), socket.size());
  process::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return refused();
  if (::unlink(socket.c_str()) != 0 && errno != ENOENT) return refused();
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return refused();
  // Nobody can connect before listen().
  if (::chmod(socket.c_str(), 0600) != 0) return refused();
  if (::listen(fd.get(), SOMAXCONN) != 0) return refused();
  return fd;
}

}  // namespace

Result<std::unique_ptr<PodService>> PodService::listen(Loop& loop, std::string socket,
                                                       Judge judge) {
  auto fd = listen_at(socket);
  if (!fd) return forward(fd);
  std::unique_ptr<PodService> made(
      new PodService(loop, std::move(socket), std::move(*fd), std::move(judge)));
  auto watched = loop.add(made->fd_.get(), EPOLLIN,
                          [service = made.get()](std::uint32_t) { service->accept(); });
  if (!watched) return forward(watched);
  return made;
}

PodService::PodService(Loop& loop, std::string socket, process::Fd fd, Judge judge)
    : loop_(loop),
      socket_(std::move(socket)),
      fd_(std::move(fd)),
      judge_(std::move(judge)),
      deadline_(loop.add_deadline([this] { answer_who_waits(); })) {}

PodService::~PodService() {
  for (const auto& [fd, caller] : callers_) loop_.remove(fd);
  loop_.remove(fd_.get());
  loop_.remove_deadline(deadline_);
  (void)::unlink(socket_.c_str());
}

void PodService::accept() {
  process::Fd fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd.valid()) return;
  const int number = fd.get();
  if (!loop_.add(number, EPOLLIN, [this, number](std::uint32_t) { read(number); })) return;
  callers_[number] = {std::move(fd), {}, nullptr, process::monotonic_now() + kTimeToAsk};
  if (callers_.size() >= kMostCallers && loop_.change(fd_.get(), 0)) accepting_ = false;
  arm();
}

void PodService::read(int fd) {
  Caller& caller = callers_.at(fd);
  std::array<char, 4096> part{};
  const ssize_t got = ::recv(fd, part.data(), part.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
  // Who asked and closes, or says more, has no use for an answer.
  if (got <= 0 || caller.asked) return hang_up(fd);
  caller.line.append(part.data(), static_cast<std::size_t>(got));
  if (caller.line.back() != '\n' && caller.line.size() <= pods::kLongestLine) return;

  auto request = pods::decode_request(caller.line);
  if (!request) {
    send_answer(fd, {false, request.error().to_string(), std::nullopt});
    return hang_up(fd);
  }
  const TimePoint now = process::monotonic_now();
  caller.until =
      now + std::min<std::chrono::milliseconds>(request->patience, pods::kLongestPatience);
  caller.asked = std::make_unique<pods::PodRequest>(std::move(*request));
  if (answered(caller, now)) return hang_up(fd);
  arm();
}

bool PodService::answered(const Caller& caller, TimePoint now) {
  const pods::PodAnswer answer = judge_(*caller.asked);
  if (!answer.covered && now < caller.until) return false;
  send_answer(caller.fd.get(), answer);
  return true;
}

void PodService::answer_who_waits() {
  const TimePoint now = process::monotonic_now();
  std::vector<int> over;
  for (const auto& [fd, caller] : callers_) {
    if (caller.asked ? answered(caller, now) : now >= caller.until) over.push_back(fd);
  }
  for (const int fd : over) hang_up(fd);
  arm();
}

void PodService::hang_up(int fd) {
  loop_.remove(fd);
  callers_.erase(fd);
  if (!accepting_ && loop_.change(fd_.get(), EPOLLIN)) accepting_ = true;
}

void PodService::arm() {
  TimePoint at = kNever;
  const TimePoint again = process::monotonic_now() + kAskAgain;
  for (const auto& [fd, caller] : callers_) {
    at = std::min(at, caller.asked ? std::min(caller.until, again) : caller.until);
  }
  loop_.set_deadline(deadline_, at);
}

}  // namespace espalier::runtime
