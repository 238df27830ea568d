#include "nodeagent/telemetry/http/session.h"

#include <array>
#include <cerrno>

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include "nodeagent/telemetry/http/request.h"

namespace espalier::telemetry::http {
namespace {

const char* phrase_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return "Internal Server Error";
  }
}

bool would_wait() {
  return errno == EAGAIN || errno == EINTR;
}

}  // namespace

short Session::wanted_events() const {
  return stage_ == Stage::kWriting ? POLLOUT : POLLIN;
}

bool Session::go_on(const Responder::Documents& documents) {
  switch (stage_) {
    case Stage::kReading:
      return read_head(documents);
    case Stage::kWriting:
      return write_answer();
    case Stage::kDraining:
      return drain();
  }
  return false;
}

bool Session::read_head(const Responder::Documents& documents) {
  std::array<char, 2048> buffer{};
  const ssize_t count = recv(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (count == 0) return false;
  if (count < 0) return would_wait();
  received_.append(buffer.data(), static_cast<std::size_t>(count));
  const auto end = end_of_head(received_);
  if (!end) {
    if (received_.size() <= kMaxHead) return true;
    answer({431, {}, "the request is too long\n"}, true);
    return write_answer();
  }
  const auto request = parse_head(std::string_view(received_).substr(0, *end));
  if (!request) {
    answer({400, {}, "this is no HTTP request\n"}, true);
  } else if (request->method == Method::kOther) {
    answer({405, {}, "only GET and HEAD are served\n"}, true);
  } else {
    answer(documents(request->path), request->method == Method::kGet);
  }
  return write_answer();
}

void Session::answer(const Reply& reply, bool with_body) {
  stage_ = Stage::kWriting;
  received_.clear();
  answer_ = fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n"
      "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n{}Connection: close\r\n\r\n",
      reply.status, phrase_of(reply.status),
      reply.type.empty() ? "text/plain; charset=utf-8" : reply.type, reply.body.size(),
      reply.status == 405 ? "Allow: GET, HEAD\r\n" : "");
  if (with_body) answer_ += reply.body;
}

bool Session::write_answer() {
  while (written_ < answer_.size()) {
    const ssize_t count = send(fd(), answer_.data() + written_, answer_.size() - written_,
                               MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0) return would_wait();
    written_ += static_cast<std::size_t>(count);
  }
  std::string().swap(answer_);
  shutdown(fd(), SHUT_WR);
  stage_ = Stage::kDraining;
  return true;
}

bool Session::drain() {
  std::array<char, 2048> buffer{};
  const ssize_t count = recv(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  return count > 0 || (count < 0 && would_wait());
}

}  // namespace espalier::telemetry::http
