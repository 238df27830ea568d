#include "kube/cpprest/scripted_server.h"

#include <algorithm>
#include <cstdio>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace espalier::kube {

std::string ScriptedServer::Connection::read_request() {
  const auto fill = [this] {
    char bytes[4096];
    const auto count = ::recv(socket_, bytes, sizeof bytes, 0);
    if (count > 0) unread_.append(bytes, static_cast<std::size_t>(count));
    return count > 0;
  };
  std::size_t head = 0;
  while ((head = unread_.find("\r\n\r\n")) == std::string::npos) {
    if (!fill()) return {};
  }
  std::size_t size = head + 4;
  const auto at = unread_.find("Content-Length:");
  if (at < head) size += std::stoul(unread_.substr(at + 15));
  while (unread_.size() < size) {
    if (!fill()) return {};
  }
  std::string request = unread_.substr(0, size);
  unread_.erase(0, size);
  return request;
}

void ScriptedServer::Connection::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void ScriptedServer::Connection::write_chunk(std::string_view bytes) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
  write(std::string(size) + std::string(bytes) + "\r\n");
}

std::size_t ScriptedServer::Connection::flood(std::size_t most) {
  const std::string block(std::size_t{64} << 10U, 'x');
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", block.size());
  const std::string chunk = size + block + "\r\n";
  std::size_t sent = 0;
  while (sent < most) {
    pollfd waiting{socket_, POLLOUT, 0};
    if (::poll(&waiting, 1, 300) <= 0) break;
    const std::size_t at = sent % chunk.size();
    const auto count =
        ::send(socket_, chunk.data() + at, chunk.size() - at, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count <= 0) break;
    sent += static_cast<std::size_t>(count);
  }
  return sent;
}

void ScriptedServer::Connection::wait_for_close() {
  char byte = 0;
  while (::recv(socket_, &byte, 1, 0) > 0) {
  }
}

void ScriptedServer::Connection::reset() {
  const linger at_once{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

ScriptedServer::ScriptedServer(Script script, bool ipv6)
    : script_(std::move(script)),
      ipv6_(ipv6),
      listener_(::socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_addr = in6addr_loopback;
  const auto* address =
      ipv6 ? reinterpret_cast<const sockaddr*>(&v6) : reinterpret_cast<const sockaddr*>(&v4);
  ::bind(listener_, address, ipv6 ? sizeof v6 : sizeof v4);
  ::listen(listener_, 16);
  acceptor_ = std::thread([this] { accept_all(); });
}

ScriptedServer::~ScriptedServer() {
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard lock(mutex_);  // no thread is added any more
    for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
  }
  for (auto& thread : threads_) thread.join();
  ::close(listener_);
}

std::string ScriptedServer::url() const {
  sockaddr_in6 address{};
  socklen_t size = sizeof address;
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  return std::string(ipv6_ ? "http://[::1]:" : "http://127.0.0.1:") +
         std::to_string(ntohs(address.sin6_port));
}

void ScriptedServer::accept_all() {
  for (;;) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    const std::lock_guard lock(mutex_);
    sockets_.push_back(socket);
    threads_.emplace_back([this, socket] {
      Connection connection(socket);
      script_(connection);
      // With a linger of zero seconds that is a reset, else an ordinary end. The number stays ours.
      const std::lock_guard closing(mutex_);
      sockets_.erase(std::find(sockets_.begin(), sockets_.end(), socket));
      ::close(socket);
    });
  }
}

std::string http_answer(int status, std::string_view body, std::string_view more_headers) {
  return "HTTP/1.1 " + std::to_string(status) + " Whatever\r\n" + std::string(more_headers) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

std::string chunked_head(int status) {
  return "HTTP/1.1 " + std::to_string(status) + " OK\r\nTransfer-Encoding: chunked\r\n\r\n";
}

}  // namespace espalier::kube
