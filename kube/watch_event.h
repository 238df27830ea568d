// WatchEvent: one line of a watch, decoded.
//
// Guarantees: no bytes from the server make it throw; depth of nesting is bounded. An error names
// the field. Unknown fields are let be.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "kube/api_error.h"
#include "kube/object.h"

namespace espalier::kube {

enum class WatchEventType : std::uint8_t { kAdded, kModified, kDeleted, kBookmark, kError };

struct WatchEvent {
  WatchEventType type = WatchEventType::kBookmark;
  ObjectPtr object;                 // of the first three
  std::string resource_version;     // of all but kError
  bool initial_events_end = false;  // a bookmark annotated k8s.io/initial-events-end
  ApiError error;                   // of kError
};

[[nodiscard]] Result<WatchEvent> parse_watch_event(std::string_view line, const Trim& trim = {});

// JSON whose nesting is at most kMaxDepth deep; kInvalid otherwise.
inline constexpr int kMaxDepth = 100;
[[nodiscard]] Result<Json> parse_json(std::string_view text);

}  // namespace espalier::kube
