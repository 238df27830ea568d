// Watcher: follows one collection. A pure state machine: bytes and time in, requests and changes
// out.
//
//             start
//               |                                   410, "too large", broken line
//        +------v-------+  end bookmark  +----------+  (again: from the newest)
//        |  WatchList   +--------------->|          +-----> WatchList | List
//        +--+-----------+                | Watching |
//     400, 422, no end bookmark          |          |<----+ clean end, reset, idle:
//        +--v-----------+  whole list    |          +-----+ from the last resource version
//        |    List      +--------------->+----------+
//        +--------------+
//
// Guarantees: the initial set is given whole (Replace), never a half of it; after it every change
// once, in order. It never goes back in time: no resourceVersion=0 after the first set. It keeps
// trying for ever, after 800 ms, doubled up to 30 s, with full jitter, and heeds Retry-After. The
// server's bytes can cost at most Limits of memory beyond the objects themselves.
// Assumptions: the caller performs the outputs in order, gives each stream's bytes under the
// stream's id, and calls on_deadline() when next_deadline() has come. Caveat: after a cut, what was
// deleted meanwhile shows only in the next Replace; Store turns that into deletions.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "kube/api_error.h"
#include "kube/backoff.h"
#include "kube/client.h"
#include "kube/line_framer.h"
#include "kube/object.h"
#include "kube/transport.h"
#include "kube/watch_event.h"

namespace espalier::kube {

struct WatchSpec {
  Resource resource;
  Selection selection;
  Trim trim;  // on every object, before anybody sees it
};

struct WatchLimits {
  std::size_t event = std::size_t{8} << 20U;  // bytes of one event
  std::size_t page = std::size_t{1} << 30U;   // bytes of one answer to a list
  std::size_t error_body = std::size_t{64} << 10U;
};

class Watcher {
 public:
  using StreamId = std::uint64_t;

  // Start this request; give what comes under `id`. At most one stream is open at a time.
  struct Open {
    StreamId id = 0;
    Request request;
  };
  // Cancel it; nothing under that id is listened to any more.
  struct Close {
    StreamId id = 0;
  };
  // The whole set as of `resource_version`.
  struct Replace {
    std::vector<ObjectPtr> objects;
    std::string resource_version;
  };
  struct Put {
    ObjectPtr object;
  };
  struct Remove {
    ObjectPtr last;  // the state at deletion
  };
  // Nothing before `resource_version` will be told any more.
  struct Advance {
    std::string resource_version;
  };
  // For the log; it goes on by itself.
  struct Problem {
    ApiError error;
  };
  using Output = std::variant<Open, Close, Replace, Put, Remove, Advance, Problem>;

  struct Counts {
    std::uint64_t lists = 0;          // whole sets that came, streamed or not
    std::uint64_t watches = 0;        // streams opened to follow
    std::uint64_t short_watches = 0;  // that ended within a second without an event
    std::uint64_t events = 0;
    std::uint64_t expired = 0;   // 410
    std::uint64_t problems = 0;  // Problem outputs
  };

  Watcher(WatchSpec spec, std::uint64_t seed, WatchLimits limits = {});

  void start(TimePoint now);
  void on_head(TimePoint now, StreamId id, int status, const Headers& headers);
  void on_bytes(TimePoint now, StreamId id, std::string_view bytes);
  void on_end(TimePoint now, StreamId id, const Status& how);
  void on_deadline(TimePoint now);
  // kNever before start().
  [[nodiscard]] TimePoint next_deadline() const;
  [[nodiscard]] std::optional<Output> next_output();

  [[nodiscard]] bool synced() const { return synced_; }
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  enum class Stage : std::uint8_t { kIdle, kWatchList, kList, kWatching };
  // Where a new set may come from.
  enum class Freshness : std::uint8_t {
    kCached,    // the first list: whatever the server has at hand
    kNotOlder,  // not older than what we saw
    kNewest,    // from etcd
  };

  void open(TimePoint now);
  [[nodiscard]] Request list_request() const;
  [[nodiscard]] Request watch_request(std::chrono::seconds lasting) const;
  void close();
  void take_lines(TimePoint now, std::string_view bytes);
  void on_event(TimePoint now, WatchEvent event);
  void on_initial_event(WatchEvent event);
  void put_initial(ObjectPtr object);
  void finish_page(TimePoint now);
  void sync(std::string resource_version);
  void on_refused(TimePoint now, ApiError error);
  void on_expired(TimePoint now, ApiError error);
  void start_over(TimePoint now, Freshness freshness, const ApiError& why);
  void retry(TimePoint now, ApiError why);
  void wait(TimePoint now, const ApiError& why);
  void tell(ApiError error);

  WatchSpec spec_;
  WatchLimits limits_;
  Jitter jitter_;
  Backoff backoff_;
  Counts counts_;
  std::deque<Output> outputs_;

  Stage stage_ = Stage::kIdle;
  Freshness freshness_ = Freshness::kCached;
  bool list_only_ = false;  // the server does not stream lists
  bool paging_ = true;      // off after a continuation expired
  bool synced_ = false;
  std::string resource_version_;
  TimePoint resume_at_ = kNever;  // when the stage opens its next stream; kNever: one is open

  // The open stream.
  StreamId id_ = 0;
  bool open_ = false;
  int status_ = 0;  // 0: no head yet
  Headers headers_;
  TimePoint opened_at_ = {};
  Duration lasting_ = {};          // what was asked for
  TimePoint give_up_at_ = kNever;  // it has lasted, or been silent, for too long
  TimePoint warn_at_ = kNever;     // the end bookmark is overdue
  std::string body_;               // of a list or an error
  LineFramer framer_;
  std::string continue_;
  std::vector<ObjectPtr> initial_;  // nullptr: deleted again
  std::unordered_map<ObjectKey, std::size_t> initial_at_;
};

}  // namespace espalier::kube
