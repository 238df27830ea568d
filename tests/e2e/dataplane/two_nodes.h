// TwoNodes: two nodes as network namespaces, joined by a bridge in a third, where the wire is read.
//
// Assumption: runs as root; made for a lab machine, where nothing else is disturbed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "nodeagent/dataplane/xfrm/xfrm_events.h"
#include "nodeagent/dataplane/xfrm/xfrm_ipsec.h"

namespace espalier::dataplane::lab {

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd = -1) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor();
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

// Waits until something can be read.
[[nodiscard]] bool readable(int fd, int milliseconds);

class Namespace {
 public:
  Namespace();  // a new one, entered; lo is up
  void enter() const;
  [[nodiscard]] std::string path() const;
  // Runs a command line by the shell inside; its standard output.
  std::string run(const std::string& command) const;

 private:
  FileDescriptor fd_;
};

// What crossed the wire since the last look.
struct Crossed {
  int esp = 0;
  int esp_in_udp = 0;  // UDP port 4500 without the marker of IKE
  int clear = 0;       // TCP, UDP and ICMP
};

class Wire {
 public:
  explicit Wire(int ifindex);
  [[nodiscard]] Crossed look();
  // The last ESP frame that crossed, as it was.
  [[nodiscard]] const std::vector<std::uint8_t>& last_esp() const { return last_esp_; }
  void inject(const std::vector<std::uint8_t>& frame) const;

 private:
  FileDescriptor fd_;
  std::vector<std::uint8_t> last_esp_;
};

struct Node {
  Namespace netns;
  std::unique_ptr<xfrm::XfrmIpsec> kernel;
  std::unique_ptr<xfrm::XfrmEvents> events;

  // Opened inside; bound to the address and port (0: any).
  [[nodiscard]] FileDescriptor udp_socket(const IpAddress& address, std::uint16_t port = 0) const;
  // The next event of a kind; nullopt when none came in time.
  template <typename Event>
  [[nodiscard]] std::optional<Event> next(int milliseconds = 3000) {
    while (true) {
      while (!waiting_.empty()) {
        auto event = std::move(waiting_.front());
        waiting_.erase(waiting_.begin());
        if (auto* wanted = std::get_if<Event>(&event)) return std::move(*wanted);
      }
      if (!readable(events->fd(), milliseconds) || !events->read(waiting_)) return std::nullopt;
    }
  }
  // Everything that waits now.
  [[nodiscard]] std::vector<KernelEvent> all_events();

 private:
  std::vector<KernelEvent> waiting_;
};

class TwoNodes {
 public:
  TwoNodes();

  // 10.9.0.1 and .2, fd09::1 and ::2; behind them 10.1.1.1 and 10.1.2.1, fd01:1::1 and fd01:2::1.
  [[nodiscard]] static IpAddress node_address(IpFamily family, int node);
  [[nodiscard]] static IpAddress pod_address(IpFamily family, int node);

  Namespace wire_netns;  // first: the nodes' links end here
  Node a;
  Node b;
  [[nodiscard]] Wire& wire() { return *wire_; }

  // Sends from one socket to where the other is bound, and whether it arrived there, in time.
  [[nodiscard]] static bool arrives(const FileDescriptor& from, const FileDescriptor& to,
                                    const Endpoint& destination, int milliseconds = 2000,
                                    std::size_t size = 8);

 private:
  std::unique_ptr<Wire> wire_;
};

}  // namespace espalier::dataplane::lab
