#include "operator/plan/node_plan.h"

#include <fmt/format.h>

namespace espalier::plan {

namespace {

std::string protocol_name(std::uint8_t protocol) {
  switch (protocol) {
    case 1:
      return "icmp";
    case 6:
      return "tcp";
    case 17:
      return "udp";
    case 58:
      return "icmpv6";
    case 132:
      return "sctp";
    default:
      return fmt::format("protocol {}", protocol);
  }
}

}  // namespace

std::string_view name_of(NoteKind kind) {
  switch (kind) {
    case NoteKind::kProfileConflict:
      return "ProfileConflict";
    case NoteKind::kShadowed:
      return "Shadowed";
    case NoteKind::kFamilyNotNamed:
      return "FamilyNotNamed";
    case NoteKind::kNoSharedFamily:
      return "NoSharedFamily";
    case NoteKind::kOverlay:
      return "Overlay";
    case NoteKind::kNothingToCover:
      return "NothingToCover";
    case NoteKind::kRefused:
      return "Refused";
  }
  return "unknown";
}

std::string SecretRef::to_string() const {
  return key.empty() ? fmt::format("{}/{}", ns, name) : fmt::format("{}/{}:{}", ns, name, key);
}

std::string Owner::to_string() const {
  return ns.empty() ? fmt::format("{} {}", kind, name) : fmt::format("{} {}/{}", kind, ns, name);
}

std::string Selector::to_string() const {
  std::string text = fmt::format("{} <-> {}", local.to_string(), remote.to_string());
  if (protocol != 0) text += " " + protocol_name(protocol);
  if (icmp_type) text += fmt::format(" type {}", *icmp_type);
  if (local_port != 0) text += fmt::format(" local {}", local_port);
  if (remote_port != 0) text += fmt::format(" remote {}", remote_port);
  if (!pods.empty()) text += " pods of " + pods;
  return text;
}

}  // namespace espalier::plan
