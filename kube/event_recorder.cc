#include "kube/event_recorder.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace espalier::kube {
namespace {

using namespace std::chrono_literals;

constexpr Duration kSeriesEvery = 30s;
constexpr Duration kSeriesEnds = 6min;
constexpr std::size_t kMaxNote = 1024;  // the API's limit
constexpr std::size_t kMaxName = 253;
constexpr std::size_t kMaxKnown = 4096;
constexpr unsigned kBurst = 25;
constexpr double kRate = 1.0 / 300;

std::string object_of(const Json& regarding) {
  return field_text(regarding, "kind") + "/" + field_text(regarding, "namespace") + "/" +
         field_text(regarding, "name") + "/" + field_text(regarding, "uid");
}

// Without cutting a character of UTF-8 in two.
std::string shortened(std::string text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0U) == 0x80U) --most;
  text.resize(most);
  return text;
}

}  // namespace

Json reference_to(const Object& object) {
  Json reference = {{"apiVersion", field_text(object.json, "apiVersion")},
                    {"kind", field_text(object.json, "kind")},
                    {"name", object.metadata.key.name},
                    {"uid", object.metadata.uid},
                    {"resourceVersion", object.metadata.resource_version}};
  if (!object.metadata.key.ns.empty()) reference["namespace"] = object.metadata.key.ns;
  return reference;
}

void EventRecorder::record(TimePoint now, const std::string& wall, const Happening& happening) {
  ++counts_.recorded;
  const std::string object = object_of(happening.regarding);
  const std::string note = shortened(happening.note, kMaxNote);
  const Sameness same{object, happening.type, happening.reason, happening.action, note};
  if (const auto at = known_.find(same);
      at != known_.end() && now - at->second.last_at < kSeriesEnds) {
    ++counts_.merged;
    ++at->second.count;
    at->second.last_at = now;
    at->second.last_wall = wall;
    at->second.unwritten = true;
    on_deadline(now);
    return;
  }
  if (!budgets_.try_emplace(object, kRate, kBurst).first->second.try_take(now)) {
    ++counts_.dropped;
    return;
  }
  const std::string ns = field_text(happening.regarding, "namespace");
  const std::string suffix = fmt::format(".{:016x}", names_.next());
  Known known;
  known.key = {
      ns.empty() ? "default" : ns,
      field_text(happening.regarding, "name").substr(0, kMaxName - suffix.size()) + suffix};
  known.last_at = known.written_at = now;
  known.last_wall = wall;
  posts_.push_back({known.key,
                    Json{{"apiVersion", events().api_version()},
                         {"kind", events().kind},
                         {"metadata", {{"namespace", known.key.ns}, {"name", known.key.name}}},
                         {"eventTime", wall},
                         {"type", happening.type == EventType::kWarning ? "Warning" : "Normal"},
                         {"reason", happening.reason},
                         {"action", happening.action},
                         {"note", note},
                         {"regarding", happening.regarding},
                         {"reportingController", config_.controller},
                         {"reportingInstance", config_.instance}},
                    true});
  known_[same] = std::move(known);
  if (known_.size() > kMaxKnown || budgets_.size() > kMaxKnown) forget_some();
}

void EventRecorder::on_deadline(TimePoint now) {
  for (auto& [same, known] : known_) {
    if (!known.unwritten || now < known.written_at + kSeriesEvery) continue;
    known.unwritten = false;
    known.written_at = now;
    posts_.push_back(
        {known.key,
         Json{{"series", {{"count", known.count}, {"lastObservedTime", known.last_wall}}}}, false});
  }
}

TimePoint EventRecorder::next_deadline() const {
  TimePoint next = kNever;
  for (const auto& [same, known] : known_) {
    if (known.unwritten) next = std::min(next, known.written_at + kSeriesEvery);
  }
  return next;
}

std::optional<EventRecorder::Post> EventRecorder::next_post() {
  if (posts_.empty()) return std::nullopt;
  std::optional<Post> post(std::move(posts_.front()));
  posts_.pop_front();
  return post;
}

// Half of them, the least recent; seldom enough to be a plain sort.
void EventRecorder::forget_some() {
  std::vector<std::pair<TimePoint, Sameness>> by_age;
  for (const auto& [same, known] : known_) by_age.emplace_back(known.last_at, same);
  std::sort(by_age.begin(), by_age.end());
  by_age.resize(by_age.size() / 2);
  for (const auto& [at, same] : by_age) known_.erase(same);
  if (budgets_.size() > kMaxKnown) budgets_.clear();
}

}  // namespace espalier::kube
