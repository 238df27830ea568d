// EventRecorder: what happened to an object, as Events (events.k8s.io/v1) that do not flood.
//
// Guarantees: the same thing again becomes a series of the first Event, written at most every 30 s,
// and a new Event after 6 minutes of quiet; an object that has much to tell may tell 25 things at
// once and then one per 5 minutes. Memory is bounded: the least recent are forgotten. Pure: time is
// an argument; kube/event_sender.h carries it out.
// Caveat: Events are for people, may be lost, and go after an hour. State belongs in conditions.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "base/time.h"
#include "kube/backoff.h"
#include "kube/object.h"
#include "kube/rate_limit.h"

namespace espalier::kube {

enum class EventType : std::uint8_t { kNormal, kWarning };

struct Happening {
  Json regarding;  // reference_to()
  EventType type = EventType::kNormal;
  std::string reason;  // CamelCase, a fixed word: "ProfileConflict"
  std::string action;  // what was done, CamelCase: "Plan"
  std::string note;    // a sentence, at most 1 kB of it is kept
};

// apiVersion, kind, namespace, name, uid, resourceVersion.
[[nodiscard]] Json reference_to(const Object& object);

class EventRecorder {
 public:
  struct Config {
    std::string controller;  // "espalier.io/operator"
    std::string instance;    // the pod's name
  };
  // A request to be made of the events resource: a new one, or a merge patch of one.
  struct Post {
    ObjectKey key;
    Json body;
    bool create = true;
  };
  struct Counts {
    std::uint64_t recorded = 0;
    std::uint64_t merged = 0;   // into a series
    std::uint64_t dropped = 0;  // beyond the rate
  };

  EventRecorder(Config config, std::uint64_t seed) : config_(std::move(config)), names_(seed) {}

  // `wall`: RFC 3339 with microseconds.
  void record(TimePoint now, const std::string& wall, const Happening& happening);
  // Series whose turn has come.
  void on_deadline(TimePoint now);
  [[nodiscard]] TimePoint next_deadline() const;
  [[nodiscard]] std::optional<Post> next_post();
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  using Sameness = std::tuple<std::string, EventType, std::string, std::string, std::string>;
  struct Known {
    ObjectKey key;
    int count = 1;
    std::string last_wall;
    TimePoint last_at = {};
    TimePoint written_at = {};
    bool unwritten = false;  // the series grew since it was written
  };

  void forget_some();

  Config config_;
  Jitter names_;
  Counts counts_;
  std::deque<Post> posts_;
  std::map<Sameness, Known> known_;
  std::map<std::string, TokenBucket> budgets_;  // by object
};

}  // namespace espalier::kube
