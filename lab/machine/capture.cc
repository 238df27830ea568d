// lab-capture DEVICE FILE: writes every packet that DEVICE hands up to FILE (pcap, microseconds),
// until SIGTERM or SIGINT.
//
// FILE appears once packets are being counted, so a caller waits for it. At the end what the socket
// still holds is written first. Standard output then says "captured=N lost=N"; the status is 1 when
// the kernel lost packets, for a capture with holes proves nothing. The device is made promiscuous:
// on a bridge that shows each forwarded packet once. (tcpdump reads in blocks and may leave the
// last one behind when it is stopped.)

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace {

constexpr std::uint32_t kSnapLength = 262144;
constexpr int kReceiveBuffer = 64 << 20;

struct FileHeader {
  std::uint32_t magic = 0xa1b2c3d4;
  std::uint16_t major = 2;
  std::uint16_t minor = 4;
  std::uint32_t zone = 0;
  std::uint32_t accuracy = 0;
  std::uint32_t snap_length = kSnapLength;
  std::uint32_t link_type = 1;  // Ethernet
};

struct PacketHeader {
  std::uint32_t seconds;
  std::uint32_t microseconds;
  std::uint32_t captured;
  std::uint32_t length;
};

int fail(const char* step) {
  std::fprintf(stderr, "lab-capture: %s: %s\n", step, std::strerror(errno));
  return 1;
}

int open_socket(const char* device) {
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof kReceiveBuffer);
  const int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof on) != 0) return -1;
  packet_mreq promiscuous = {};
  promiscuous.mr_ifindex = static_cast<int>(if_nametoindex(device));
  promiscuous.mr_type = PACKET_MR_PROMISC;
  if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof promiscuous) != 0)
    return -1;
  sockaddr_ll address = {};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = promiscuous.mr_ifindex;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return -1;
  return fd;
}

// Writes one packet; false when there is none.
bool take(int fd, std::FILE* file, std::vector<char>& buffer) {
  iovec vector = {buffer.data(), buffer.size()};
  alignas(cmsghdr) std::array<char, 256> control;
  msghdr message = {};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t length = recvmsg(fd, &message, MSG_TRUNC);
  if (length < 0) return false;
  timeval when = {};
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMP)
      std::memcpy(&when, CMSG_DATA(c), sizeof when);
  }
  const auto whole = static_cast<std::uint32_t>(length);
  const std::uint32_t captured = whole < kSnapLength ? whole : kSnapLength;
  const PacketHeader header = {static_cast<std::uint32_t>(when.tv_sec),
                               static_cast<std::uint32_t>(when.tv_usec), captured, whole};
  std::fwrite(&header, sizeof header, 1, file);
  std::fwrite(buffer.data(), captured, 1, file);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: lab-capture DEVICE FILE\n");
    return 2;
  }
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  sigprocmask(SIG_BLOCK, &ends, nullptr);
  const int end = signalfd(-1, &ends, SFD_CLOEXEC);
  const int fd = open_socket(argv[1]);
  if (fd < 0) return fail(argv[1]);

  const std::string unfinished = std::string(argv[2]) + ".new";
  std::FILE* file = std::fopen(unfinished.c_str(), "we");
  if (file == nullptr) return fail(argv[2]);
  const FileHeader header;
  std::fwrite(&header, sizeof header, 1, file);
  if (std::fflush(file) != 0 || std::rename(unfinished.c_str(), argv[2]) != 0) return fail(argv[2]);

  std::vector<char> buffer(kSnapLength);
  std::uint64_t count = 0;
  for (bool ended = false; !ended;) {
    std::array<pollfd, 2> polls = {pollfd{fd, POLLIN, 0}, pollfd{end, POLLIN, 0}};
    poll(polls.data(), polls.size(), -1);
    ended = polls[1].revents != 0;
    while (take(fd, file, buffer)) ++count;
  }
  tpacket_stats statistics = {};
  socklen_t size = sizeof statistics;
  getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &size);
  if (std::fclose(file) != 0) return fail(argv[2]);
  std::printf("captured=%llu lost=%u\n", static_cast<unsigned long long>(count),
              statistics.tp_drops);
  return statistics.tp_drops == 0 ? 0 : 1;
}
