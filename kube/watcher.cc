#include "kube/watcher.h"

#include <algorithm>
#include <utility>

#include "kube/list_item.h"

namespace espalier::kube {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kPage = "500";
// How long the server lets a watch last, so that clients spread over its replicas again.
constexpr Duration kMinLasting = 5min;
constexpr Duration kMaxLasting = 10min;
// A watch that outlives what was asked for by this much hangs on a dead connection.
constexpr Duration kLastingMargin = 30s;
constexpr Duration kHeadWithin = 60s;
constexpr Duration kListSilence = 90s;
constexpr Duration kShort = 1s;
constexpr Duration kEndBookmarkDue = 10s;

ApiError broken(std::string message) {
  ApiError error;
  error.message = std::move(message);
  return error;
}

}  // namespace

Watcher::Watcher(WatchSpec spec, std::uint64_t seed, WatchLimits limits)
    : spec_(std::move(spec)),
      limits_(limits),
      jitter_(seed),
      backoff_({}, jitter_.next()),
      framer_(limits.event) {}

void Watcher::start(TimePoint now) {
  if (stage_ != Stage::kIdle) return;
  stage_ = Stage::kWatchList;
  open(now);
}

TimePoint Watcher::next_deadline() const {
  if (!open_) return resume_at_;
  return std::min(give_up_at_, warn_at_);
}

std::optional<Watcher::Output> Watcher::next_output() {
  if (outputs_.empty()) return std::nullopt;
  std::optional<Output> output(std::move(outputs_.front()));
  outputs_.pop_front();
  return output;
}

Request Watcher::list_request() const {
  Request request;
  request.path = spec_.resource.collection_path(spec_.selection.ns);
  request.timeout = kListSilence;
  if (!continue_.empty()) {
    request.query = {{"limit", std::string(kPage)}, {"continue", continue_}};
  } else if (freshness_ == Freshness::kCached) {
    request.query = {{"resourceVersion", "0"}};
  } else if (freshness_ == Freshness::kNotOlder) {
    request.query = {{"resourceVersion", resource_version_},
                     {"resourceVersionMatch", "NotOlderThan"}};
  } else if (paging_) {
    request.query = {{"limit", std::string(kPage)}};
  }
  return request;
}

Request Watcher::watch_request(std::chrono::seconds lasting) const {
  Request request;
  request.path = spec_.resource.collection_path(spec_.selection.ns);
  request.timeout = Duration(lasting) + 2 * kLastingMargin;
  request.query = {{"watch", "1"},
                   {"allowWatchBookmarks", "true"},
                   {"timeoutSeconds", std::to_string(lasting.count())}};
  if (stage_ == Stage::kWatchList) {
    request.query.emplace_back("sendInitialEvents", "true");
    request.query.emplace_back("resourceVersionMatch", "NotOlderThan");
    if (freshness_ == Freshness::kNotOlder) {
      request.query.emplace_back("resourceVersion", resource_version_);
    }
  } else {
    request.query.emplace_back("resourceVersion", resource_version_);
  }
  return request;
}

void Watcher::open(TimePoint now) {
  const auto lasting =
      std::chrono::duration_cast<std::chrono::seconds>(jitter_.between(kMinLasting, kMaxLasting));
  Request request = stage_ == Stage::kList ? list_request() : watch_request(lasting);
  if (!spec_.selection.label_selector.empty()) {
    request.query.emplace_back("labelSelector", spec_.selection.label_selector);
  }
  if (!spec_.selection.field_selector.empty()) {
    request.query.emplace_back("fieldSelector", spec_.selection.field_selector);
  }
  request.headers = {{"Accept", "application/json"}};
  if (stage_ == Stage::kWatching) {
    ++counts_.watches;
  } else if (continue_.empty()) {
    initial_.clear();
    initial_at_.clear();
  }
  ++id_;
  open_ = true;
  status_ = 0;
  headers_.clear();
  body_.clear();
  framer_ = LineFramer(limits_.event);
  resume_at_ = kNever;
  opened_at_ = now;
  give_up_at_ = now + kHeadWithin;
  lasting_ = lasting;
  warn_at_ = kNever;
  outputs_.emplace_back(Open{id_, std::move(request)});
}

