// Invocation: what a container runtime says by CNI_… variables (CNI SPEC 1.1.0, section 2,
// "Parameters").
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "cni/failure.h"

namespace espalier::cni {

enum class Command : std::uint8_t { kAdd, kDel, kCheck, kGc, kStatus, kVersion };

struct Invocation {
  Command command = Command::kVersion;
  // ADD, DEL, CHECK: never empty, but `netns` may be with DEL.
  std::string container_id;
  std::string netns;   // path of a network namespace
  std::string ifname;  // of the container's interface
  // From CNI_ARGS, where the runtime is Kubernetes'; else empty.
  std::string pod_namespace;
  std::string pod_name;
};

// The variable's value; nullopt: it is not set.
using Environment = std::function<std::optional<std::string>(const char* name)>;

// Fails with kBadEnvironment and the variable's name.
[[nodiscard]] Outcome<Invocation> read_invocation(const Environment& environment);

}  // namespace espalier::cni
