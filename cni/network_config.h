// NetworkConfig: what comes on standard input, decoded (CNI SPEC 1.1.0, section 1, "Plugin
// configuration objects", and section 2).
//
//   { "cniVersion": "1.1.0", "name": "podnet", "type": "espalier-cni",
//     "socket": "/run/espalier/pods.sock", "timeoutSeconds": 15,
//     "exemptNamespaces": ["espalier-system"],
//     "prevResult": { … } }
//
// Guarantees: strict: a field of ours that is not known (kUnsupportedField), or has the wrong type
// or range (kBadConfig), is refused by its name, and so is a result that does not say which
// addresses the pod has. Never crashes, whatever the octets.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/ip.h"
#include "cni/failure.h"
#include "cni/invocation.h"

namespace espalier::cni {

// Keys stay in the order in which they came.
using Json = nlohmann::ordered_json;

// From the first on in which plugins are chained as they are today; older ones sort first.
enum class SpecVersion : std::uint8_t { k030, k031, k040, k100, k110 };
inline constexpr std::array kSpecVersions{SpecVersion::k030, SpecVersion::k031, SpecVersion::k040,
                                          SpecVersion::k100, SpecVersion::k110};

[[nodiscard]] std::string_view name_of(SpecVersion version);  // "1.1.0"
[[nodiscard]] std::optional<SpecVersion> spec_version(std::string_view text);
[[nodiscard]] std::string supported_versions();  // "0.3.0, 0.3.1, …", for people

inline constexpr std::size_t kLargestInput = 1024 * 1024;  // octets of standard input

inline constexpr const char* kDefaultSocket = "/run/espalier/pods.sock";

struct NetworkConfig {
  SpecVersion version = SpecVersion::k110;
  std::string socket = kDefaultSocket;  // of the agent
  std::chrono::seconds timeout{15};     // of ADD; 1 to 110: kubelet gives up after two minutes
  std::vector<std::string> exempt_namespaces{"espalier-system"};  // never held
  // ADD, CHECK, DEL.
  std::optional<Json> prev_result;
  std::vector<IpAddress> addresses;  // of prev_result; not empty with ADD and CHECK
};

// DEL takes what it understands: a pod must be able to go whatever became of the configuration.
[[nodiscard]] Outcome<NetworkConfig> read_network_config(Command command, std::string_view text);

// The version that an answer to `text` is written in: as asked for, if we know it.
[[nodiscard]] SpecVersion version_of(std::string_view text);

}  // namespace espalier::cni
