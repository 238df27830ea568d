#include "kube/watch_event.h"

#include <utility>

namespace espalier::kube {
namespace {

constexpr std::string_view kInitialEventsEnd = "k8s.io/initial-events-end";

Result<WatchEventType> type_of(const std::string& word) {
  if (word == "ADDED") return WatchEventType::kAdded;
  if (word == "MODIFIED") return WatchEventType::kModified;
  if (word == "DELETED") return WatchEventType::kDeleted;
  if (word == "BOOKMARK") return WatchEventType::kBookmark;
  if (word == "ERROR") return WatchEventType::kError;
  return fail(Code::kUnsupported, "type", "\"" + word.substr(0, 40) + "\" is no type of event");
}

}  // namespace

Result<Json> parse_json(std::string_view text) {
  // The parser itself does not recurse; copying, comparing and dumping what it made would.
  bool too_deep = false;
  const auto bounded = [&too_deep](int depth, Json::parse_event_t event, Json&) {
    const bool opens =
        event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start;
    if (opens && depth > kMaxDepth) too_deep = true;
    return !too_deep;
  };
  Json json = Json::parse(text.begin(), text.end(), bounded, false);
  if (too_deep) return fail(Code::kInvalid, "", "JSON nested too deep");
  if (json.is_discarded()) return fail(Code::kInvalid, "", "no JSON");
  return json;
}

Result<WatchEvent> parse_watch_event(std::string_view line, const Trim& trim) {
  auto json = parse_json(line);
  if (!json) return within("event", json);
  auto type = type_of(field_text(*json, "type"));
  if (!type) return within("event", type);
  const auto object = json->find("object");
  if (object == json->end() || !object->is_object()) {
    return fail(Code::kInvalid, "event.object", "a map is needed");
  }
  WatchEvent event;
  event.type = *type;
  if (event.type == WatchEventType::kError) {
    event.error = error_of_status(*object);
    return event;
  }
  if (event.type == WatchEventType::kBookmark) {
    auto metadata = decode_metadata(*object, true);
    if (!metadata) return within("event.object", metadata);
    event.resource_version = std::move(metadata->resource_version);
    const auto end = metadata->annotations.find(std::string(kInitialEventsEnd));
    event.initial_events_end = end != metadata->annotations.end() && end->second == "true";
    return event;
  }
  if (trim) trim(*object);
  auto made = make_object(std::move(*object));
  if (!made) return within("event.object", made);
  event.resource_version = (*made)->metadata.resource_version;
  event.object = std::move(*made);
  return event;
}

}  // namespace espalier::kube