void Watcher::close() {
  if (open_) outputs_.emplace_back(Close{id_});
  open_ = false;
}

void Watcher::on_head(TimePoint now, StreamId id, int status, const Headers& headers) {
  if (!open_ || id != id_) return;
  status_ = status;
  headers_ = headers;
  give_up_at_ = now + kListSilence;
  if (status != 200) return;
  if (stage_ != Stage::kWatching && continue_.empty()) ++counts_.lists;
  if (stage_ == Stage::kList) return;
  give_up_at_ = now + lasting_ + kLastingMargin;
  if (stage_ == Stage::kWatchList) warn_at_ = now + kEndBookmarkDue;
}

void Watcher::on_bytes(TimePoint now, StreamId id, std::string_view bytes) {
  if (!open_ || id != id_) return;
  if (status_ == 200 && stage_ != Stage::kList) {
    take_lines(now, bytes);
    return;
  }
  const std::size_t cap = status_ == 200 ? limits_.page : limits_.error_body;
  if (body_.size() + bytes.size() > cap) {
    if (status_ == 200) {
      close();
      retry(now, broken("a list is longer than " + std::to_string(cap) + " bytes"));
      return;
    }
    bytes = bytes.substr(0, cap - body_.size());
  }
  body_.append(bytes);
  give_up_at_ = now + kListSilence;
}

void Watcher::take_lines(TimePoint now, std::string_view bytes) {
  const StreamId id = id_;
  framer_.feed(bytes);
  while (open_ && id == id_) {
    auto line = framer_.next();
    if (line && !*line) return;
    auto event = line ? parse_watch_event(**line, spec_.trim) : Result<WatchEvent>(forward(line));
    if (!event) {
      // Resuming would bring the same line again.
      close();
      start_over(now, Freshness::kNewest, broken(event.error().to_string()));
      return;
    }
    on_event(now, std::move(*event));
  }
}

void Watcher::on_event(TimePoint now, WatchEvent event) {
  if (event.type == WatchEventType::kError) {
    close();
    on_refused(now, std::move(event.error));
    return;
  }
  if (event.type != WatchEventType::kBookmark) ++counts_.events;
  if (stage_ == Stage::kWatchList) {
    on_initial_event(std::move(event));
    return;
  }
  if (!event.resource_version.empty()) resource_version_ = event.resource_version;
  switch (event.type) {
    case WatchEventType::kAdded:
    case WatchEventType::kModified:
      outputs_.emplace_back(Put{std::move(event.object)});
      break;
    case WatchEventType::kDeleted:
      outputs_.emplace_back(Remove{std::move(event.object)});
      break;
    case WatchEventType::kBookmark:
    case WatchEventType::kError:
      break;
  }
  if (!event.resource_version.empty()) outputs_.emplace_back(Advance{resource_version_});
}

void Watcher::put_initial(ObjectPtr object) {
  const auto [at, fresh] = initial_at_.try_emplace(object->key(), initial_.size());
  if (fresh) {
    initial_.push_back(std::move(object));
  } else {
    initial_[at->second] = std::move(object);
  }
}

void Watcher::on_initial_event(WatchEvent event) {
  switch (event.type) {
    case WatchEventType::kAdded:
    case WatchEventType::kModified:
      put_initial(std::move(event.object));
      break;
    case WatchEventType::kDeleted:
      if (const auto at = initial_at_.find(event.object->key()); at != initial_at_.end()) {
        initial_[at->second] = nullptr;
      }
      break;
    case WatchEventType::kBookmark:
      if (event.initial_events_end) sync(std::move(event.resource_version));
      break;
    case WatchEventType::kError:
      break;
  }
}

void Watcher::sync(std::string resource_version) {
  initial_.erase(std::remove(initial_.begin(), initial_.end(), nullptr), initial_.end());
  resource_version_ = resource_version;
  outputs_.emplace_back(Replace{std::move(initial_), std::move(resource_version)});
  initial_ = {};
  initial_at_ = {};
  continue_.clear();
  paging_ = true;
  synced_ = true;
  freshness_ = Freshness::kNotOlder;
  stage_ = Stage::kWatching;
  warn_at_ = kNever;
}

