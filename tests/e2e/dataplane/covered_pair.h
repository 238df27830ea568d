// What most tests here begin with: a pair of nodes whose traffic is required to go by ESP.
#pragma once

#include <cstdint>
#include <vector>

#include "nodeagent/dataplane/ownership.h"
#include "tests/e2e/dataplane/two_nodes.h"

namespace espalier::dataplane::lab {

inline constexpr std::uint32_t kReqid = kReqidFirst + 7;
inline constexpr std::uint32_t kFromA = 0x10000001;  // SPIs
inline constexpr std::uint32_t kFromB = 0x20000002;

struct Cover {
  IpFamily family = IpFamily::kV4;
  Mode mode = Mode::kTransport;
  EspAlgorithm algorithm{};
  bool esn = true;
  std::optional<Encapsulation> encapsulation = std::nullopt;
};

[[nodiscard]] EspKeys keys_for(const EspAlgorithm& algorithm, std::uint8_t fill);

// Whose traffic it is: the nodes' in transport mode, their pods' in tunnel mode.
[[nodiscard]] IpAddress end_address(const Cover& cover, int node);

// The SA from one node (1: a) to the other, as its sender (kOut) or receiver (kIn) holds it.
[[nodiscard]] Sa sa_of(const Cover& cover, int from, Direction direction);
// Required policies of a node for the traffic both ways: out, in, forward. UDP only.
[[nodiscard]] std::vector<Step> policies_of(const Cover& cover, int node);

// Fails the test where a step fails.
void carry_out(Node& node, std::span<const Step> steps);
void carry_out(Node& node, const Step& step);

void require_esp(TwoNodes& nodes, const Cover& cover);
void install_sas(TwoNodes& nodes, const Cover& cover);
void delete_sas(TwoNodes& nodes, const Cover& cover);

}  // namespace espalier::dataplane::lab
