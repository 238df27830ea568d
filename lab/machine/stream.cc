// A stream of numbered UDP packets, to count what a change under traffic loses.
//
//   lab-stream send ADDRESS PORT RATE [COUNT [SIZE]]   sends RATE packets a second until SIGTERM or
//   COUNT (0: no end) lab-stream receive PORT [FILE]                     receives until SIGTERM;
//   FILE appears once it listens
//
// The sender ends with "sent=N refused=N" (refused: the kernel gave an error, for example because a
// policy has no SA; the number is used up all the same), the receiver with "received=N duplicates=N
// reordered=N last=N gap=N gap_at=N": distinct numbers; packets that came again; packets behind a
// higher number; the highest number; the longest run of missing numbers below it and where that
// begins. Every packet holds the text "espalier clear text", so that a search of a capture shows
// what went unencrypted.

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace {

constexpr char kText[] = "espalier clear text";
constexpr std::size_t kHead = sizeof(std::uint64_t);
constexpr int kReceiveBuffer = 32 << 20;
constexpr std::uint64_t kMost = 100'000'000;

int fail(const char* step) {
  std::fprintf(stderr, "lab-stream: %s: %s\n", step, std::strerror(errno));
  return 1;
}

int open_end() {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  sigprocmask(SIG_BLOCK, &ends, nullptr);
  return signalfd(-1, &ends, SFD_CLOEXEC);
}

struct Address {
  sockaddr_storage storage = {};
  socklen_t size = 0;
};

bool parse_address(const char* text, std::uint16_t port, Address& to) {
  sockaddr_in v4 = {};
  sockaddr_in6 v6 = {};
  if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    to.size = sizeof v4;
    std::memcpy(&to.storage, &v4, sizeof v4);
    return true;
  }
  if (inet_pton(AF_INET6, text, &v6.sin6_addr) != 1) return false;
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  to.size = sizeof v6;
  std::memcpy(&to.storage, &v6, sizeof v6);
  return true;
}

int send_stream(const char* address, std::uint16_t port, std::uint64_t rate, std::uint64_t count,
                std::size_t size) {
  Address to;
  if (!parse_address(address, port, to)) return fail(address);
  const int fd = socket(to.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail("socket");

  const int end = open_end();
  const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
  itimerspec period = {};
  period.it_interval.tv_sec = static_cast<time_t>(1 / rate);
  period.it_interval.tv_nsec = static_cast<long>(1'000'000'000 / rate % 1'000'000'000);
  period.it_value = period.it_interval;
  timerfd_settime(timer, 0, &period, nullptr);

  std::vector<char> packet(std::max(size, kHead + sizeof kText), '.');
  std::memcpy(packet.data() + kHead, kText, sizeof kText - 1);
  std::uint64_t sent = 0;
  std::uint64_t refused = 0;
  while (count == 0 || sent < count) {
    std::array<pollfd, 2> polls = {pollfd{timer, POLLIN, 0}, pollfd{end, POLLIN, 0}};
    poll(polls.data(), polls.size(), -1);
    if (polls[1].revents != 0) break;
    std::uint64_t due = 0;
    if (read(timer, &due, sizeof due) != sizeof due) continue;
    // A late sender catches up, but not in one burst that fills queues.
    for (due = std::min<std::uint64_t>(due, 16); due > 0 && (count == 0 || sent < count); --due) {
      std::memcpy(packet.data(), &sent, kHead);
      if (sendto(fd, packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&to.storage),
                 to.size) < 0)
        ++refused;
      ++sent;
    }
  }
  std::printf("sent=%llu refused=%llu\n", static_cast<unsigned long long>(sent),
              static_cast<unsigned long long>(refused));
  return 0;
}

int receive_stream(std::uint16_t port, const char* ready) {
  const int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail("socket");
  const int off = 0;
  setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof kReceiveBuffer);
  sockaddr_in6 any = {};
  any.sin6_family = AF_INET6;
  any.sin6_port = htons(port);
  if (bind(fd, reinterpret_cast<sockaddr*>(&any), sizeof any) != 0) return fail("bind");
  const int end = open_end();
  if (ready != nullptr) close(open(ready, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));

  std::vector<bool> seen;
  std::uint64_t received = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t reordered = 0;
  std::array<char, 65536> packet;
  for (bool ended = false; !ended;) {
    std::array<pollfd, 2> polls = {pollfd{fd, POLLIN, 0}, pollfd{end, POLLIN, 0}};
    poll(polls.data(), polls.size(), -1);
    ended = polls[1].revents != 0;
    for (ssize_t got = 0; (got = recv(fd, packet.data(), packet.size(), 0)) >= 0;) {
      std::uint64_t number = 0;
      if (static_cast<std::size_t>(got) < kHead + sizeof kText - 1 ||
          std::memcmp(packet.data() + kHead, kText, sizeof kText - 1) != 0)
        continue;
      std::memcpy(&number, packet.data(), kHead);
      if (number >= kMost) continue;
      if (number >= seen.size())
        seen.resize(number + 1);
      else if (!seen[number])
        ++reordered;
      if (seen[number])
        ++duplicates;
      else
        ++received;
      seen[number] = true;
    }
  }
  std::uint64_t gap = 0;
  std::uint64_t gap_at = 0;
  std::uint64_t run = 0;
  for (std::uint64_t i = 0; i < seen.size(); ++i) {
    run = seen[i] ? 0 : run + 1;
    if (run > gap) {
      gap = run;
      gap_at = i + 1 - run;
    }
  }
  std::printf("received=%llu duplicates=%llu reordered=%llu last=%lld gap=%llu gap_at=%llu\n",
              static_cast<unsigned long long>(received),
              static_cast<unsigned long long>(duplicates),
              static_cast<unsigned long long>(reordered), static_cast<long long>(seen.size()) - 1,
              static_cast<unsigned long long>(gap), static_cast<unsigned long long>(gap_at));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  const auto number = [&](int i, std::uint64_t otherwise) {
    return argc > i ? std::strtoull(argv[i], nullptr, 10) : otherwise;
  };
  if (what == "send" && argc >= 5 && number(4, 0) > 0) {
    return send_stream(argv[2], static_cast<std::uint16_t>(number(3, 0)), number(4, 0),
                       number(5, 0), static_cast<std::size_t>(number(6, 64)));
  }
  if (what == "receive" && argc >= 3)
    return receive_stream(static_cast<std::uint16_t>(number(2, 0)), argc > 3 ? argv[3] : nullptr);
  std::fprintf(
      stderr,
      "usage: lab-stream send ADDRESS PORT RATE [COUNT [SIZE]] | lab-stream receive PORT [FILE]\n");
  return 2;
}