void Watcher::finish_page(TimePoint now) {
  auto json = parse_json(body_);
  body_ = {};
  const auto items = json ? json->find("items") : Json::iterator();
  if (!json || items == json->end() || !(items->is_array() || items->is_null())) {
    retry(now, broken(json ? "items: a list is needed" : json.error().to_string()));
    return;
  }
  for (auto& item : *items) {
    auto object = object_of_item(spec_.resource, std::move(item), spec_.trim);
    if (!object) {
      retry(now, broken(object.error().to_string()));
      return;
    }
    put_initial(std::move(*object));
  }
  continue_ = field_text(*json, "metadata.continue");
  if (continue_.empty()) sync(field_text(*json, "metadata.resourceVersion"));
  open(now);
}

void Watcher::on_end(TimePoint now, StreamId id, const Status& how) {
  if (!open_ || id != id_) return;
  open_ = false;
  if (status_ != 0 && status_ != 200) {
    on_refused(now, error_of(status_, headers_, body_));
    return;
  }
  if (!how || status_ == 0) {
    retry(now, how ? broken("the server closed without an answer") : error_of(how.error()));
    return;
  }
  switch (stage_) {
    case Stage::kList:
      finish_page(now);
      return;
    case Stage::kWatchList:
      // It takes the request for a plain watch: an old server that knows no streamed lists.
      list_only_ = true;
      start_over(now, freshness_, broken("the initial events did not end"));
      return;
    case Stage::kWatching:
      if (now - opened_at_ >= kShort) {
        open(now);
        return;
      }
      ++counts_.short_watches;
      retry(now, broken("the watch ended at once"));
      return;
    case Stage::kIdle:
      return;
  }
}

void Watcher::on_refused(TimePoint now, ApiError error) {
  if (is_resource_version_too_large(error)) {
    start_over(now, Freshness::kNewest, error);
    return;
  }
  switch (error.kind) {
    case ErrorKind::kGone:
      on_expired(now, std::move(error));
      return;
    case ErrorKind::kInvalid:
      if (stage_ == Stage::kWatchList && !list_only_) {
        list_only_ = true;
        stage_ = Stage::kList;
        open(now);
      } else {
        start_over(now, Freshness::kNewest, error);
      }
      return;
    default:
      retry(now, std::move(error));
  }
}

void Watcher::on_expired(TimePoint now, ApiError error) {
  ++counts_.expired;
  if (stage_ == Stage::kWatching) {
    start_over(now, Freshness::kNotOlder, error);
    return;
  }
  if (!continue_.empty()) paging_ = false;
  start_over(now, Freshness::kNewest, error);
}

void Watcher::start_over(TimePoint now, Freshness freshness, const ApiError& why) {
  stage_ = list_only_ ? Stage::kList : Stage::kWatchList;
  freshness_ = freshness;
  continue_.clear();
  initial_.clear();
  initial_at_.clear();
  tell(why);
  wait(now, why);
}

void Watcher::retry(TimePoint now, ApiError why) {
  if (stage_ == Stage::kWatchList) {
    initial_.clear();
    initial_at_.clear();
  }
  wait(now, why);
  tell(std::move(why));
}

void Watcher::wait(TimePoint now, const ApiError& why) {
  Duration delay = backoff_.failed(now, status_ == 200 ? opened_at_ : kNever);
  // A little later than asked, so that those who were told the same do not come together.
  if (why.retry_after) delay = std::max(delay, *why.retry_after + delay / 4);
  resume_at_ = now + delay;
}

void Watcher::tell(ApiError error) {
  ++counts_.problems;
  if (error.where.empty()) error.where = "watch " + spec_.resource.plural;
  outputs_.emplace_back(Problem{std::move(error)});
}

void Watcher::on_deadline(TimePoint now) {
  if (now < next_deadline() || stage_ == Stage::kIdle) return;
  if (!open_) {
    open(now);
    return;
  }
  if (now >= give_up_at_) {
    close();
    if (status_ == 200 && stage_ == Stage::kWatching) {
      open(now);
    } else {
      retry(now, broken("no answer"));
    }
    return;
  }
  warn_at_ = now + kEndBookmarkDue;
  tell(broken("the initial events have not ended yet"));
}

}  // namespace espalier::kube
