// Event: one thing worth telling people, as a typed value; logs, Kubernetes Events and the local
// service's stream render it, each in its own way.
//
// Guarantees: plain values. Caveat: fields are read by people and kept in logs; no secret goes in.
// What a peer says (an identity, a reason) may be in them: renderers escape it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace espalier::telemetry {

enum class Level : std::uint8_t { kDebug, kInfo, kWarning, kError };

enum class EventId : std::uint8_t {
#define ESPALIER_EVENT(id, level, meaning) k##id,
#include "nodeagent/telemetry/events.def"
#undef ESPALIER_EVENT
};

struct EventField {
  std::string_view key;  // a literal, snake_case
  std::string value;
};

struct Event {
  EventId id;
  std::vector<EventField> fields;  // "connection", "peer", "reason", … in the order to be read
};

[[nodiscard]] std::string_view name_of(EventId id);  // "ConnectionUp"
[[nodiscard]] Level level_of(EventId id);
[[nodiscard]] std::string_view meaning_of(EventId id);
[[nodiscard]] std::size_t event_count();
[[nodiscard]] std::string_view name_of(Level level);  // "debug", "info", "warning", "error"

// Where events go. Called on the loop's thread; must not block.
class EventSink {
 public:
  EventSink() = default;
  EventSink(const EventSink&) = delete;
  EventSink& operator=(const EventSink&) = delete;
  virtual ~EventSink() = default;
  virtual void on_event(const Event& event) = 0;
};

}  // namespace espalier::telemetry
