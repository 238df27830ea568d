#include "nodeagent/follow/kube/happening.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace espalier::follow {
namespace {

using telemetry::EventId;

constexpr std::array kTold = {
    EventId::kPlanRefused,        EventId::kSecretUnreadable,   EventId::kCertificateTrouble,
    EventId::kConnectionFailed,   EventId::kConnectionBlocked,  EventId::kPeerLost,
    EventId::kStrangerRefused,    EventId::kKernelNotReady,     EventId::kKernelRefused,
    EventId::kOffloadFellBack,    EventId::kCredentialsRefused, EventId::kCertificateExpiring,
    EventId::kCertificateExpired, EventId::kNodeReleased,       EventId::kReleaseEnded,
    EventId::kReleaseUnkept};

// A peer may have written it: one line of ASCII, which JSON and terminals take.
std::string harmless(const std::string& value) {
  std::string out;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte >= 0x20 && byte < 0x7f ? std::string(1, c) : fmt::format("\\x{:02x}", byte);
  }
  return out;
}

}  // namespace

std::optional<kube::Happening> happening_of(const telemetry::Event& event, kube::Json regarding) {
  if (std::find(kTold.begin(), kTold.end(), event.id) == kTold.end()) return std::nullopt;
  kube::Happening happening;
  happening.regarding = std::move(regarding);
  happening.type = telemetry::level_of(event.id) < telemetry::Level::kWarning
                       ? kube::EventType::kNormal
                       : kube::EventType::kWarning;
  happening.reason = telemetry::name_of(event.id);
  happening.action = "Encrypt";
  happening.note = telemetry::meaning_of(event.id);
  for (const telemetry::EventField& field : event.fields) {
    if (field.value.empty()) continue;
    happening.note += " " + std::string(field.key) + ": " + harmless(field.value) + ";";
  }
  if (happening.note.back() == ';') happening.note.back() = '.';
  return happening;
}

}  // namespace espalier::follow
