#include "nodeagent/telemetry/event.h"

#include <array>

namespace espalier::telemetry {
namespace {

struct Row {
  std::string_view name;
  Level level;
  std::string_view meaning;
};

constexpr auto kRows = std::to_array<Row>({
#define ESPALIER_EVENT(id, level, meaning) {#id, Level::level, meaning},
#include "nodeagent/telemetry/events.def"
#undef ESPALIER_EVENT
});

const Row& row_of(EventId id) {
  return kRows[static_cast<std::size_t>(id)];
}

}  // namespace

std::string_view name_of(EventId id) {
  return row_of(id).name;
}
Level level_of(EventId id) {
  return row_of(id).level;
}
std::string_view meaning_of(EventId id) {
  return row_of(id).meaning;
}
std::size_t event_count() {
  return kRows.size();
}

std::string_view name_of(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarning:
      return "warning";
    case Level::kError:
      return "error";
  }
  return "unknown";
}

}  // namespace espalier::telemetry
