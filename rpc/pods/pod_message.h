// PodRequest, PodAnswer: what espalier-cni asks the agent of its node, and what it is told.
//
// Each is one line of JSON on a unix stream socket; one request and its answer per connection. The
// plugin is a static program that runs once per pod, so this is no gRPC (docs/adr/018).
//
// Guarantees: decode_…(encode(x)) is x; decoding never crashes, and its error names the field.
// Version rule: fields are added, never changed; what a side does not know it leaves aside.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/result.h"

namespace espalier::pods {

// A line that is longer is refused, both ways; octets.
inline constexpr std::size_t kLongestLine = 64 * 1024;

// The file beside the agent's socket that is there while Espalier is taken off the node: who holds
// pods there lets go.
[[nodiscard]] std::string leaving_mark(const std::string& socket);

enum class Ask : std::uint8_t {
  kCover,   // waits until the pod is covered
  kStatus,  // waits until kCover can be answered: a plan is in force
};

// A pod as a container runtime knows it before it starts. The names are empty for a container that
// is no pod of Kubernetes.
struct Pod {
  std::string ns;
  std::string name;
  std::string container_id;
  std::vector<IpAddress> addresses;  // of its interface; not empty with kCover

  [[nodiscard]] std::string to_string() const;  // "shop/web-0 (10.244.1.7)"
  friend bool operator==(const Pod&, const Pod&) = default;
};

struct PodRequest {
  Ask ask = Ask::kCover;
  Pod pod;
  std::chrono::milliseconds patience{0};  // how long the agent may wait; at most kLongestPatience

  friend bool operator==(const PodRequest&, const PodRequest&) = default;
};
inline constexpr std::chrono::minutes kLongestPatience{10};

inline constexpr std::uint32_t kLeastMtu = 1280;  // RFC 8200 section 5
inline constexpr std::uint32_t kLargestMtu = 65535;

// What a pod's link may carry, in octets of IP packets.
struct LinkMtu {
  // No packet of this length or less is cut by ESP on the way to another node; from
  // kLeastMtu to kLargestMtu.
  std::uint32_t most = 0;
  // To be taken off the link's own MTU besides: where pod packets travel inside node packets, only
  // the network plugin that made the link knows what that wrapping takes.
  std::uint32_t reserve = 0;

  friend bool operator==(const LinkMtu&, const LinkMtu&) = default;
};

struct PodAnswer {
  bool covered = false;
  std::string reason;          // when not covered: why, for people
  std::optional<LinkMtu> mtu;  // nullopt: leave the link as it is

  friend bool operator==(const PodAnswer&, const PodAnswer&) = default;
};

// One line, newline included. Octets that are no UTF-8 are replaced.
[[nodiscard]] std::string encode(const PodRequest& request);
[[nodiscard]] std::string encode(const PodAnswer& answer);

// `line` with or without its newline.
[[nodiscard]] Result<PodRequest> decode_request(std::string_view line);
[[nodiscard]] Result<PodAnswer> decode_answer(std::string_view line);

}  // namespace espalier::pods
