#include "cni/invocation.h"

#include <algorithm>
#include <array>
#include <utility>

namespace espalier::cni {
namespace {

constexpr std::array<std::pair<std::string_view, Command>, 6> kCommands{{
    {"ADD", Command::kAdd},
    {"DEL", Command::kDel},
    {"CHECK", Command::kCheck},
    {"GC", Command::kGc},
    {"STATUS", Command::kStatus},
    {"VERSION", Command::kVersion},
}};

// Of Linux: IFNAMSIZ with its terminating octet.
constexpr std::size_t kLongestIfname = 15;

tl::unexpected<Failure> bad(std::string_view variable, std::string detail) {
  return refuse(FailureCode::kBadEnvironment, std::string(variable) + ": " + std::move(detail));
}

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// Section 2: it begins with an alphanumeric, and goes on with those, '_', '.' and '-'.
bool is_container_id(std::string_view text) {
  return !text.empty() && is_alphanumeric(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alphanumeric(c) || c == '_' || c == '.' || c == '-'; });
}

bool is_ifname(std::string_view text) {
  return !text.empty() && text.size() <= kLongestIfname && text != "." && text != ".." &&
         std::none_of(text.begin(), text.end(),
                      [](char c) { return c == '/' || c == ':' || c <= ' ' || c == '\x7f'; });
}

// "KEY=VALUE;KEY=VALUE"
Outcome<void> read_args(std::string_view text, Invocation& invocation) {
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find(';'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return bad("CNI_ARGS", "'" + std::string(pair) + "' is no KEY=VALUE");
    }
    const std::string_view key = pair.substr(0, equals);
    if (key == "K8S_POD_NAMESPACE") invocation.pod_namespace = pair.substr(equals + 1);
    if (key == "K8S_POD_NAME") invocation.pod_name = pair.substr(equals + 1);
  }
  return {};
}

}  // namespace

Outcome<Invocation> read_invocation(const Environment& environment) {
  const std::string command = environment("CNI_COMMAND").value_or("");
  const auto known = std::find_if(kCommands.begin(), kCommands.end(),
                                  [&](const auto& each) { return each.first == command; });
  if (known == kCommands.end()) {
    return bad("CNI_COMMAND", command.empty() ? "is not set: a container runtime calls this program"
                                              : "'" + command + "' is not known");
  }
  Invocation invocation;
  invocation.command = known->second;
  const bool is_del = invocation.command == Command::kDel;
  if (!is_del && invocation.command != Command::kAdd && invocation.command != Command::kCheck) {
    return invocation;
  }
  invocation.container_id = environment("CNI_CONTAINERID").value_or("");
  if (!is_container_id(invocation.container_id)) {
    return bad("CNI_CONTAINERID", "must be letters, digits, '_', '.' and '-'");
  }
  invocation.ifname = environment("CNI_IFNAME").value_or("");
  if (!is_ifname(invocation.ifname)) return bad("CNI_IFNAME", "must be the name of an interface");
  invocation.netns = environment("CNI_NETNS").value_or("");
  if (!is_del && invocation.netns.empty()) return bad("CNI_NETNS", "is not set");
  if (auto read = read_args(environment("CNI_ARGS").value_or(""), invocation); !read) {
    return tl::unexpected<Failure>(read.error());
  }
  return invocation;
}

}  // namespace espalier::cni
